/*
 * See tools/session.h: what a machine with a mailbox sends (frames), and the logs of both kernels.
 */
#include <string.h>

#include "lib/log.h"
#include "tools/control.h"
#include "tools/message.h"
#include "tools/session.h"
#include "tools/symbols.h"

static void note_end(struct session *s, struct session_sandbox *b, uint32_t kind, uint32_t value)
{
    if (b->ended)
        return;
    b->ended = true;
    b->exit_kind = kind;
    b->exit_value = value;
    if (b->name)
        session_report_end(s, b);
}

void session_end(struct session *s, struct session_sandbox *b, uint32_t kind, uint32_t value)
{
    bool all = true;

    note_end(s, b, kind, value);
    for (size_t i = 0; i < s->sandbox_count; i++) {
        if (kind == EXIT_HOST_CRASH)
            note_end(s, &s->sandboxes[i], kind, value);
        all = all && s->sandboxes[i].ended;
    }
    s->ended = all;
}

/* One line of a kernel's log: kept for a crash, shown with --verbose or if it is a warning. */
void session_log(struct session *s, struct bytes *kept, const char *prefix, const struct bytes *elf, int level,
                 const char *text, size_t n)
{
    struct bytes line = {0};

    bytes_append_text(&line, "%s: ", prefix);
    symbolise_line(elf, text, n, &line);
    if (s->options->verbose || level <= LOG_WARN)
        output_put(&s->err, line.data, line.size);
    else
        bytes_append(kept, line.data, line.size);
    if (kept->size > LOG_KEPT_MAX)
        bytes_consume(kept, kept->size - LOG_KEPT_MAX / 2);
    bytes_free(&line);
}

/* The guest kernel's log is a stream of bytes: cut it into lines.  Its levels are not known. */
void session_guest_log(struct session *s, struct session_sandbox *b, const uint8_t *data, size_t n)
{
    struct bytes prefix = {0};

    bytes_append_text(&prefix, "%s%sguest kernel", b->name ? b->name : "", b->name ? ": " : "");
    bytes_append(&prefix, "", 1);
    while (n > 0) {
        const uint8_t *end = memchr(data, '\n', n);
        size_t piece = end ? (size_t)(end - data) + 1 : n;

        bytes_append(&b->guest_line, data, piece);
        if (end || b->guest_line.size > 4096) {
            session_log(s, &b->guest_log, (char *)prefix.data, b->kernel, LOG_INFO, (char *)b->guest_line.data,
                        b->guest_line.size);
            b->guest_line.size = 0;
        }
        data += piece;
        n -= piece;
    }
    bytes_free(&prefix);
}

static void event_data(struct session *s, struct session_sandbox *b, unsigned stream, const uint8_t *data, size_t n)
{
    if (stream == STREAM_STDOUT)
        named_stream_put(&b->out, data, n);
    else if (stream == STREAM_STDERR)
        named_stream_put(&b->err, data, n);
    else if (stream == STREAM_KERNEL_LOG)
        session_guest_log(s, b, data, n);
}

static void event_stats(struct session *s, struct session_sandbox *b, const uint8_t *data, size_t n)
{
    struct named_stream stream = {.name = b->name, .output = &s->err};

    named_stream_put(&stream, data, n);
    named_stream_finish(&stream);
}

static void event_frame(void *context, const struct channel_frame *h, const uint8_t *payload)
{
    struct session *s = context;
    struct channel_exit end;
    struct channel_hello hello;
    struct channel_done done;
    uint64_t consumed;

    if (h->sandbox >= s->sandbox_count)
        return;
    struct session_sandbox *b = &s->sandboxes[h->sandbox];
    switch (h->type) {
    case CHANNEL_HELLO:
        if (h->length >= sizeof hello) {
            memcpy(&hello, payload, sizeof hello);
            session_trace_clock(s, hello.tsc_hz, hello.tsc);
        }
        break;
    case CHANNEL_DATA:
        event_data(s, b, h->stream, payload, h->length);
        break;
    case CHANNEL_LOG:
        session_log(s, &s->host_log, "hypervisor", &s->images->hypervisor, h->stream, (const char *)payload, h->length);
        break;
    case CHANNEL_TRACE:
        control_trace(s->server, h->sandbox, payload, h->length);
        session_trace_records(s, b, payload, h->length);
        break;
    case CHANNEL_STATS:
        event_stats(s, b, payload, h->length);
        break;
    case CHANNEL_CREDIT:
        if (h->length == sizeof consumed) {
            memcpy(&consumed, payload, sizeof consumed);
            mailbox_credit(&s->machine->mailbox, consumed);
        }
        break;
    case CHANNEL_EXIT:
        if (h->length >= sizeof end) {
            memcpy(&end, payload, sizeof end);
            session_end(s, b, end.kind, end.value);
        }
        break;
    case CHANNEL_ASK:
        control_question(s->server, h->sandbox, payload, h->length);
        break;
    case CHANNEL_ASKED:
        control_asked(s->server, h->sandbox, payload, h->length);
        break;
    case CHANNEL_DONE:
        if (h->length >= sizeof done) {
            memcpy(&done, payload, sizeof done);
            control_done(s->server, done.command, done.error);
        }
        break;
    case CHANNEL_BYE:
        s->finished = true;
        break;
    }
}

static void event_noise(void *context, const uint8_t *data, size_t n)
{
    struct session *s = context;

    bytes_append(&s->chatter, data, n);
    if (s->chatter.size > LOG_KEPT_MAX)
        bytes_consume(&s->chatter, s->chatter.size - LOG_KEPT_MAX / 2);
}

const struct frame_sink session_frame_sink = {.frame = event_frame, .noise = event_noise};
