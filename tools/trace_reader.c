/*
 * See tools/trace_reader.h: pairing.  The order of records is made in tools/trace_order.c.
 */
#include "tools/trace_reader.h"

#include <stdlib.h>
#include <string.h>
#include <bsd/sys/tree.h>

#include "abi/capture.h"
#include "abi/syscalls.h"
#include "lib/format.h"
#include "tools/bytes.h"
#include "tools/filter.h"
#include "tools/message.h"
#include "tools/trace_order.h"

#define TASKS_MAX 65536u /* a broken kernel may name any number of tasks: calls of further ones are not paired */
#define EARLY_MAX (4 * CAPTURE_MORE_MAX * CAPTURE_BUFFER_SIZE)
#define NOTHING (~0ULL)

/* A task that has an open call, or has just been made. */
struct task {
    RB_ENTRY(task) node;
    uint32_t tid;
    bool open;   /* `call` has not ended */
    bool is_new; /* its first return closes a call of its parent's */
    struct trace_call call;
    struct bytes stack; /* of the entry that comes next, or of the open call */
    bool has_stack;     /* of the former */
    struct bytes early; /* items that came before the return: with the entry, or because there are many */
};

RB_HEAD(task_tree, task);

struct trace_reader {
    trace_take *take;
    void *context;
    struct trace_order *order;
    struct task_tree tasks;
    struct task *last; /* found last; NULL: none */
    unsigned task_count;
    uint32_t sessions; /* whose records count */
    struct bytes aligned; /* a record, while it is looked at */
};

static int task_compare(const struct task *a, const struct task *b)
{
    return a->tid < b->tid ? -1 : a->tid > b->tid;
}

RB_PROTOTYPE(task_tree, task, node, task_compare)
RB_GENERATE(task_tree, task, node, task_compare)

static struct task *task_find(struct trace_reader *r, uint32_t tid)
{
    struct task key = {.tid = tid};

    if (!r->last || r->last->tid != tid)
        r->last = RB_FIND(task_tree, &r->tasks, &key);
    return r->last;
}

static struct task *task_get(struct trace_reader *r, uint32_t tid)
{
    struct task *t = task_find(r, tid);

    if (t || r->task_count >= TASKS_MAX)
        return t;
    t = must_alloc(sizeof *t);
    *t = (struct task){.tid = tid};
    RB_INSERT(task_tree, &r->tasks, t);
    r->task_count++;
    r->last = t;
    return t;
}

static void task_remove(struct trace_reader *r, struct task *t)
{
    RB_REMOVE(task_tree, &r->tasks, t);
    r->task_count--;
    r->last = NULL;
    bytes_free(&t->early);
    bytes_free(&t->stack);
    free(t);
}

static void emit(struct trace_reader *r, enum trace_event_kind kind, const struct trace_record *record,
                 struct trace_call *call)
{
    struct trace_event e = {.kind = kind, .record = record, .call = call};

    if (record) {
        e.tsc = record->tsc;
        e.pid = record->pid;
        e.tid = record->tid;
        e.vcpu = record->vcpu;
    } else if (call) {
        e.tsc = call->end_tsc;
        e.pid = call->pid;
        e.tid = call->tid;
        e.vcpu = call->vcpu;
    }
    r->take(r->context, &e);
}

/* The open call of a task ends without a return. */
static void call_abandon(struct trace_reader *r, struct task *t, unsigned status, const struct trace_record *at)
{
    if (!t->open)
        return;
    t->open = false;
    t->call.status = (uint8_t)status;
    t->call.end_tsc = at ? at->tsc : t->call.tsc;
    t->call.end_sequence = at ? at->sequence : t->call.sequence;
    t->call.items = t->early.size > 0 ? t->early.data : NULL;
    t->call.items_size = t->early.size;
    emit(r, EVENT_CALL, NULL, &t->call);
}

static void take_entry(struct trace_reader *r, const struct trace_record *record)
{
    const struct trace_entry_body *body = (const void *)record->body;
    struct task *t = task_get(r, record->tid);

    if (!t)
        return;
    call_abandon(r, t, CALL_UNAVAILABLE, record);
    t->open = true;
    t->is_new = false;
    t->call = (struct trace_call){.nr = body->nr, .rip = body->rip, .pid = record->pid, .tid = record->tid,
                                  .vcpu = record->vcpu, .flags = record->flags, .tsc = record->tsc,
                                  .sequence = record->sequence};
    memcpy(t->call.args, body->args, sizeof t->call.args);
    t->early.size = 0;
    if (record->flags & TRACE_OBSERVED)
        bytes_append(&t->early, record->body + sizeof *body, record->size - sizeof *record - sizeof *body);
    t->call.stack = t->has_stack ? (const void *)t->stack.data : NULL;
    t->has_stack = false;
    emit(r, EVENT_ENTRY, record, &t->call);
    if ((record->flags & TRACE_NO_TASK) && body->nr < SYSCALL_COUNT && syscall_rows[body->nr].result == RESULT_NONE)
        call_abandon(r, t, CALL_UNFINISHED, record); /* nobody will say that the task has ended */
}

