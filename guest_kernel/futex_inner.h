/*
 * Inside of futexes: keys, buckets and waiters, as futex.c, futex_requeue.c, futex_pi.c and futex_waitv.c share them.
 *
 * A bucket's lock guards its lists and, of the waiters on them, all fields but those that say otherwise.  User words
 * are read and changed with it held, so that whoever changes a word and then wakes cannot be missed; a page that is not
 * there lets go of the locks, is brought in, and all begins again.
 */
#ifndef GUEST_KERNEL_FUTEX_INNER_H
#define GUEST_KERNEL_FUTEX_INNER_H

#include "guest_kernel/futex.h"
#include "guest_kernel/futex_pi.h"

struct space;

struct futex_key {
    const struct space *space; /* NULL: in shared memory.  Only compared: a waiter's own task keeps it alive */
    uint64_t device, inode;    /* of the shared object */
    uint64_t at;               /* address, or offset in the object */
};

struct futex_waiter {
    TAILQ_ENTRY(futex_waiter) link;
    struct futex_key key;
    struct futex_bucket *bucket; /* changes on requeue; atomic for futex_leave() */
    bool woken;                  /* off the list; atomic for the sleeper's look without the lock */
    uint32_t bitset;
    struct task *task;
    const struct futex_key *goes; /* FUTEX_WAIT_REQUEUE_PI: where it may be moved to; NULL: an ordinary waiter */
    struct pi_waiter *pi;         /* of such a one */
};

TAILQ_HEAD(futex_waiters, futex_waiter);

struct futex_bucket {
    struct spinlock lock;
    struct futex_waiters waiters; /* by rank, then first come, first served */
    LIST_HEAD(, pi_lock) pi_locks;
};

/*
 * `write`: the call will change the word.  shared: the caller does not promise that no other process uses the futex.
 * 0, -EINVAL: not aligned, -EFAULT.
 */
int futex_key_make(struct futex_key *key, uint64_t address, bool shared, bool write) must_check;
bool futex_key_equal(const struct futex_key *a, const struct futex_key *b);
struct futex_bucket *futex_bucket_of(const struct futex_key *key);
void futex_lock_both(struct futex_bucket *a, struct futex_bucket *b); /* in the order of their addresses */
void futex_unlock_both(struct futex_bucket *a, struct futex_bucket *b);

/* The first ordinary waiter there; NULL: none.  Such and priority inheritance do not mix. */
struct futex_waiter *futex_first(const struct futex_bucket *b, const struct futex_key *key);
void futex_insert(struct futex_bucket *b, struct futex_waiter *w);
/* Off the list.  The waiter's stack may be gone as soon as the lock is. */
void futex_wake_one(struct futex_bucket *b, struct futex_waiter *w);
/* Wake up to `count` with that key: their number; -EINVAL: one is not to be woken like this. */
long futex_wake_locked(struct futex_bucket *b, const struct futex_key *key, uint32_t count, uint32_t bitset);

/* Enters w, whose key is set, if the word is as expected.  0: it is in; -EAGAIN: the word is another; -EFAULT. */
long futex_enter(struct futex_waiter *w, uint64_t address, uint32_t expected) must_check;
bool futex_is_woken(const struct futex_waiter *w);
/* True if it was woken before it could leave. */
bool futex_leave(struct futex_waiter *w);

struct futex_timeout {
    uint64_t ns; /* monotonic or real time; WAIT_FOREVER: none */
    bool realtime;
};

/* An absolute deadline on one of two clocks, or a relative one; no address: none.  0, -EFAULT, -EINVAL. */
long futex_timeout_read(uint64_t address, bool relative, bool realtime, struct futex_timeout *out) must_check;
/* task_sleep_until() for it: false if the time is over.  True also when the real time was set. */
bool futex_sleep(const struct futex_timeout *timeout) must_check;

/* futex_requeue.c, futex_pi.c, futex_requeue_pi.c */
struct syscall_args;
long futex_requeue(const struct syscall_args *args);
long futex_wake_op(const struct syscall_args *args);
long futex_lock_pi(const struct syscall_args *args);
long futex_unlock_pi(const struct syscall_args *args);
long futex_wait_requeue_pi(const struct syscall_args *args);
long futex_requeue_pi(const struct syscall_args *args);

#endif
