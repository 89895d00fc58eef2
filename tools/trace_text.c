/*
 * The trace as text, as strace prints it: a call on one line, or in two halves if something else happened in between.
 *
 * What a call's arguments point to is known only when it has ended, but its first half stands where it was made.  So a line
 * waits while a call that was made before it is open; trace_view_pause() ends the wait, and what is not known by then is
 * shown as an address.  Without a second task nothing ever waits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abi/capture.h"
#include "abi/syscalls.h"
#include "lib/format.h"
#include "tools/message.h"
#include "tools/trace_dump.h"
#include "tools/trace_machine.h"
#include "tools/trace_verdict.h"
#include "tools/trace_writer.h"

#define LEADER_MAX 160u
#define TASK_WIDTH 6u /* of its number with a space */
#define VERDICT_MAX 128u
#define LINE_MAX (DECODE_LINE_MAX + 1024u) /* a decoded call, padded, with what stands around it */
#define LINE_ROOM (LINE_MAX + LEADER_MAX)
#define WAITING_MAX 20000u /* lines; then the first call that they wait for is shown as it is known */

/* A call that is open, or of which a half still waits. */
struct text_call {
    struct text_call *next, **previous; /* the open ones, in the order in which they were made */
    struct trace_call *call;            /* NULL: it has ended */
    struct text_line *first_half;       /* it waits; NULL: there is none */
    bool has_first_half;                /* it was made, and shown or still waits */
};

enum line_kind { LINE_WHOLE, LINE_FIRST_HALF, LINE_SECOND_HALF };

struct text_line {
    struct text_line *next;
    enum line_kind kind;
    bool ready, dropped;
    struct text_call *of;   /* of a first half that is not ready */
    char *leader, *text;    /* text of a first half: up to " <unfinished ...>"; of the second: what follows it */
    char *joined;           /* of a second half: the whole line, if nothing came between */
    struct text_line *mate; /* of a first half: its second one, if that waits */
};

struct text_writer {
    struct trace_show *show;
    struct text_call *open, **open_end;
    struct text_line *lines, **lines_end;
    size_t waiting;
    uint64_t last_tsc; /* of the line before, for -r */
    struct text_call *spare; /* one to use again; NULL: none */
    char *room; /* LINE_ROOM bytes */
};

static size_t stamp(const struct trace_show *s, uint64_t tsc, char *to, size_t size)
{
    int64_t ns = trace_epoch_ns(&s->clock, tsc);
    time_t seconds = ns / 1000000000;
    int us = (int)(ns % 1000000000 / 1000);
    struct tm local;

    if (s->options->stamp == STAMP_EPOCH_US)
        return (size_t)snprintf(to, size, "%lld.%06d ", (long long)seconds, us);
    localtime_r(&seconds, &local);
    size_t n = strftime(to, size, "%H:%M:%S", &local);
    if (s->options->stamp == STAMP_TIME_US)
        n += (size_t)snprintf(to + n, size - n, ".%06d", us);
    return n + (size_t)snprintf(to + n, size - n, " ");
}

/* The last `count` decimal digits. */
static size_t digits_put(char *to, uint32_t value, unsigned count)
{
    for (unsigned i = count; i-- > 0; value /= 10)
        to[i] = (char)('0' + value % 10);
    return count;
}

static size_t words_put(char *to, const char *words)
{
    size_t n = strlen(words);

    memcpy(to, words, n);
    return n;
}

/* Whose line it is: in a file always, left-aligned in a column of its own. */
static size_t task_put(const struct text_writer *w, uint32_t tid, char *to)
{
    const struct trace_options *o = w->show->options;
    size_t n = 0;

    if (o->always_pid || w->show->sink.is_file) {
        memset(to, ' ', TASK_WIDTH);
        n = format_decimal(to, tid);
        to[n] = ' ';
        n = MAX(n + 1, (size_t)TASK_WIDTH);
    } else if (o->label_all || trace_tasks_alive(w->show->tasks) > 1) {
        n = (size_t)snprintf(to, LEADER_MAX, "[pid %5u] ", tid);
    }
    return n;
}