static void take_stack(struct trace_reader *r, const struct trace_record *record)
{
    const struct trace_stack_body *body = (const void *)record->body;
    struct task *t = task_get(r, record->tid);

    if (!t || body->size > record->size - sizeof *record - sizeof *body)
        return;
    call_abandon(r, t, CALL_UNAVAILABLE, record);
    t->stack.size = 0;
    bytes_append(&t->stack, body, sizeof *body + body->size);
    t->has_stack = true;
}

/* The return of a call whose entry is not here: older than the flight recorder's memory, or trapping was just turned on. */
static void take_lone_return(struct trace_reader *r, const struct trace_record *record)
{
    const struct trace_return_body *body = (const void *)record->body;
    struct trace_call call = {.nr = body->nr, .pid = record->pid, .tid = record->tid, .vcpu = record->vcpu,
                              .flags = record->flags, .returned = true, .result = body->result, .tsc = record->tsc,
                              .end_tsc = record->tsc, .sequence = record->sequence, .end_sequence = record->sequence};

    emit(r, EVENT_LONE_END, record, &call);
}

static void call_return(struct trace_reader *r, struct task *t, const struct trace_record *record)
{
    const struct trace_return_body *body = (const void *)record->body;
    struct trace_call *call = &t->call;
    bool failed = body->result < 0 && body->result >= -4095;

    t->open = false;
    call->returned = true;
    call->result = body->result;
    call->status = failed ? CALL_FAILED : CALL_SUCCESSFUL;
    call->flags |= record->flags;
    call->end_tsc = record->tsc;
    call->end_sequence = record->sequence;
    call->items = body + 1;
    call->items_size = record->size - sizeof *record - sizeof *body;
    if (t->early.size > 0) {
        bytes_append(&t->early, call->items, call->items_size);
        call->items = t->early.data;
        call->items_size = t->early.size;
    }
    emit(r, EVENT_CALL, record, call);
}

/* The sender's bound on a call's items is not trusted. */
static void take_more(struct trace_reader *r, const struct trace_record *record)
{
    struct task *t = task_find(r, record->tid);
    size_t n = record->size - sizeof *record;

    if (t && t->open && t->early.size + n <= EARLY_MAX)
        bytes_append(&t->early, record->body, n);
}

static void take_verdict(struct trace_reader *r, const struct trace_record *record)
{
    struct task *t = task_find(r, record->tid);

    if (!t || !t->open)
        return;
    memcpy(&t->call.verdict, record->body, sizeof t->call.verdict);
    t->call.verdict_sequence = record->sequence;
    t->call.is_judged = true;
}

static void take_return(struct trace_reader *r, const struct trace_record *record)
{
    const struct trace_return_body *body = (const void *)record->body;
    struct task *t = task_find(r, record->tid);

    if ((record->flags & TRACE_HALF) && body->nr != NOTHING) { /* it will return unseen, or was never closed */
        if (t)
            call_abandon(r, t, CALL_DETACHED, record);
    } else if (t && t->open && (body->nr == t->call.nr || body->entry_sequence == t->call.sequence)) {
        call_return(r, t, record);
    } else if (t && t->is_new) {
        t->is_new = false;
    } else {
        take_lone_return(r, record);
    }
}

static void take_task_new(struct trace_reader *r, const struct trace_record *record)
{
    const struct trace_task_new_body *body = (const void *)record->body;
    struct task *parent = task_find(r, record->tid);

    emit(r, EVENT_TASK_NEW, record, parent && parent->open ? &parent->call : NULL);
    struct task *t = task_get(r, body->tid);
    if (!t)
        return;
    call_abandon(r, t, CALL_UNAVAILABLE, record);
    t->is_new = true;
}

static void take_task_exit(struct trace_reader *r, const struct trace_record *record)
{
    struct task *t = task_find(r, record->tid);

    if (t)
        call_abandon(r, t, CALL_UNFINISHED, record);
    emit(r, EVENT_TASK_EXIT, record, NULL);
    if (t)
        task_remove(r, t);
}

