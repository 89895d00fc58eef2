/*
 * Inside of priority inheritance: what futex_pi.c has for the requeueing of waiters.
 */
#ifndef GUEST_KERNEL_FUTEX_PI_INNER_H
#define GUEST_KERNEL_FUTEX_PI_INNER_H

#include "guest_kernel/futex_inner.h"

RB_HEAD(pi_tree, pi_waiter);

/* There is one as long as somebody waits.  It is found, made and freed with its bucket's lock held. */
struct pi_lock {
    LIST_ENTRY(pi_lock) by_key;
    struct futex_key key;
    struct thread *owner; /* pi_guard, as all below; NULL: it is gone */
    LIST_ENTRY(pi_lock) owned;
    struct pi_tree waiters; /* the most urgent first */
};

struct pi_lock *pi_lock_find(const struct futex_bucket *b, const struct futex_key *key);
/* With the tree lock and the bucket's lock held, before its first waiter.  0, -ENOMEM, -ESRCH: the owner is ending. */
long pi_lock_create(struct futex_bucket *b, const struct futex_key *key, struct thread *owner,
                    struct pi_lock **out) must_check;
/*
 * For thread t, with the tree lock and the bucket's lock held.  1: t has the lock, the word says so; 0: *out, which is
 * somebody else's, or gets its first waiter now (else: pi_lock_drop()); -EFAULT: user_touch32(), then again; -EAGAIN:
 * at once again; or another error.  will_wait: others will wait for it in any case.
 */
long pi_acquire(struct futex_bucket *b, const struct futex_key *key, uint64_t address, struct thread *t, bool will_wait,
                struct pi_lock **out);
/* The bucket's lock held: 0 or -EDEADLK. */
long pi_block(struct pi_lock *l, struct pi_waiter *w, struct thread *t);
/* Frees a lock that nobody waits for; the bucket's lock held. */
void pi_lock_drop(struct pi_lock *l);
/* Asleep until w, which waits for a lock of that key at that address, has it: 0; `interrupted`, -ETIMEDOUT, -EFAULT. */
long pi_wait(struct futex_bucket *b, uint64_t address, struct pi_waiter *w, const struct futex_timeout *timeout,
             long interrupted);
bool pi_is_called(const struct pi_waiter *w); /* granted or inherits */

#endif
