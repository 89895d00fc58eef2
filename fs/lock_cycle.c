/*
 * See fs/lock_cycle.h.  Waits are found by who waits, in a table; `waits_lock` guards them all, taken inside an inode's lock.
 * That a look for a circle and the wait's begin are one step is what makes one of two who meet see the other.
 */
#include "fs/lock_cycle.h"

#include <asm/errno.h>
#include <stdint.h>

#include "lib/spinlock.h"

#define BUCKETS 64u
#define CHAIN_MAX 10u /* longer circles are not found, as on Linux */

static struct spinlock waits_lock = SPINLOCK_INIT;
static struct lock_waits buckets[BUCKETS]; /* zero: empty lists */

static struct lock_waits *bucket_of(const void *owner)
{
    return &buckets[(uintptr_t)owner % BUCKETS];
}

/* One wait of this owner's: of several threads' any; NULL: it waits for nobody. */
static const struct lock_wait *wait_of(const void *owner)
{
    const struct lock_wait *w;

    LIST_FOREACH(w, bucket_of(owner), by_owner)
        if (w->owner == owner)
            return w;
    return NULL;
}

static bool closes_circle(const void *owner, const void *holder)
{
    for (unsigned i = 0; i < CHAIN_MAX; i++) {
        const struct lock_wait *w = wait_of(holder);
        if (!w)
            return false;
        if (w->holder == owner)
            return true;
        holder = w->holder;
    }
    return false;
}

int lock_wait_begin(struct lock_wait *w, struct lock_waits *file, const void *owner, const void *holder)
{
    int error = -EDEADLK;

    spin_lock(&waits_lock);
    if (!closes_circle(owner, holder)) {
        *w = (struct lock_wait){.owner = owner, .holder = holder, .listed = true};
        LIST_INSERT_HEAD(bucket_of(owner), w, by_owner);
        LIST_INSERT_HEAD(file, w, at_file);
        error = 0;
    }
    spin_unlock(&waits_lock);
    return error;
}

static void wait_unlist(struct lock_wait *w)
{
    LIST_REMOVE(w, by_owner);
    LIST_REMOVE(w, at_file);
    w->listed = false;
}

void lock_wait_end(struct lock_wait *w)
{
    spin_lock(&waits_lock);
    if (w->listed)
        wait_unlist(w);
    spin_unlock(&waits_lock);
}

void lock_waits_forget(struct lock_waits *file)
{
    struct lock_wait *w;

    if (!__atomic_load_n(&file->lh_first, __ATOMIC_RELAXED)) /* nobody comes to it before the caller lets the locks change */
        return;
    spin_lock(&waits_lock);
    while ((w = LIST_FIRST(file)))
        wait_unlist(w);
    spin_unlock(&waits_lock);
}