/* What stands before a line: task, times, number, address, as far as they are asked for. */
static size_t leader(struct text_writer *w, uint32_t tid, uint64_t tsc, const struct trace_call *call, char *to)
{
    const struct trace_options *o = w->show->options;
    size_t n = task_put(w, tid, to), size = LEADER_MAX;

    if (o->stamp)
        n += stamp(w->show, tsc, to + n, size - n);
    if (o->relative) {
        int64_t ns = w->last_tsc ? trace_interval_ns(&w->show->clock, w->last_tsc, tsc) : 0;
        n += (size_t)snprintf(to + n, size - n, "%6lld.%06lld ", (long long)(ns / 1000000000), (long long)(ns % 1000000000 / 1000));
        w->last_tsc = tsc;
    }
    if (o->numbers)
        n += (size_t)snprintf(to + n, size - n, call ? "[%4lld] " : "[????] ", call ? (long long)call->nr : 0);
    if (o->pointers)
        n += (size_t)snprintf(to + n, size - n, call && call->rip ? "[%016llx] " : "[????????????????] ",
                              call ? (unsigned long long)call->rip : 0);
    to[n] = '\0';
    return n;
}

static void line_free(struct text_line *l)
{
    free(l->leader);
    free(l->text);
    free(l->joined);
    free(l);
}

static struct text_line *line_append(struct text_writer *w, enum line_kind kind, const char *lead, const char *text, bool ready)
{
    struct text_line *l = must_alloc(sizeof *l);

    *l = (struct text_line){.kind = kind, .ready = ready, .leader = must_format("%s", lead),
                            .text = text ? must_format("%s", text) : NULL};
    *w->lines_end = l;
    w->lines_end = &l->next;
    w->waiting++;
    return l;
}

static void call_unlink(struct text_writer *w, struct text_call *t)
{
    *t->previous = t->next;
    if (t->next)
        t->next->previous = t->previous;
    else
        w->open_end = t->previous;
    free(w->spare);
    w->spare = t;
}

/* The first half as it is known now: without captured memory. */
static void first_half_now(struct text_writer *w, struct text_line *l)
{
    struct text_call *t = l->of;
    struct decode_call d = trace_decode(t->call);
    struct trace_task *at_hand = w->show->task; /* of another call, perhaps, with its descriptors */
    size_t named = w->show->named_count;

    w->show->named_count = 0;
    w->show->task = trace_task_get(w->show->tasks, t->call->tid, t->call->pid);
    struct decode_text x = decode_call_as(&d, trace_style(w->show, t->call), call_set_has(&w->show->options->raw, d.nr),
                                          w->room, DECODE_LINE_MAX);
    w->show->task = at_hand;
    w->show->named_count = named;
    w->room[x.entered] = '\0';
    l->text = must_format("%s", w->room);
    l->ready = true;
    l->of = NULL;
    t->first_half = NULL;
}

static void show_line(struct text_writer *w, const struct text_line *l)
{
    trace_show_put(w->show, l->leader, strlen(l->leader));
    trace_show_put(w->show, l->text, strlen(l->text));
    if (l->kind == LINE_FIRST_HALF)
        trace_show_put(w->show, " <unfinished ...>\n", strlen(" <unfinished ...>\n"));
}

/* Show what is ready, in order; a first half and its second with nothing between are one line. */
static void lines_show(struct text_writer *w, bool all)
{
    struct text_line *l;

    while ((l = w->lines) && (l->ready || l->dropped || all || w->waiting > WAITING_MAX)) {
        if (!l->ready && !l->dropped)
            first_half_now(w, l);
        struct text_line *next = l->next;
        while (next && next->dropped)
            next = next->next;
        if (l->kind == LINE_FIRST_HALF && l->mate && next == l->mate) {
            free(next->text);
            free(next->leader);
            next->text = next->joined;
            next->leader = l->leader;
            next->joined = l->leader = NULL;
        } else if (!l->dropped) {
            show_line(w, l);
        }
        w->lines = l->next;
        w->waiting--;
        line_free(l);
    }
    if (!w->lines)
        w->lines_end = &w->lines;
}

