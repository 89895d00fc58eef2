/*
 * Bytes on their way to one of our own descriptors, which may be a slow or closed pipe: queued, written only as far as
 * poll() says it will not block (the descriptor is not ours alone, so it is never made non-blocking).
 */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include "tools/bytes.h"

#define OUTPUT_QUEUE_MAX (256u << 10) /* above it, stop taking more from the emulator */

struct output {
    int fd;
    struct bytes queue;
    size_t done; /* of the queue, written already */
    bool broken; /* nobody reads it: what comes is dropped */
    bool raw;    /* a raw terminal: lines of text need a return at their ends */
};

void output_put(struct output *o, const void *data, size_t n);
bool output_pending(const struct output *o);
bool output_full(const struct output *o);
/* Write a piece, when poll() has said POLLOUT (or an error).  Returns true the moment it is found broken. */
bool output_flush_some(struct output *o);
/* Write all, blocking. */
void output_flush(struct output *o);

#endif
