/*
 * Where a vCPU's trace records wait (abi/trace_record.h).  Streaming: a buffer that is sent when it is full or when the
 * vCPU is quiet, so nothing is lost.  Recording: two halves used in turn; when both are full the older one is forgotten,
 * so the last records are always there.  Belongs to the CPU that runs the vCPU.
 */
#ifndef VMEXIT_TRACE_BUFFER_H
#define VMEXIT_TRACE_BUFFER_H

#include "config.h"
#include "lib/compiler.h"

#define TRACE_BUFFER_BYTES (PAGE_SIZE << TRACE_BUFFER_ORDER)
#define TRACE_BUFFER_ORDER 8u /* each half: 1 MiB, room for 4,096 records of usual size; touched only when used */
#define TRACE_RING_RECORDS ((unsigned)CONFIG_RECORDER_RECORDS)

struct trace_half {
    uint8_t *bytes;
    size_t used;
};

struct trace_buffer {
    struct trace_half *current;
    struct trace_half half[2];
    bool stream;
    unsigned sandbox; /* whose it is, for the channel */
};

int trace_buffer_create(struct trace_buffer *b, unsigned sandbox, bool stream) must_check; /* 0 or -ENOMEM */
void trace_buffer_destroy(struct trace_buffer *b);

/* The current half is full: send it or forget the older one. */
void trace_buffer_turn(struct trace_buffer *b);

/* Room for one record of `size` bytes (a multiple of 8, at most a few pages); it counts as written. */
static inline void *trace_buffer_take(struct trace_buffer *b, size_t size)
{
    if (unlikely(b->current->used + size > TRACE_BUFFER_BYTES))
        trace_buffer_turn(b);
    struct trace_half *h = b->current;
    void *p = h->bytes + h->used;
    h->used += size;
    return p;
}
/* From now on stream, or record again where it once did; what was recorded so far is forgotten. */
void trace_buffer_set_stream(struct trace_buffer *b, bool stream);
/* Streaming: send what is there. */
void trace_buffer_flush(struct trace_buffer *b);
/* Recording: send the last TRACE_RING_RECORDS. */
void trace_buffer_dump(struct trace_buffer *b);

#endif
