/*
 * The trace as Chrome's trace events (JSON), which Perfetto and chrome://tracing show as a timeline: a row for each task, a
 * bar for each call, marks for signals and ends.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/syscalls.h"
#include "tools/message.h"
#include "tools/trace_machine.h"
#include "tools/trace_writer.h"

#define MACHINE_PID 4194305u /* above all that Linux gives */
#define MACHINE_ROWS 8u      /* for each vCPU */
#define ROWS_NAMED 512u

struct chrome_writer {
    struct trace_show *show;
    bool any; /* an event was written: a comma comes before the next */
    unsigned frames; /* of the stack being written */
    bool named[ROWS_NAMED]; /* rows of the machine */
    char text[DECODE_LINE_MAX];
    char line[6 * DECODE_LINE_MAX + 512];
};

static void put(struct chrome_writer *w, const char *text, size_t n)
{
    trace_show_put(w->show, text, n);
}

/* Characters of a JSON string; the text is ASCII or becomes so. */
static size_t escape(const char *text, size_t n, char *to)
{
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)text[i];
        if (c == '"' || c == '\\')
            to[used++] = '\\';
        if (c < ' ' || c > '~')
            used += (size_t)sprintf(to + used, "\\u%04x", c);
        else
            to[used++] = (char)c;
    }
    to[used] = '\0';
    return used;
}

/* The common part of an event; times are microseconds. */
static size_t event(struct chrome_writer *w, char phase, const char *name, uint64_t tsc, uint32_t pid, uint32_t tid)
{
    int64_t ns = trace_time_ns(&w->show->clock, tsc);
    size_t n = (size_t)snprintf(w->line, sizeof w->line,
                                "%s{\"ph\":\"%c\",\"name\":\"%s\",\"ts\":%lld.%03lld,\"pid\":%u,\"tid\":%u",
                                w->any ? ",\n" : "", phase, name, (long long)(ns / 1000), (long long)(ns % 1000), pid, tid);
    w->any = true;
    return n;
}

static void frame_put(void *context, const struct trace_stack_frame *f)
{
    struct chrome_writer *w = context;
    size_t n = trace_stack_frame_text(f, w->text, sizeof w->text), used = 0;

    if (w->frames++)
        w->line[used++] = ',';
    w->line[used++] = '"';
    used += escape(w->text, n, w->line + used);
    w->line[used++] = '"';
    put(w, w->line, used);
}

static void chrome_call(void *writer, struct trace_call *call, bool wanted)
{
    struct chrome_writer *w = writer;
    const char *name = call->nr < SYSCALL_COUNT && syscall_rows[call->nr].name ? syscall_rows[call->nr].name : "unknown";
    struct decode_call d = trace_decode(call);

    if (!wanted)
        return;
    int64_t ns = trace_interval_ns(&w->show->clock, call->tsc, call->end_tsc);
    struct decode_text x = decode_call_as(&d, trace_style(w->show, call), call_set_has(&w->show->options->raw, d.nr), w->text,
                                          sizeof w->text);
    size_t n = event(w, 'X', name, call->tsc, call->pid, call->tid);
    n += (size_t)snprintf(w->line + n, sizeof w->line - n, ",\"cat\":\"call\",\"dur\":%lld.%03lld,\"args\":{\"call\":\"",
                          (long long)(ns / 1000), (long long)(ns % 1000));
    n += escape(w->text, x.size, w->line + n);
    n += (size_t)snprintf(w->line + n, sizeof w->line - n, "\",\"vcpu\":%u", call->vcpu);
    put(w, w->line, n);
    if (w->show->stacks && call->stack) {
        put(w, ",\"stack\":[", 10);
        w->frames = 0;
        trace_stack_walk(w->show->stacks, call, frame_put, w);
        put(w, "]", 1);
    }
    put(w, "}}", 2);
}

/* Rows get the names of the programs. */
static void name_task(struct chrome_writer *w, uint32_t pid, uint32_t tid, const char *comm)
{
    char name[6 * TRACE_COMM_SIZE + 1];

    escape(comm, strnlen(comm, TRACE_COMM_SIZE), name);
    size_t n = event(w, 'M', tid == pid ? "process_name" : "thread_name", w->show->clock.tsc, pid, tid);
    n += (size_t)snprintf(w->line + n, sizeof w->line - n, ",\"args\":{\"name\":\"%s\"}}", name);
    put(w, w->line, n);
}

