/*
 * See tools/output.h.
 */
#include "tools/output.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

static void put_lines(struct output *o, const char *text, size_t n)
{
    while (n > 0) {
        const char *end = memchr(text, '\n', n);
        size_t line = end ? (size_t)(end - text) : n;

        bytes_append(&o->queue, text, line);
        if (!end)
            return;
        bytes_append(&o->queue, "\r\n", 2);
        text += line + 1;
        n -= line + 1;
    }
}

void output_put(struct output *o, const void *data, size_t n)
{
    if (o->broken)
        return;
    if (o->raw)
        put_lines(o, data, n);
    else
        bytes_append(&o->queue, data, n);
}

bool output_pending(const struct output *o)
{
    return o->queue.size > o->done;
}

bool output_full(const struct output *o)
{
    return o->queue.size - o->done > OUTPUT_QUEUE_MAX;
}

/* A pipe that POLLOUT calls writable takes PIPE_BUF bytes at once without blocking (POSIX, poll and write). */
bool output_flush_some(struct output *o)
{
    size_t n = MIN(o->queue.size - o->done, (size_t)PIPE_BUF);
    ssize_t written = write(o->fd, o->queue.data + o->done, n);

    if (written < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (written < 0) {
        o->broken = true;
        bytes_free(&o->queue);
        o->done = 0;
        return true;
    }
    o->done += (size_t)written;
    if (o->done == o->queue.size)
        o->done = o->queue.size = 0;
    if (o->done > OUTPUT_QUEUE_MAX) {
        bytes_consume(&o->queue, o->done);
        o->done = 0;
    }
    return false;
}

void output_flush(struct output *o)
{
    while (output_pending(o)) {
        struct pollfd p = {.fd = o->fd, .events = POLLOUT};
        poll(&p, 1, -1);
        output_flush_some(o);
    }
}
