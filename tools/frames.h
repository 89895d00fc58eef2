/*
 * Finding frames (abi/host_channel.h) in what an emulator prints: hostile bytes in any pieces, with other text between.
 * Pure but for memory.
 */
#ifndef TOOLS_FRAMES_H
#define TOOLS_FRAMES_H

#include "abi/host_channel.h"
#include "tools/bytes.h"

struct frame_sink {
    void (*frame)(void *context, const struct channel_frame *header, const uint8_t *payload);
    void (*noise)(void *context, const uint8_t *data, size_t n); /* bytes that are not part of a frame */
    void *context;
};

struct frame_reader {
    struct frame_sink sink;
    struct bytes pending;
    size_t done; /* bytes of it that went to the sink */
};

/* Where to put n more bytes. */
uint8_t *frame_reader_room(struct frame_reader *r, size_t n);
/* n bytes were put there; calls the sink for each complete frame and for noise, in order. */
void frame_reader_take(struct frame_reader *r, size_t n);
void frame_reader_free(struct frame_reader *r);

#endif