static const struct {
    void (*take)(struct trace_reader *r, const struct trace_record *record); /* NULL: as `event` */
    enum trace_event_kind event;
    size_t body;
} types[] = {
    [TRACE_ENTRY] = {take_entry, 0, sizeof(struct trace_entry_body)},
    [TRACE_RETURN] = {take_return, 0, sizeof(struct trace_return_body)},
    [TRACE_SIGNAL] = {NULL, EVENT_SIGNAL, 128},
    [TRACE_TASK_NEW] = {take_task_new, 0, sizeof(struct trace_task_new_body)},
    [TRACE_TASK_EXIT] = {take_task_exit, 0, sizeof(struct trace_task_exit_body)},
    [TRACE_SWITCH] = {NULL, EVENT_SWITCH, sizeof(struct trace_switch_body)},
    [TRACE_MORE] = {take_more, 0, sizeof(struct capture_item)},
    [TRACE_STACK] = {take_stack, 0, sizeof(struct trace_stack_body)},
    [TRACE_MACHINE] = {NULL, EVENT_MACHINE, sizeof(struct trace_machine_body)},
    [TRACE_VERDICT] = {take_verdict, 0, sizeof(struct trace_verdict_body)},
    [TRACE_LOST] = {NULL, EVENT_LOST, sizeof(struct trace_lost_body)},
};

static void take_record(void *context, const struct trace_record *record)
{
    struct trace_reader *r = context;
    bool known = record->type < ARRAY_SIZE(types) && types[record->type].body &&
                 record->size - sizeof *record >= types[record->type].body;

    if (record->sessions && !(record->sessions & r->sessions))
        return;
    if (known && types[record->type].take)
        types[record->type].take(r, record);
    else
        emit(r, known ? types[record->type].event : EVENT_OTHER, record, NULL);
}

size_t trace_record_check(const void *data, size_t n)
{
    uint32_t size;

    if (n < sizeof(struct trace_record))
        return 0;
    memcpy(&size, data, sizeof size); /* its first field; perhaps not aligned */
    if (size < sizeof(struct trace_record) || size % 8 != 0 || size > n)
        return 0;
    return size;
}

/* A frame's payload is not aligned. */
static const struct trace_record *record_aligned(struct trace_reader *r, const uint8_t *bytes, size_t size)
{
    if (IS_ALIGNED((uintptr_t)bytes, 8))
        return (const void *)bytes;
    r->aligned.size = 0;
    bytes_append(&r->aligned, bytes, size); /* malloc aligns for any type */
    return (const void *)r->aligned.data;
}

void trace_reader_feed(struct trace_reader *r, const void *data, size_t n)
{
    const uint8_t *bytes = data;
    size_t size;

    for (size_t at = 0; at < n; at += size) {
        size = trace_record_check(bytes + at, n - at);
        if (size == 0) {
            char text[96];
            format(text, sizeof text, "malformed trace record, %zu bytes skipped", n - at);
            struct trace_event e = {.kind = EVENT_DAMAGE, .text = text};
            trace_order_flush(r->order);
            r->take(r->context, &e);
            return;
        }
        trace_order_put(r->order, record_aligned(r, bytes + at, size));
    }
}

void trace_reader_set_sessions(struct trace_reader *r, uint32_t sessions)
{
    r->sessions = sessions;
}

void trace_reader_start(struct trace_reader *r, uint64_t sequence)
{
    trace_order_start(r->order, sequence);
}

void trace_reader_go_on(struct trace_reader *r)
{
    trace_order_flush(r->order);
}

void trace_reader_finish(struct trace_reader *r)
{
    struct task *t;

    trace_order_flush(r->order);
    RB_FOREACH (t, task_tree, &r->tasks)
        call_abandon(r, t, CALL_UNFINISHED, NULL);
}

struct trace_reader *trace_reader_new(trace_take *take, void *context)
{
    struct trace_reader *r = must_alloc(sizeof *r);

    *r = (struct trace_reader){.take = take, .context = context, .sessions = ~0u};
    r->order = trace_order_new(take_record, r);
    return r;
}

void trace_reader_free(struct trace_reader *r)
{
    struct task *t;

    if (!r)
        return;
    while ((t = RB_MIN(task_tree, &r->tasks)))
        task_remove(r, t);
    trace_order_free(r->order);
    bytes_free(&r->aligned);
    free(r);
}
