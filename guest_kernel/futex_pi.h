/*
 * Priority inheritance: while somebody waits for a lock, its owner runs at least as urgently as the most urgent waiter.
 * One lock, pi_guard, guards who owns and who waits for what; it comes after the futex buckets' locks.
 */
#ifndef GUEST_KERNEL_FUTEX_PI_H
#define GUEST_KERNEL_FUTEX_PI_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "lib/compiler.h"

struct pi_lock; /* a lock that somebody waits for (futex_pi_inner.h) */
struct thread;

struct pi_waiter {
    RB_ENTRY(pi_waiter) node;
    struct pi_lock *lock; /* that it waits for; NULL: none, or none any more */
    struct thread *thread;
    uint32_t urgency; /* its place in the order */
    uint64_t number;  /* first come, first served */
    bool granted;     /* it owns the lock now; atomic, as the next: the sleeper looks without pi_guard */
    bool inherits;    /* the owner is gone: it may be its turn to take the lock */
};

struct pi_thread { /* of struct thread */
    LIST_HEAD(, pi_lock) owned;
    struct pi_waiter *waiting;
    bool left; /* it has let go of all it owned, and gets nothing any more */
};

/* A call changed the thread's urgency: it may wait for something. */
void pi_urgency_changed(struct thread *t);
/* The thread leaves its memory: others take what it owned. */
void pi_thread_leaves(struct thread *t, bool for_good);

#endif
