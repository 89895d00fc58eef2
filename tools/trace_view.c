/*
 * See tools/trace_view.h.
 */
#include "tools/trace_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bsd/sys/tree.h>

#include "abi/decode.h"
#include "abi/trace_record.h"
#include "tools/message.h"

#define TASKS_MAX 65536u /* a broken kernel may name any number of tasks: beyond it entries are printed unpaired */

/* A task that has an open call, or has just been made. */
struct task {
    RB_ENTRY(task) node;
    uint32_t tid;
    bool open;  /* `entry` is a call that has not returned */
    bool is_new; /* its first return closes a call of its parent's */
    uint16_t flags;
    uint64_t tsc, sequence;
    struct trace_entry_body entry;
    struct bytes observed; /* items that came with it */
};

RB_HEAD(task_tree, task);

struct trace_view {
    struct trace_sink sink;
    struct bytes kept;
    struct task_tree tasks;
    unsigned task_count;
    uint64_t tsc_hz;
    char line[DECODE_LINE_MAX + 128];
};

static int task_compare(const struct task *a, const struct task *b)
{
    return a->tid < b->tid ? -1 : a->tid > b->tid;
}

RB_PROTOTYPE(task_tree, task, node, task_compare)
RB_GENERATE(task_tree, task, node, task_compare)

static struct task *task_find(struct trace_view *v, uint32_t tid)
{
    struct task key = {.tid = tid};

    return RB_FIND(task_tree, &v->tasks, &key);
}

static struct task *task_get(struct trace_view *v, uint32_t tid)
{
    struct task *t = task_find(v, tid);

    if (t || v->task_count >= TASKS_MAX)
        return t;
    t = must_alloc(sizeof *t);
    *t = (struct task){.tid = tid};
    RB_INSERT(task_tree, &v->tasks, t);
    v->task_count++;
    return t;
}

static void task_remove(struct trace_view *v, struct task *t)
{
    RB_REMOVE(task_tree, &v->tasks, t);
    v->task_count--;
    bytes_free(&t->observed);
    free(t);
}

/* Finish the line that begins at v->line: "[tid] text". */
static void emit(struct trace_view *v, size_t n)
{
    n = MIN(n, sizeof v->line - 2);
    v->line[n++] = '\n';
    v->sink.line(v->sink.context, v->line, n);
}

static size_t begin(struct trace_view *v, uint32_t tid)
{
    return (size_t)snprintf(v->line, sizeof v->line, "[%u] ", tid);
}

static void print_call(struct trace_view *v, const struct task *t, const struct trace_record *end)
{
    const struct trace_return_body *body = end ? (const void *)end->body : NULL;
    struct decode_call call = {.nr = t->entry.nr, .returned = body};
    size_t n = begin(v, t->tid);

    memcpy(call.args, t->entry.args, sizeof call.args);
    if (body) {
        call.result = body->result;
        call.answered = (t->flags | end->flags) & TRACE_ANSWERED;
        call.items = body + 1;
        call.items_size = end->size - sizeof *end - sizeof *body;
    }
    if (t->observed.size > 0) {
        call.items = t->observed.data;
        call.items_size = t->observed.size;
    }
    n += decode_call(&call, v->line + n, DECODE_LINE_MAX);
    if (body && v->tsc_hz && end->tsc >= t->tsc)
        n += (size_t)snprintf(v->line + n, sizeof v->line - n, " <%.6f>", (double)(end->tsc - t->tsc) / (double)v->tsc_hz);
    emit(v, n);
}

static void take_entry(struct trace_view *v, const struct trace_record *r)
{
    struct task *t = task_get(v, r->tid);

    if (!t)
        return;
    if (t->open)
        print_call(v, t, NULL);
    t->open = true;
    t->is_new = false;
    t->flags = r->flags;
    t->tsc = r->tsc;
    t->sequence = r->sequence;
    memcpy(&t->entry, r->body, sizeof t->entry);
    t->observed.size = 0;
    if (r->flags & TRACE_OBSERVED)
        bytes_append(&t->observed, r->body + sizeof t->entry, r->size - sizeof *r - sizeof t->entry);
}

/* The return of a call whose entry is not here: older than the flight recorder's memory, or trapping was just turned on. */
static void print_half_return(struct trace_view *v, const struct trace_record *r)
{
    const struct trace_return_body *body = (const void *)r->body;
    size_t n = begin(v, r->tid);

    n += (size_t)snprintf(v->line + n, sizeof v->line - n, "<... resumed>) = %lld", (long long)body->result);
    emit(v, n);
}

static void take_return(struct trace_view *v, const struct trace_record *r)
{
    const struct trace_return_body *body = (const void *)r->body;
    struct task *t = task_find(v, r->tid);

    if ((r->flags & TRACE_HALF) && body->nr != ~0ULL) { /* it will return unseen, or was never closed */
        if (t && t->open)
            print_call(v, t, NULL);
        if (t)
            t->open = false;
    } else if (t && t->open && (body->nr == t->entry.nr || body->entry_sequence == t->sequence)) {
        print_call(v, t, r);
        t->open = false;
    } else if (t && t->is_new) {
        t->is_new = false;
    } else {
        print_half_return(v, r);
    }
}