static void mark(struct chrome_writer *w, const struct trace_event *e, const char *name, size_t text)
{
    size_t n = event(w, 'i', name, e->tsc, e->pid, e->tid);

    n += (size_t)snprintf(w->line + n, sizeof w->line - n, ",\"s\":\"t\",\"args\":{\"text\":\"");
    n += escape(w->text, text, w->line + n);
    n += (size_t)snprintf(w->line + n, sizeof w->line - n, "\"}}");
    put(w, w->line, n);
}

/*
 * The machine is a process of its own: for each vCPU rows of exits (how long the hypervisor had it), EPT violations, interrupts and
 * device notifications.
 */
static void machine_row(struct chrome_writer *w, uint32_t row, uint32_t vcpu, const char *kind)
{
    if (row < ROWS_NAMED && !w->named[row]) {
        w->named[row] = true;
        size_t n = event(w, 'M', "thread_name", w->show->clock.tsc, MACHINE_PID, row);
        n += (size_t)snprintf(w->line + n, sizeof w->line - n, ",\"args\":{\"name\":\"vCPU %u %s\"}}", vcpu, kind);
        put(w, w->line, n);
    }
}

static void machine_event(struct chrome_writer *w, const struct trace_event *e)
{
    const struct trace_machine_body *b = (const void *)e->record->body;
    uint32_t row = e->vcpu * MACHINE_ROWS + b->kind % MACHINE_ROWS;
    int64_t ns = trace_interval_ns(&w->show->clock, 0, b->ticks);
    char room[32];
    const char *kind = trace_machine_kind(b);

    machine_row(w, row, e->vcpu, kind ? kind : "event");
    size_t text = trace_machine_text(b, w->text, sizeof w->text);
    size_t n = event(w, b->ticks ? 'X' : 'i', trace_machine_name(b, room, sizeof room), e->tsc, MACHINE_PID, row);
    n += (size_t)snprintf(w->line + n, sizeof w->line - n, ",\"cat\":\"%s\",", kind ? kind : "event");
    if (b->ticks)
        n += (size_t)snprintf(w->line + n, sizeof w->line - n, "\"dur\":%lld.%03lld,", (long long)(ns / 1000), (long long)(ns % 1000));
    n += (size_t)snprintf(w->line + n, sizeof w->line - n, "%s\"args\":{\"text\":\"", b->ticks ? "" : "\"s\":\"t\",");
    n += escape(w->text, text, w->line + n);
    n += (size_t)snprintf(w->line + n, sizeof w->line - n, "\",\"tid\":%u}}", e->tid);
    put(w, w->line, n);
}

static void chrome_other(void *writer, const struct trace_event *e)
{
    struct chrome_writer *w = writer;
    const struct trace_task_exit_body *body = e->record ? (const void *)e->record->body : NULL;
    int32_t number;

    if (e->kind == EVENT_SIGNAL) {
        memcpy(&number, e->record->body, sizeof number);
        const char *name = signal_name((unsigned)number);
        mark(w, e, name ? name : "signal", decode_siginfo(e->record->body, w->text, sizeof w->text));
    } else if (e->kind == EVENT_TASK_EXIT) {
        mark(w, e, "exit", decode_task_exit(body->wait_status, w->text, sizeof w->text));
        if (w->show->task)
            name_task(w, e->pid, e->tid, w->show->task->comm);
    } else if (e->kind == EVENT_MACHINE) {
        machine_event(w, e);
    } else if (e->kind == EVENT_LOST || e->kind == EVENT_DAMAGE) {
        mark(w, e, e->kind == EVENT_LOST ? "records lost" : "damage", 0);
    }
}

static void *chrome_begin(struct trace_show *s)
{
    static const char start[] = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
    struct chrome_writer *w = must_alloc(sizeof *w);

    w->show = s;
    w->any = false;
    memset(w->named, 0, sizeof w->named);
    put(w, start, sizeof start - 1);
    return w;
}

static void chrome_finish(void *writer)
{
    put(writer, "\n]}\n", 4);
}

const struct trace_writer_ops trace_chrome_ops = {chrome_begin, NULL, chrome_call, chrome_other, NULL, chrome_finish, free};
