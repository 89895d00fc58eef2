/*
 * The bytes that a terminal has put out and nobody has taken yet: a ring.  Pure; the terminal's lock guards it.
 *
 * While output is stopped (VSTOP, TCOOFF) what came before the stop can still be taken, as on Linux, where it has left
 * the terminal; what comes after it is held back.
 */
#ifndef GUEST_KERNEL_TTY_RING_H
#define GUEST_KERNEL_TTY_RING_H

#include "lib/compiler.h"

#define TTY_ECHO_ROOM 4096u /* more than the limit: for echo, so that writers do not keep it back */

struct tty_ring {
    uint8_t *bytes;
    uint32_t size;       /* a power of two */
    uint32_t limit;      /* what writers fill of it */
    uint32_t head, tail; /* next to put in, next to take; these four only grow, taken modulo the size */
    uint32_t mark;       /* head when the input began that is being received now */
    uint32_t hold;       /* while held: what lies from here on is not to be taken */
    uint32_t kept;       /* a flush leaves this many of the oldest bytes: they count as delivered */
    bool held;
};

static inline uint32_t tty_ring_used(const struct tty_ring *r)
{
    return r->head - r->tail;
}

static inline uint32_t tty_ring_readable(const struct tty_ring *r)
{
    return (r->held ? r->hold : r->head) - r->tail;
}

/* What a writer may put in. */
static inline uint32_t tty_ring_room(const struct tty_ring *r)
{
    uint32_t used = tty_ring_used(r);

    return r->held || used >= r->limit ? 0 : r->limit - used;
}

/* All of it, or nothing if it does not fit.  Echo that does not fit is lost. */
bool tty_ring_put(struct tty_ring *r, const void *bytes, uint32_t n);
size_t tty_ring_take(struct tty_ring *r, void *dst, size_t n); /* bytes */
void tty_ring_hold(struct tty_ring *r);                        /* from the mark on */
/* Drop what came since the mark, and all beyond the oldest `kept` bytes. */
void tty_ring_cut(struct tty_ring *r);

#endif
