/*
 * What comes out of an emulator: frames among noise, with trace records whose calls have any number, arguments and captured
 * memory.  Nothing may be read outside of the input, no line may be longer than it says, and nothing may hang.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "abi/capture.h"
#include "abi/decode.h"
#include "abi/syscalls.h"
#include "abi/trace_record.h"
#include "tests/fuzz/fuzz.h"
#include "tools/frames.h"
#include "tools/trace_view.h"

static void take_text(void *context, const char *text, size_t n)
{
    if (n == 0 || n > 8 * DECODE_LINE_MAX)
        abort();
}

static void take_frame(void *context, const struct channel_frame *h, const uint8_t *payload)
{
    if (h->type == CHANNEL_TRACE)
        trace_view_feed(context, payload, h->length);
}

static void take_noise(void *context, const uint8_t *data, size_t n)
{
}

/* Ways to show a trace, by the input. */
static void options_make(struct trace_options *o, unsigned choice)
{
    static const char *const filters[] = {"trace=%desc", "trace=!%file", "path~a", "fd=3", "result<0", "duration>1us", "comm~x"};

    trace_options_init(o);
    o->format = (enum trace_format)(choice % 4);
    o->style.names = (uint8_t)(choice / 4 % 3);
    o->style.hex = (uint8_t)(choice / 3 % 3);
    for (const char *letters = "yyviTrnANtzk"; *letters; letters++) {
        if (choice * 7 >> (*letters % 13) & 1)
            trace_option_take(o, *letters, NULL);
    }
    o->summary = choice % 5 == 0;
    o->histogram = o->summary;
    o->summary_by = (enum trace_summary_by)(choice / 5 % 4);
    if (choice % 3)
        trace_option_take(o, 'e', filters[choice % ARRAY_SIZE(filters)]);
    trace_option_take(o, 'e', "read=all");
    trace_option_take(o, 'e', "write=all");
    trace_options_complete(o);
}

static void feed(struct frame_reader *r, const void *data, size_t n)
{
    memcpy(frame_reader_room(r, n), data, n);
    frame_reader_take(r, n);
}

/* The input as a stream of frames, in two pieces. */
static void as_frames(const uint8_t *data, size_t size)
{
    struct trace_options show;
    struct channel_frame header = {.magic = CHANNEL_MAGIC, .type = CHANNEL_TRACE, .length = (uint32_t)size};

    options_make(&show, size ? data[0] * 256u + data[size - 1] : 0);
    struct trace_view *view = trace_view_new(&show, (struct trace_sink){.put = take_text, .is_file = size & 1});
    struct frame_reader reader = {.sink = {take_frame, take_noise, view}};
    trace_view_set_clock(view, size % 3 ? 1000000 : 0, 5, 7);
    feed(&reader, data, size / 2);
    feed(&reader, data + size / 2, size - size / 2);
    feed(&reader, &header, sizeof header);
    feed(&reader, data, size);
    trace_view_finish(view);
    trace_view_free(view);
    trace_options_free(&show);
    frame_reader_free(&reader);
}

/* A record of a likely type, whose fields are likely ones too: what passes the checks goes deep.  Mostly every second ends the one before. */
static size_t record_make(const uint8_t *data, size_t size, size_t *at, uint64_t sequence, uint8_t *to)
{
    struct trace_record *r = (void *)to;
    size_t body = 32 + (size_t)data[*at % size] * 2, n = 0;

    memset(to, 0, sizeof *r + body);
    for (; n < body; n++)
        r->body[n] = data[(*at + n * 3) % size];
    *r = (struct trace_record){.type = (uint16_t)(1 + data[*at % size] % (TRACE_VERDICT + 1)), .flags = data[(*at + 1) % size] & 0x3f,
                               .sequence = sequence, .tsc = sequence * 900, .pid = data[(*at + 2) % size] % 4u,
                               .tid = data[(*at + 2) % size] % 5u};
    r->size = (uint32_t)ALIGN_UP(sizeof *r + body, (size_t)8);
    uint64_t *words = (void *)r->body;
    if (data[(*at + 9) % size] % 4) {
        r->type = sequence % 2 ? TRACE_RETURN : TRACE_ENTRY;
        r->tid = r->pid = (uint32_t)(sequence / 2 % 3);
    }
    if (r->type == TRACE_ENTRY) {
        words[0] = data[(*at + 3) % size] * 2u + data[(*at + 8) % size] % 2u;
        for (unsigned i = 1; i < 7 && (i + 1) * 8 <= body; i++)
            words[i] = words[i] % 3 == 0 ? 0x10000 : words[i] % 3 == 1 ? words[i] % 8 : words[i] % 600; /* an address, a command, a size */
    } else if (r->type == TRACE_RETURN && body >= 24) {
        words[0] = data[(*at + 4) % size] % 5 ? data[(*at + 4) % size] : (uint64_t)-2;
        words[2] = sequence - 1 - (data[(*at + 5) % size] % 8 == 0);
        if (body >= 24 + 16 + 8) { /* an item that holds what the arguments point to */
            struct capture_item *item = (void *)(r->body + 24);
            item->address = 0x10000;
            item->total = item->kept = (uint16_t)((r->size - sizeof *r - 24 - sizeof *item) & ~7u);
            item->direction = (uint16_t)(1 + data[(*at + 6) % size] % 3);
        }
    }
    *at += 7;
    return r->size;
}

