/*
 * What comes out of an emulator: frames among noise, with trace records whose calls have any number, arguments and captured
 * memory.  Nothing may be read outside of the input, no line may be longer than it says, and nothing may hang.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/capture.h"
#include "abi/decode.h"
#include "abi/syscalls.h"
#include "abi/trace_record.h"
#include "tests/fuzz/fuzz.h"
#include "tools/frames.h"
#include "tools/trace_view.h"

static void take_line(void *context, const char *text, size_t n)
{
    if (n == 0 || text[n - 1] != '\n' || n > DECODE_LINE_MAX + 128)
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

/* The input as a stream of frames, in two pieces. */
static void as_frames(const uint8_t *data, size_t size)
{
    struct trace_view *view = trace_view_new((struct trace_sink){.line = take_line});
    struct frame_reader reader = {.sink = {take_frame, take_noise, view}};
    struct channel_frame header = {.magic = CHANNEL_MAGIC, .type = CHANNEL_TRACE, .length = (uint32_t)size};

    frame_reader_feed(&reader, data, size / 2);
    frame_reader_feed(&reader, data + size / 2, size - size / 2);
    frame_reader_feed(&reader, &header, sizeof header);
    frame_reader_feed(&reader, data, size);
    trace_view_finish(view);
    trace_view_free(view);
    frame_reader_free(&reader);
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
        call.result = (int64_t)(call.args[0] % 3000) - 600;
        size_t n = decode_call(&call, line, sizeof line);
        if (n >= sizeof line || line[n] != '\0')
            abort();
    }
    free(items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[64];

    as_frames(data, size);
    if (size >= 128) {
        as_calls(data, size);
        decode_siginfo(data, line, sizeof line);
    }
    return 0;
}