/* Before another line comes: first halves of the calls that were made before it and have none yet. */
static void first_halves(struct text_writer *w)
{
    if (w->show->whole_calls)
        return;
    for (struct text_call *t = w->open; t; t = t->next) {
        if (t->has_first_half)
            continue;
        char lead[LEADER_MAX];
        leader(w, t->call->tid, t->call->tsc, t->call, lead);
        t->first_half = line_append(w, LINE_FIRST_HALF, lead, NULL, false);
        t->first_half->of = t;
        t->has_first_half = true;
    }
}

/* A line that is complete; text without the end of line. */
static void line_put(struct text_writer *w, const char *lead, char *text, size_t n)
{
    text[n++] = '\n';
    text[n] = '\0';
    if (w->lines) {
        line_append(w, LINE_WHOLE, lead, text, true);
        lines_show(w, false);
        return;
    }
    trace_show_put(w->show, lead, strlen(lead));
    trace_show_put(w->show, text, n);
}

/* Below a call's line.  The text has room for the end of line. */
static void line_alone(void *writer, char *text, size_t n)
{
    line_put(writer, "", text, n);
}

static void text_entry(void *writer, struct trace_call *call)
{
    struct text_writer *w = writer;
    struct text_call *t = w->spare ? w->spare : must_alloc(sizeof *t);

    w->spare = NULL;
    *t = (struct text_call){.call = call, .previous = w->open_end};
    *w->open_end = t;
    w->open_end = &t->next;
    call->context = t;
}

/* At most 40 bytes with the NUL. */
static size_t duration(const struct text_writer *w, const struct trace_call *call, char *to)
{
    const struct trace_options *o = w->show->options;
    static const uint32_t units[] = {1000000000, 1000000, 1000, 1};

    if (!o->durations || !call->returned || !w->show->clock.hz)
        return 0;
    uint64_t ns = (uint64_t)trace_interval_ns(&w->show->clock, call->tsc, call->end_tsc);
    size_t n = words_put(to, " <");
    n += format_decimal(to + n, ns / 1000000000);
    if (o->duration_digits) {
        to[n++] = '.';
        n += digits_put(to + n, (uint32_t)(ns % 1000000000) / units[o->duration_digits / 3], o->duration_digits);
    }
    to[n++] = '>';
    to[n] = '\0';
    return n;
}

/* What a rule, or who was asked, said of what the call consumed.  At most VERDICT_MAX bytes with the NUL. */
static size_t verdict(const struct trace_call *call, char *to)
{
    const struct trace_verdict_body *b = &call->verdict;
    char text[64];

    if (!call->is_judged)
        return 0;
    trace_verdict_text(b->by, b->result, text, sizeof text);
    if (b->ticket)
        return (size_t)snprintf(to, VERDICT_MAX, " (rule %u, question %u: %s)", b->rule + 1, b->ticket, text);
    return (size_t)snprintf(to, VERDICT_MAX, " (rule %u: %s)", b->rule + 1, text);
}

/* How many spaces lead from a column to that of results: at least one. */
static size_t gap_width(const struct text_writer *w, size_t column)
{
    return column + 1 < w->show->options->column ? w->show->options->column - column : 1;
}

/*
 * name(...) = result <time>: of a decoded call in `from`, the part from `start` on, with what was printed before that part
 * on the line counted in `column`.  `to` may be `from`.
 */
