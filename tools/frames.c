/*
 * See tools/frames.h.
 */
#include "tools/frames.h"

#include <string.h>

#define ROOM (4u * CHANNEL_FRAME_MAX)

/* Offset of the first byte at which a header may start: the magic, or its beginning at the end of the data. */
static size_t find_magic(const uint8_t *data, size_t n)
{
    const uint32_t magic = CHANNEL_MAGIC;

    for (size_t i = 0; i < n; i++) {
        const uint8_t *candidate = memchr(data + i, (uint8_t)magic, n - i);
        if (!candidate)
            return n;
        i = (size_t)(candidate - data);
        if (memcmp(candidate, &magic, MIN(n - i, sizeof magic)) == 0)
            return i;
    }
    return n;
}

static bool header_is_sane(const struct channel_frame *h)
{
    return h->type >= CHANNEL_HELLO && h->type < CHANNEL_TYPE_COUNT && h->length <= CHANNEL_FRAME_MAX;
}

/* A frame that is not whole yet moves only if there is no room behind it. */
uint8_t *frame_reader_room(struct frame_reader *r, size_t n)
{
    if (r->done == r->pending.size || r->pending.capacity - r->pending.size < n) {
        bytes_consume(&r->pending, r->done);
        r->done = 0;
    }
    if (r->pending.capacity < ROOM)
        bytes_reserve(&r->pending, ROOM);
    return bytes_reserve(&r->pending, n);
}

void frame_reader_take(struct frame_reader *r, size_t n)
{
    r->pending.size += n;
    while (r->done < r->pending.size) {
        const uint8_t *at = r->pending.data + r->done;
        size_t left = r->pending.size - r->done;
        size_t skip = find_magic(at, left);
        struct channel_frame header;

        if (skip > 0) {
            r->sink.noise(r->sink.context, at, skip);
            r->done += skip;
            continue;
        }
        if (left < sizeof header)
            break;
        memcpy(&header, at, sizeof header);
        if (!header_is_sane(&header)) {
            r->sink.noise(r->sink.context, at, 1);
            r->done += 1;
            continue;
        }
        if (left < sizeof header + header.length)
            break;
        r->sink.frame(r->sink.context, &header, at + sizeof header);
        r->done += sizeof header + header.length;
    }
}

void frame_reader_free(struct frame_reader *r)
{
    bytes_free(&r->pending);
}
