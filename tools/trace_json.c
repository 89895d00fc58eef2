/*
 * The trace as JSON lines: one object for each event (docs/trace-format.md, "JSON lines").
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/capture.h"
#include "abi/syscalls.h"
#include "lib/format.h"
#include "tools/message.h"
#include "tools/trace_machine.h"
#include "tools/trace_verdict.h"
#include "tools/trace_writer.h"

struct json_writer {
    struct trace_show *show;
    struct bytes line;
    char room[DECODE_LINE_MAX];
};

static void add(struct json_writer *w, const char *text)
{
    bytes_append(&w->line, text, strlen(text));
}

static bool is_plain(uint8_t c)
{
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}

/* A string; bytes that are no ASCII stand as the characters of the same numbers. */
static void add_string(struct json_writer *w, const char *text, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    bytes_append(&w->line, "\"", 1);
    for (size_t i = 0, run; i < n; i = run + 1) {
        for (run = i; run < n && is_plain((uint8_t)text[run]); run++)
            continue;
        bytes_append(&w->line, text + i, run - i);
        if (run == n)
            break;
        uint8_t c = (uint8_t)text[run];
        if (c == '"' || c == '\\')
            bytes_append(&w->line, (char[]){'\\', (char)c}, 2);
        else
            bytes_append(&w->line, (char[]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]}, 6);
    }
    bytes_append(&w->line, "\"", 1);
}

static void add_key(struct json_writer *w, const char *key)
{
    add(w, "\"");
    add(w, key);
    add(w, "\":");
}

static void add_decimal(struct json_writer *w, long long value)
{
    char text[1 + FORMAT_DIGITS_MAX] = "-";
    size_t sign = value < 0;

    bytes_append(&w->line, text, sign + format_decimal(text + sign, sign ? -(uint64_t)value : (uint64_t)value));
}

static void add_number(struct json_writer *w, const char *key, long long value)
{
    add(w, ",");
    add_key(w, key);
    add_decimal(w, value);
}

/* 64-bit patterns do not fit into everybody's numbers: they are strings. */
static void add_hex(struct json_writer *w, const char *key, uint64_t value)
{
    char text[FORMAT_DIGITS_MAX];

    add_key(w, key);
    add(w, value ? "\"0x" : "\"");
    bytes_append(&w->line, text, format_hex(text, value));
    add(w, "\"");
}

static void add_seconds(struct json_writer *w, const char *key, int64_t ns)
{
    char fraction[9];
    uint32_t rest = (uint32_t)(ns % 1000000000);

    add_number(w, key, ns / 1000000000);
    for (size_t i = sizeof fraction; i-- > 0; rest /= 10)
        fraction[i] = (char)('0' + rest % 10);
    add(w, ".");
    bytes_append(&w->line, fraction, sizeof fraction);
}

static void add_text(struct json_writer *w, const char *key, const char *text, size_t n)
{
    add(w, ",");
    add_key(w, key);
    add_string(w, text, n);
}

static void begin(struct json_writer *w, const char *type, uint64_t sequence, uint64_t tsc, uint32_t pid, uint32_t tid,
                  uint32_t vcpu)
{
    const struct trace_show *s = w->show;

    w->line.size = 0;
    add(w, "{\"type\":\"");
    add(w, type);
    add(w, "\"");
    add_number(w, "sequence", (long long)sequence);
    if (s->clock.hz) {
        add_seconds(w, "time", trace_time_ns(&s->clock, tsc));
        add_seconds(w, "epoch", trace_epoch_ns(&s->clock, tsc));
    }
    add_number(w, "pid", pid);
    add_number(w, "tid", tid);
    add_number(w, "vcpu", vcpu);
    if (*s->comm)
        add_text(w, "comm", s->comm, strnlen(s->comm, sizeof s->comm));
}

static void end(struct json_writer *w)
{
    add(w, "}\n");
    trace_show_put(w->show, (const char *)w->line.data, w->line.size);
}

static void add_argument(struct json_writer *w, const struct trace_call *call, const struct decode_call *d, unsigned i)
{
    char name[DECODE_ARGUMENT_NAME_MAX];
    size_t n = decode_argument_name(call->nr, i, name, sizeof name);

    add(w, i ? ",{" : "{");
    add_hex(w, "raw", call->args[i]);
    if (n > 0)
        add_text(w, "name", name, n);
    n = decode_argument(d, trace_style(w->show, call), i, w->room, sizeof w->room);
    if (n > 0)
        add_text(w, "text", w->room, n);
    add(w, "}");
}

static void add_arguments(struct json_writer *w, const struct trace_call *call, const struct decode_call *d)
{
    const struct syscall_row *row = call->nr < SYSCALL_COUNT && syscall_rows[call->nr].name ? &syscall_rows[call->nr] : NULL;
    unsigned count = row ? syscall_row_arity(row) : SYSCALL_ARGS_MAX;

    add(w, ",\"args\":[");
    for (unsigned i = 0; i < count; i++)
        add_argument(w, call, d, i);
    add(w, "]");
}