static size_t call_line(const struct text_writer *w, const struct trace_call *call, const char *from,
                        const struct decode_text *x, size_t start, size_t column, char *to)
{
    size_t n = x->arguments - start, gap = gap_width(w, column + n);
    size_t rest = x->size - MIN(x->size, x->arguments + 1);

    memmove(to + n + gap, from + x->arguments + 1, rest);
    memmove(to, from + start, n);
    memset(to + n, ' ', gap);
    n += gap + rest;
    n += verdict(call, to + n);
    return n + duration(w, call, to + n);
}

/* The second half of a call whose first one was shown or waits. */
static void second_half(struct text_writer *w, const struct trace_call *call, struct text_line *first, const char *decoded,
                        const struct decode_text *x)
{
    char lead[LEADER_MAX];
    char *line = must_alloc(LINE_MAX);
    const char *name = call->nr < SYSCALL_COUNT && syscall_rows[call->nr].name ? syscall_rows[call->nr].name : "syscall";
    size_t column = leader(w, call->tid, call->end_tsc, call, lead);
    size_t n = (size_t)snprintf(line, LINE_MAX, "<... %s resumed>", name);

    n += call_line(w, call, decoded, x, x->entered, column + n, line + n);
    line[n++] = '\n';
    line[n] = '\0';
    struct text_line *second = line_append(w, LINE_SECOND_HALF, lead, line, true);
    if (first) {
        first->text = must_format("%.*s", (int)x->entered, decoded);
        first->ready = true;
        first->of = NULL;
        first->mate = second;
        n = call_line(w, call, decoded, x, 0, strlen(first->leader), line);
        line[n++] = '\n';
        line[n] = '\0';
        second->joined = must_format("%s", line);
    }
    free(line);
    lines_show(w, false);
}

static void frame_show(void *context, const struct trace_stack_frame *f)
{
    char line[1024] = " > ";
    size_t n = 3 + trace_stack_frame_text(f, line + 3, sizeof line - 5);

    line_alone(context, line, n);
}

static struct decode_text decode(struct text_writer *w, const struct trace_call *call, char *to)
{
    struct decode_call d = trace_decode(call);

    return decode_call_as(&d, trace_style(w->show, call), call_set_has(&w->show->options->raw, d.nr), to, DECODE_LINE_MAX);
}

static void show_in_halves(struct text_writer *w, const struct trace_call *call, struct text_call *t)
{
    struct decode_text x = decode(w, call, w->room);
    char *copy = must_format("%s", w->room); /* what is shown meanwhile uses the room */

    first_halves(w);
    struct text_line *first = t->first_half;
    call_unlink(w, t);
    second_half(w, call, first, copy, &x);
    free(copy);
}

/* On one line.  Nothing waits as a rule: then it is made where it goes out from. */
static void show_whole(struct text_writer *w, const struct trace_call *call)
{
    first_halves(w);
    char *line = w->lines ? w->room : trace_show_room(w->show, LINE_ROOM);
    size_t column = leader(w, call->tid, call->tsc, call, line);
    struct decode_text x = decode(w, call, line + column);
    size_t n = column + call_line(w, call, line + column, &x, 0, column, line + column);

    line[n++] = '\n';
    if (!w->lines) {
        trace_show_wrote(w->show, n);
        return;
    }
    line[n] = '\0';
    line_append(w, LINE_WHOLE, "", line, true);
    lines_show(w, false);
}

static void call_show(struct text_writer *w, struct trace_call *call, struct text_call *t)
{
    if (t && !w->show->whole_calls && (t->has_first_half || t->next)) {
        show_in_halves(w, call, t);
    } else {
        if (t)
            call_unlink(w, t);
        show_whole(w, call);
    }
    trace_dump(w->show->options, call, line_alone, w);
    if (w->show->stacks)
        trace_stack_walk(w->show->stacks, call, frame_show, w);
}