static void as_records(const uint8_t *data, size_t size)
{
    static uint8_t records[64 * 1024] aligned_to(8);
    struct trace_options show;
    size_t used = 0, at = 0;

    for (uint64_t i = 0; i < 48 && used + 1024 < sizeof records; i++)
        used += record_make(data, size, &at, data[i % size] % 16 ? i : i + 3, records + used);
    options_make(&show, data[1] * 256u + data[2]);
    struct trace_view *view = trace_view_new(&show, (struct trace_sink){.put = take_text, .is_file = data[3] & 1});
    trace_view_set_clock(view, 1000000, 0, 0);
    trace_view_fact(view, "fd.0", "/dev/null", NULL);
    trace_view_fact(view, "program", "/bin/a", NULL);
    trace_view_feed(view, records, used);
    trace_view_pause(view);
    trace_view_finish(view);
    trace_view_free(view);
    trace_options_free(&show);
}

/* Commands that decide what the other arguments are, where chance would hardly ever meet one. */
static void commands_make(struct decode_call *call, unsigned byte)
{
    if (call->nr == __NR_ioctl)
        call->args[1] = byte % 2 ? 0x5400 + byte % 96 : 0x80045400u + (byte / 2 % 64 << 24 & 0x40000000) + byte % 64;
    else if (call->nr == __NR_ptrace)
        call->args[0] = byte % 2 ? 0x4200 + byte / 2 % 20 : byte / 2 % 34;
}

/* The input as the arguments and captured memory of every call there is: arguments point into what was captured. */
static void as_calls(const uint8_t *data, size_t size)
{
    size_t bytes = size > 48 ? (size - 48) / 8 * 8 : 0;
    size_t items_size = 2 * sizeof(struct capture_item) + bytes;
    uint8_t *items = calloc(1, items_size);
    struct capture_item *in = (void *)items;
    struct decode_call call = {.returned = true, .items = items, .items_size = items_size};
    char line[256];

    in->address = 0x10000;
    in->total = in->kept = (uint16_t)(bytes / 2 / 8 * 8);
    in->direction = CAPTURE_IN;
    memcpy(in->bytes, data + size - bytes, in->kept);
    for (size_t at = 0; at + 8 <= in->kept; at += 8) { /* some words point into it, as vectors and headers do */
        const uint64_t inside = 0x10000 + data[at] % 256u;
        if (data[at + 1] % 5 == 0)
            memcpy(in->bytes + at, &inside, sizeof inside);
    }
    struct capture_item *out = (void *)(items + sizeof *in + in->kept);
    *out = (struct capture_item){.address = 0x10000, .direction = CAPTURE_OUT};
    out->total = out->kept = (uint16_t)(bytes - in->kept);
    memcpy(out->bytes, data + size - out->kept, out->kept);
    for (unsigned nr = 0; nr < SYSCALL_COUNT + 2; nr++) {
        call.nr = nr;
        for (unsigned i = 0; i < 6; i++) {
            uint64_t value = 0;
            memcpy(&value, data + (i * 8 + nr) % (size - 7), sizeof value);
            call.args[i] = value % 3 ? value % 300 : 0x10000 + value % 64;
        }
        commands_make(&call, data[nr % size]);
        call.result = data[(nr + 1) % size] % 4 ? data[(nr + 2) % size] : -(int64_t)data[(nr + 2) % size] * 3;
        struct decode_style style = {.string_max = nr % 40, .whole = nr & 1, .argument_names = nr & 2, .names = nr % 3,
                                     .hex = nr / 3 % 3};
        struct decode_text text = decode_call_as(&call, &style, nr % 7 == 0, line, sizeof line);
        if (text.size >= sizeof line || line[text.size] != '\0' || text.entered > text.arguments || text.arguments > text.size)
            abort();
        call.returned = nr % 3;
    }
    free(items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[64];

    as_frames(data, size);
    if (size >= 128) {
        as_calls(data, size);
        as_records(data, size);
        decode_siginfo(data, line, sizeof line);
    }
    return 0;
}
