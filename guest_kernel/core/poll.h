/*
 * Waiting for one of many queues: what poll(2), select(2) and epoll(7) are made of.
 *
 *     poll_table_init(&t);
 *     for (;;) {
 *         for each file: ready |= file_poll_keep(file, first round ? &t : NULL);
 *         if (ready || t.error) break;
 *         error = poll_table_wait(&t, deadline);   // 0: something happened, look again
 *         if (error) break;
 *     }
 *     poll_table_free(&t, file_put);
 *
 * The table is on queues inside of the files: it holds them until it has left, whatever becomes of their descriptors.
 * The poll operations may sleep: a wake-up that comes meanwhile is remembered in `triggered`.
 */
#ifndef GUEST_KERNEL_CORE_POLL_H
#define GUEST_KERNEL_CORE_POLL_H

#include "guest_kernel/core/wait.h"
#include "lib/compiler.h"

#define POLL_INLINE_ENTRIES 6

struct file;

struct poll_entry {
    struct waiter waiter;
    struct poll_table *table;
    struct file *file; /* a reference; NULL: an entry before has it, or the queue outlives the table by itself */
};

struct poll_chunk { /* one page of further entries */
    struct poll_chunk *next;
    unsigned used;
    struct poll_entry entries[];
};

struct poll_table { /* on the waiting task's stack */
    struct task *task;
    /* NULL: the task waits on the queues.  Else called for each instead: epoll(7) enqueues waiters of its own. */
    void (*queue)(struct poll_table *t, struct wait_queue *q, unsigned events);
    uint32_t triggered;  /* atomic */
    struct file *asking; /* the file that is asked now: a reference that its first queue takes over, and leaves NULL */
    int error;           /* -ENOMEM when an entry could not be had: do not sleep on this table */
    unsigned used;
    struct poll_entry entries[POLL_INLINE_ENTRIES];
    struct poll_chunk *more;
};

void poll_table_init(struct poll_table *t);
/* 0: woken by a queue since the last call; -ETIME: deadline passed; -ERESTARTSYS: a signal. */
int poll_table_wait(struct poll_table *t, uint64_t deadline_ns) must_check;
/* Leaves all queues, then gives back the files by `put` (may sleep; NULL: the table never asked one by `asking`). */
void poll_table_free(struct poll_table *t, void (*put)(struct file *));

#endif