static void take_task_new(struct trace_view *v, const struct trace_record *r)
{
    const struct trace_task_new_body *body = (const void *)r->body;
    struct task *t = task_get(v, body->tid);

    if (t)
        *t = (struct task){.node = t->node, .tid = t->tid, .is_new = true, .observed = t->observed};
}

static void take_task_exit(struct trace_view *v, const struct trace_record *r)
{
    const struct trace_task_exit_body *body = (const void *)r->body;
    struct task *t = task_find(v, r->tid);

    if (t && t->open)
        print_call(v, t, NULL);
    if (t)
        task_remove(v, t);
    size_t n = begin(v, r->tid);
    emit(v, n + decode_task_exit(body->wait_status, v->line + n, DECODE_LINE_MAX));
}

static void take_signal(struct trace_view *v, const struct trace_record *r)
{
    size_t n = begin(v, r->tid);

    emit(v, n + decode_siginfo(r->body, v->line + n, DECODE_LINE_MAX));
}

static void take_switch(struct trace_view *v, const struct trace_record *r)
{
    const struct trace_switch_body *body = (const void *)r->body;

    emit(v, (size_t)snprintf(v->line, sizeof v->line, "*** trapping turned %s, %u calls open ***", body->on ? "on" : "off",
                             body->open_calls));
}

static void take_lost(struct trace_view *v, const struct trace_record *r)
{
    const struct trace_lost_body *body = (const void *)r->body;

    emit(v, (size_t)snprintf(v->line, sizeof v->line, "*** %llu records lost ***", (unsigned long long)body->records));
}

static const struct {
    void (*take)(struct trace_view *v, const struct trace_record *r);
    size_t body;
} types[] = {
    [TRACE_ENTRY] = {take_entry, sizeof(struct trace_entry_body)},
    [TRACE_RETURN] = {take_return, sizeof(struct trace_return_body)},
    [TRACE_SIGNAL] = {take_signal, 128},
    [TRACE_TASK_NEW] = {take_task_new, sizeof(struct trace_task_new_body)},
    [TRACE_TASK_EXIT] = {take_task_exit, sizeof(struct trace_task_exit_body)},
    [TRACE_SWITCH] = {take_switch, sizeof(struct trace_switch_body)},
    [TRACE_LOST] = {take_lost, sizeof(struct trace_lost_body)},
};

/* Aligned bytes.  Unknown types are skipped by their size; a bad size ends the piece. */
static void print_records(struct trace_view *v, const uint8_t *data, size_t n)
{
    for (size_t at = 0; at < n;) {
        const struct trace_record *r = (const void *)(data + at);

        if (n - at < sizeof *r || r->size < sizeof *r || r->size % 8 != 0 || r->size > n - at) {
            emit(v, (size_t)snprintf(v->line, sizeof v->line, "*** malformed trace record, %zu bytes skipped ***", n - at));
            return;
        }
        if (r->type < ARRAY_SIZE(types) && types[r->type].take && r->size - sizeof *r >= types[r->type].body)
            types[r->type].take(v, r);
        at += r->size;
    }
}

struct trace_view *trace_view_new(struct trace_sink sink)
{
    struct trace_view *v = must_alloc(sizeof *v);

    *v = (struct trace_view){.sink = sink};
    return v;
}

void trace_view_set_clock(struct trace_view *v, uint64_t tsc_hz)
{
    if (v)
        v->tsc_hz = tsc_hz;
}

void trace_view_feed(struct trace_view *v, const void *data, size_t n)
{
    struct bytes aligned = {0};

    if (!v || n == 0)
        return;
    if (!v->sink.line) {
        bytes_append(&v->kept, data, n);
        return;
    }
    bytes_append(&aligned, data, n); /* malloc aligns for any type */
    print_records(v, aligned.data, n);
    bytes_free(&aligned);
}

void trace_view_finish(struct trace_view *v)
{
    struct task *t;

    if (!v || !v->sink.line)
        return;
    RB_FOREACH(t, task_tree, &v->tasks) {
        if (t->open)
            print_call(v, t, NULL);
        t->open = false;
    }
}

void trace_view_print_kept(struct trace_view *v, struct trace_sink sink)
{
    if (!v)
        return;
    v->sink = sink;
    print_records(v, v->kept.data, v->kept.size);
    trace_view_finish(v);
}

void trace_view_free(struct trace_view *v)
{
    struct task *t;

    if (!v)
        return;
    while ((t = RB_MIN(task_tree, &v->tasks)))
        task_remove(v, t);
    bytes_free(&v->kept);
    free(v);
}