static void text_call(void *writer, struct trace_call *call, bool wanted)
{
    struct text_writer *w = writer;
    struct text_call *t = call->context;

    call->context = NULL;
    if (wanted) {
        call_show(w, call, t);
        return;
    }
    if (!t)
        return;
    if (t->first_half) {
        t->first_half->dropped = true;
        t->first_half->of = NULL;
    }
    call_unlink(w, t);
    lines_show(w, false);
}

/* With the time that the hypervisor took, if times are shown. */
static size_t machine_text(const struct text_writer *w, const struct trace_machine_body *b, char *to, size_t size)
{
    const struct trace_call as_call = {.tsc = 0, .end_tsc = b->ticks, .returned = true};
    size_t n = (size_t)snprintf(to, size, "%%%%%% ");

    n += trace_machine_text(b, to + n, size - n - 80);
    if (b->ticks)
        n += duration(w, &as_call, to + n);
    return n + (size_t)snprintf(to + n, size - n, " %%%%%%");
}

static const char *call_name(const struct trace_call *call)
{
    return call->nr < SYSCALL_COUNT && syscall_rows[call->nr].name ? syscall_rows[call->nr].name : "";
}

/* Notes about the trace itself, and what else is no call. */
static size_t other_text(const struct text_writer *w, const struct trace_event *e, char *to, size_t size)
{
    const void *body = e->record ? e->record->body : NULL;
    const struct trace_switch_body *s = body;
    const struct trace_lost_body *l = body;
    const struct trace_task_exit_body *x = body;

    switch (e->kind) {
    case EVENT_SIGNAL:
        return decode_siginfo(body, to, size);
    case EVENT_TASK_EXIT:
        return decode_task_exit(x->wait_status, to, size);
    case EVENT_LONE_END:
        return (size_t)snprintf(to, size, "<... %s%sresumed>) = %lld", call_name(e->call), *call_name(e->call) ? " " : "",
                                (long long)e->call->result);
    case EVENT_MACHINE:
        return machine_text(w, body, to, size);
    case EVENT_SWITCH:
        return (size_t)snprintf(to, size, "*** trapping turned %s, %u calls open ***", s->on ? "on" : "off", s->open_calls);
    case EVENT_LOST:
        return (size_t)snprintf(to, size, "*** %llu records lost ***", (unsigned long long)l->records);
    case EVENT_DAMAGE:
        return (size_t)snprintf(to, size, "*** %s ***", e->text);
    default:
        return 0;
    }
}

static bool is_quiet(const struct text_writer *w, const struct trace_event *e)
{
    unsigned quiet = w->show->options->quiet;

    return (e->kind == EVENT_SWITCH && quiet >= 1) || (e->kind == EVENT_TASK_EXIT && quiet >= 2);
}

static void text_other(void *writer, const struct trace_event *e)
{
    struct text_writer *w = writer;
    char line[LINE_MAX], lead[LEADER_MAX] = "";
    size_t n = is_quiet(w, e) ? 0 : other_text(w, e, line, sizeof line - 2);

    if (n == 0)
        return;
    first_halves(w);
    if (e->kind < EVENT_SWITCH || e->kind == EVENT_MACHINE)
        leader(w, e->tid, e->tsc, NULL, lead);
    line_put(w, lead, line, n);
}

static void text_pause(void *writer)
{
    lines_show(writer, true);
}

static void *text_begin(struct trace_show *s)
{
    struct text_writer *w = must_alloc(sizeof *w);

    *w = (struct text_writer){.show = s, .room = must_alloc(LINE_ROOM)};
    w->open_end = &w->open;
    w->lines_end = &w->lines;
    return w;
}

static void text_free(void *writer)
{
    struct text_writer *w = writer;
    struct text_line *l;

    while (w->open)
        call_unlink(w, w->open);
    while ((l = w->lines)) {
        w->lines = l->next;
        line_free(l);
    }
    free(w->spare);
    free(w->room);
    free(w);
}

const struct trace_writer_ops trace_text_ops = {text_begin, text_entry, text_call, text_other, text_pause, text_pause, text_free};