/* The paths behind the arguments' descriptors, as they were when the call was made. */
static void add_descriptors(struct json_writer *w)
{
    const struct trace_show *s = w->show;
    char text[32];
    bool any = false;

    for (size_t i = 0; i < s->named_count; i++) {
        if (!s->named[i].object)
            continue;
        snprintf(text, sizeof text, "%s\"%d\":", any ? "," : ",\"fds\":{", s->named[i].fd);
        add(w, text);
        add_string(w, s->named[i].object->name, strlen(s->named[i].object->name));
        any = true;
    }
    add(w, any ? "}" : "");
}

static void add_item(struct json_writer *w, const struct capture_item *item, bool first)
{
    static const char *const directions[] = {[CAPTURE_IN] = "in", [CAPTURE_OUT] = "out", [CAPTURE_OBSERVED] = "observed"};
    static const char digits[] = "0123456789abcdef";
    const char *direction = item->direction < ARRAY_SIZE(directions) ? directions[item->direction] : NULL;

    add(w, first ? ",\"memory\":[{" : ",{");
    add_hex(w, "address", item->address);
    if (direction)
        add_text(w, "direction", direction, strlen(direction));
    add_number(w, "total", item->total);
    add(w, ",\"bytes\":\"");
    uint8_t *to = bytes_reserve(&w->line, 2u * item->kept);
    for (size_t i = 0; i < item->kept; i++) {
        to[2 * i] = (uint8_t)digits[item->bytes[i] >> 4];
        to[2 * i + 1] = (uint8_t)digits[item->bytes[i] & 15];
    }
    w->line.size += 2u * item->kept;
    add(w, "\"}");
}

static void add_memory(struct json_writer *w, const struct trace_call *call)
{
    const uint8_t *items = call->items;
    bool first = true;

    for (size_t at = 0; items && call->items_size - at >= sizeof(struct capture_item);) {
        const struct capture_item *item = (const void *)(items + at);
        size_t size = ALIGN_UP(sizeof *item + item->kept, (size_t)8);
        if (sizeof *item + item->kept > call->items_size - at)
            break;
        add_item(w, item, first);
        first = false;
        at = MIN(at + size, call->items_size);
    }
    add(w, first ? "" : "]");
}

static void add_result(struct json_writer *w, const struct trace_call *call, const struct decode_call *d)
{
    unsigned number = (unsigned)-call->result;

    if (!call->returned)
        return;
    add_number(w, "result", call->result);
    if (call->result < 0 && call->result >= -4095 && error_name(number))
        add_text(w, "error", error_name(number), strlen(error_name(number)));
    w->show->is_return = true;
    const struct decode_style *style = &w->show->style;
    size_t n = decode_result(d, style, w->room, sizeof w->room);
    add_text(w, "result_text", w->room, n);
    if (w->show->clock.hz)
        add_seconds(w, "duration", trace_interval_ns(&w->show->clock, call->tsc, call->end_tsc));
}

static void add_flags(struct json_writer *w, unsigned flags)
{
    static const struct {
        unsigned flag;
        const char *text;
    } names[] = {{TRACE_ANSWERED, "answered"}, {TRACE_NO_TASK, "no_task"}, {TRACE_CLOSED, "closed"},
                 {TRACE_TRUNCATED, "truncated"}, {TRACE_OBSERVED, "observed"}};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!(flags & names[i].flag))
            continue;
        add(w, ",\"");
        add(w, names[i].text);
        add(w, "\":true");
    }
}

/* What a rule, or who was asked, said of what the call consumed. */
static void add_verdict(struct json_writer *w, const struct trace_verdict_body *b)
{
    const char *by = trace_verdict_by(b->by);

    add_number(w, "rule", (long long)b->rule + 1);
    if (b->ticket)
        add_number(w, "question", b->ticket);
    if (by)
        add_text(w, "verdict_by", by, strlen(by));
    add_text(w, "verdict", w->room, trace_verdict_text(b->by, b->result, w->room, sizeof w->room));
}

static const char *status_name(unsigned status)
{
    switch (status) {
    case CALL_SUCCESSFUL: return "successful";
    case CALL_FAILED: return "failed";
    case CALL_UNFINISHED: return "unfinished";
    case CALL_DETACHED: return "detached";
    default: return "unavailable";
    }
}

static void add_frame(void *context, const struct trace_stack_frame *f)
{
    struct json_writer *w = context;

    if (w->line.data[w->line.size - 1] == '}')
        add(w, ",");
    add(w, "{");
    add_hex(w, "address", f->address);
    if (f->path)
        add_text(w, "path", f->path, strlen(f->path));
    if (f->function) {
        add_text(w, "function", f->function, strlen(f->function));
        add_number(w, "offset", (long long)f->offset);
    }
    add(w, "}");
}

