/*
 * See tools/frames.h.
 */
#include "tools/frames.h"

#include <string.h>

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

void frame_reader_feed(struct frame_reader *r, const void *data, size_t n)
{
    size_t done = 0;

    bytes_append(&r->pending, data, n);
    while (done < r->pending.size) {
        const uint8_t *at = r->pending.data + done;
        size_t left = r->pending.size - done;
        size_t skip = find_magic(at, left);
        struct channel_frame header;

        if (skip > 0) {
            r->sink.noise(r->sink.context, at, skip);
            done += skip;
            continue;
        }
        if (left < sizeof header)
            break;
        memcpy(&header, at, sizeof header);
        if (!header_is_sane(&header)) {
            r->sink.noise(r->sink.context, at, 1);
            done += 1;
            continue;
        }
        if (left < sizeof header + header.length)
            break;
        r->sink.frame(r->sink.context, &header, at + sizeof header);
        done += sizeof header + header.length;
    }
    bytes_consume(&r->pending, done);
}

void frame_reader_free(struct frame_reader *r)
{
    bytes_free(&r->pending);
}
