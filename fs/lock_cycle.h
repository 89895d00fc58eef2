/*
 * Who waits for whose record lock: a process whose wait would close a circle gets EDEADLK instead (fcntl(2), F_SETLKW).
 */
#ifndef FS_LOCK_CYCLE_H
#define FS_LOCK_CYCLE_H

#include <bsd/sys/queue.h>

#include "lib/compiler.h"

/* One that waits: on its stack, while it does. */
struct lock_wait {
    LIST_ENTRY(lock_wait) by_owner, at_file;
    const void *owner, *holder; /* processes, as file_lock_process_owner() has them */
    bool listed;
};

LIST_HEAD(lock_waits, lock_wait); /* those at one file; its users leave it to lock_cycle.c */

/*
 * `owner` is about to wait at `file` for what `holder` has; the file's locks do not change meanwhile.  0: it is known from now on.
 * -EDEADLK: the holder waits for `owner` already, perhaps by way of others.
 */
int lock_wait_begin(struct lock_wait *w, struct lock_waits *file, const void *owner, const void *holder) must_check;
/* It waits no more, whoever saw that first. */
void lock_wait_end(struct lock_wait *w);
/* The file's locks have changed: all who wait there look again, and until then wait for nobody. */
void lock_waits_forget(struct lock_waits *file);

#endif
