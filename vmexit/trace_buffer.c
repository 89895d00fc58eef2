/*
 * See vmexit/trace_buffer.h.
 */
#include "vmexit/trace_buffer.h"

#include <asm-generic/errno.h>

#include "abi/trace_record.h"
#include "hv/alloc.h"
#include "hv/channel.h"
#include "lib/log.h"

int trace_buffer_create(struct trace_buffer *b, unsigned sandbox, bool stream)
{
    *b = (struct trace_buffer){.current = &b->half[0], .stream = stream, .sandbox = sandbox};
    for (unsigned i = 0; i < (stream ? 1 : 2); i++) {
        b->half[i].bytes = page_alloc(TRACE_BUFFER_ORDER);
        if (!b->half[i].bytes) {
            trace_buffer_destroy(b);
            return -ENOMEM;
        }
    }
    return 0;
}

void trace_buffer_destroy(struct trace_buffer *b)
{
    for (unsigned i = 0; i < 2; i++) {
        page_free(b->half[i].bytes, TRACE_BUFFER_ORDER);
        b->half[i].bytes = NULL;
    }
}

/* Send records [from, used) of a half, whole ones in each frame. */
static void half_send(unsigned sandbox, const struct trace_half *h, size_t from)
{
    while (from < h->used) {
        size_t end = from;
        while (end < h->used) {
            const struct trace_record *r = (const struct trace_record *)(const void *)(h->bytes + end);
            if (end + r->size - from > CHANNEL_FRAME_MAX)
                break;
            end += r->size;
        }
        channel_send_of(sandbox, CHANNEL_TRACE, 0, h->bytes + from, end - from);
        from = end;
    }
}

void trace_buffer_flush(struct trace_buffer *b)
{
    struct trace_half *h = &b->half[0];

    if (!b->stream || h->used == 0)
        return;
    half_send(b->sandbox, h, 0);
    h->used = 0;
}

void trace_buffer_turn(struct trace_buffer *b)
{
    if (b->stream) {
        trace_buffer_flush(b);
        return;
    }
    b->current = b->current == &b->half[0] ? &b->half[1] : &b->half[0];
    b->current->used = 0;
}

void trace_buffer_set_stream(struct trace_buffer *b, bool stream)
{
    if (b->stream == stream)
        return;
    trace_buffer_flush(b);
    b->stream = stream;
    b->current = &b->half[0];
    b->half[0].used = b->half[1].used = 0;
}

static uint32_t count_records(const struct trace_half *h)
{
    uint32_t n = 0;

    for (size_t at = 0; at < h->used; n++)
        at += ((const struct trace_record *)(const void *)(h->bytes + at))->size;
    return n;
}

static size_t skip_records(const struct trace_half *h, uint32_t n)
{
    size_t at = 0;

    while (n-- > 0)
        at += ((const struct trace_record *)(const void *)(h->bytes + at))->size;
    return at;
}

static void halves_dump(unsigned sandbox, const struct trace_half *older, const struct trace_half *newer)
{
    uint32_t in_older = count_records(older), total = in_older + count_records(newer);
    uint32_t skip = total > TRACE_RING_RECORDS ? total - TRACE_RING_RECORDS : 0;
    uint32_t skip_older = MIN(skip, in_older);

    half_send(sandbox, older, skip_records(older, skip_older));
    half_send(sandbox, newer, skip_records(newer, skip - skip_older));
}

void trace_buffer_dump(struct trace_buffer *b)
{
    if (b->stream || !b->current) /* nothing kept */
        return;
    halves_dump(b->sandbox, b->current == &b->half[0] ? &b->half[1] : &b->half[0], b->current);
}
