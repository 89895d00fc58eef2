/*
 * The ring of a pipe, as pipe.c and splice.c share it.  pipe.lock (a mutex: copies may fault; of two pipes the one at
 * the lower address first) guards all but the counts of ends, which change under it too but are read by sleepers
 * without.
 */
#ifndef FS_PIPE_RING_H
#define FS_PIPE_RING_H

#include "fs/pipe.h"
#include "guest_kernel/core/alloc.h"

struct slot {
    struct page *page; /* one reference; its bytes are nobody else's to write but what `fixed` says */
    uint32_t start, length;
    bool packet; /* O_DIRECT: one read takes no more, and drops what does not fit */
    bool fixed;  /* not written by write(2), or the page is in another pipe, too: nothing is appended to it */
};

struct pipe {
    struct mutex lock;
    struct wait_queue readable, writable; /* also announce the other end's opening and closing */
    uint32_t tail, used, count;           /* slots: first used, how many, how many there are */
    uint32_t held;                        /* slots taken out by splice(2) that may have to go back */
    struct slot *slots;
    struct page *spare;                  /* an emptied page kept for the next write */
    uint32_t readers, writers;           /* descriptions that can */
    uint32_t reader_opens, writer_opens; /* ever: what a blocked open waits for */
    LIST_HEAD(, file) async;    /* descriptions with FASYNC */
    uint32_t files;                      /* descriptions; guarded by the inode's lock */
};

static inline uint32_t load(const uint32_t *value)
{
    return __atomic_load_n(value, __ATOMIC_ACQUIRE);
}

static inline struct slot *slot_at(struct pipe *p, uint32_t n)
{
    return &p->slots[(p->tail + n) % p->count];
}

static inline bool pipe_is_full(const struct pipe *p)
{
    return load(&p->used) + load(&p->held) >= load(&p->count);
}

static inline void slot_push(struct pipe *p, const struct slot *s)
{
    *slot_at(p, p->used) = *s;
    __atomic_store_n(&p->used, p->used + 1, __ATOMIC_RELEASE);
}

/* The first slot's page has gone elsewhere. */
static inline void slot_forget_first(struct pipe *p)
{
    slot_at(p, 0)->page = NULL;
    p->tail = (p->tail + 1) % p->count;
    __atomic_store_n(&p->used, p->used - 1, __ATOMIC_RELEASE);
}

/* pipe.c */
void pipe_tell_async(struct pipe *p, int reason); /* POLL_IN, POLL_OUT; the lock not held */
void slot_drop_first(struct pipe *p);
/* As much as there is and the iterator takes: bytes, or -EFAULT if the first byte faults. */
long pipe_drain(struct pipe *p, struct io_iter *it) must_check;

#endif