static void json_call(void *writer, struct trace_call *call, bool wanted)
{
    struct json_writer *w = writer;
    const char *name = call->nr < SYSCALL_COUNT ? syscall_rows[call->nr].name : NULL;

    if (!wanted)
        return;
    struct decode_call d = trace_decode(call);
    begin(w, "call", call->sequence, call->tsc, call->pid, call->tid, call->vcpu);
    add_number(w, "nr", (long long)call->nr);
    if (name)
        add_text(w, "name", name, strlen(name));
    add(w, ",");
    add_hex(w, "rip", call->rip);
    add_arguments(w, call, &d);
    add_descriptors(w);
    add_text(w, "status", status_name(call->status), strlen(status_name(call->status)));
    add_result(w, call, &d);
    add_flags(w, call->flags);
    if (call->is_judged)
        add_verdict(w, &call->verdict);
    add_memory(w, call);
    if (w->show->stacks && call->stack) {
        add(w, ",\"stack\":[");
        trace_stack_walk(w->show->stacks, call, add_frame, w);
        add(w, "]");
    }
    end(w);
}

static void json_signal(struct json_writer *w, const struct trace_event *e)
{
    int32_t number;

    memcpy(&number, e->record->body, sizeof number);
    const char *name = signal_name((unsigned)number);
    begin(w, "signal", e->record->sequence, e->tsc, e->pid, e->tid, e->vcpu);
    add_number(w, "number", number);
    if (name)
        add_text(w, "name", name, strlen(name));
    add_text(w, "text", w->room, decode_siginfo(e->record->body, w->room, sizeof w->room));
    end(w);
}

static void json_exit(struct json_writer *w, const struct trace_event *e)
{
    const struct trace_task_exit_body *body = (const void *)e->record->body;

    begin(w, "exit", e->record->sequence, e->tsc, e->pid, e->tid, e->vcpu);
    add_number(w, "wait_status", body->wait_status);
    add_text(w, "text", w->room, decode_task_exit(body->wait_status, w->room, sizeof w->room));
    end(w);
}

static void json_machine(struct json_writer *w, const struct trace_event *e)
{
    const struct trace_machine_body *b = (const void *)e->record->body;
    const char *kind = trace_machine_kind(b);
    char room[32];
    const char *name = trace_machine_name(b, room, sizeof room);

    begin(w, kind ? kind : "event", e->record->sequence, e->tsc, e->pid, e->tid, e->vcpu);
    add_number(w, "number", b->number);
    add_text(w, "name", name, strlen(name));
    add(w, ",");
    add_hex(w, "value", b->value);
    add(w, ",");
    add_hex(w, "address", b->address);
    if (b->ticks && w->show->clock.hz)
        add_seconds(w, "duration", trace_interval_ns(&w->show->clock, 0, b->ticks));
    end(w);
}

static void json_other(void *writer, const struct trace_event *e)
{
    struct json_writer *w = writer;
    const struct trace_record *r = e->record;
    const struct trace_task_new_body *child = r ? (const void *)r->body : NULL;
    const struct trace_switch_body *turned = (const void *)child;
    const struct trace_lost_body *lost = (const void *)child;

    switch (e->kind) {
    case EVENT_SIGNAL:
        json_signal(w, e);
        return;
    case EVENT_TASK_EXIT:
        json_exit(w, e);
        return;
    case EVENT_MACHINE:
        json_machine(w, e);
        return;
    case EVENT_TASK_NEW:
        begin(w, "task", r->sequence, e->tsc, e->pid, e->tid, e->vcpu);
        add_number(w, "new_tid", child->tid);
        add_number(w, "new_pid", child->pid);
        break;
    case EVENT_SWITCH:
        begin(w, "switch", r->sequence, e->tsc, e->pid, e->tid, e->vcpu);
        add(w, turned->on ? ",\"on\":true" : ",\"on\":false");
        add_number(w, "open_calls", turned->open_calls);
        break;
    case EVENT_LOST:
        begin(w, "lost", r->sequence, e->tsc, e->pid, e->tid, e->vcpu);
        add_number(w, "records", (long long)lost->records);
        break;
    case EVENT_LONE_END:
        begin(w, "end", r->sequence, e->tsc, e->pid, e->tid, e->vcpu);
        add_number(w, "result", e->call->result);
        break;
    case EVENT_DAMAGE:
        begin(w, "damage", 0, w->show->clock.tsc, 0, 0, 0);
        add_text(w, "text", e->text, strlen(e->text));
        break;
    default:
        return;
    }
    end(w);
}

static void *json_begin(struct trace_show *s)
{
    struct json_writer *w = must_alloc(sizeof *w);

    w->show = s;
    w->line = (struct bytes){0};
    return w;
}

static void json_finish(void *writer)
{
}

static void json_free(void *writer)
{
    struct json_writer *w = writer;

    bytes_free(&w->line);
    free(w);
}

const struct trace_writer_ops trace_json_ops = {json_begin, NULL, json_call, json_other, NULL, json_finish, json_free};
