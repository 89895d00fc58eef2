/*
 * Locks with priority inheritance: FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI (futex(2),
 * "Priority-inheritance futexes").  The word holds the owner's thread number; the kernel knows of a lock only while
 * somebody waits for it.  An unlock hands the lock to the most urgent waiter.
 *
 * Lock order: process_tree_lock > bucket > pi_guard > run queues.
 */
#include "guest_kernel/futex_pi_inner.h"

#include <asm/errno.h>
#include <linux/futex.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/alloc.h"

#define CHAIN_MAX 1024 /* owners that wait for owners that wait ..., as Linux */

static struct spinlock pi_guard = SPINLOCK_INIT;
static uint64_t numbers; /* pi_guard */

static int compare(const struct pi_waiter *a, const struct pi_waiter *b)
{
    if (a->urgency != b->urgency)
        return a->urgency > b->urgency ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

RB_GENERATE_INTERNAL(pi_tree, pi_waiter, node, compare, static __attribute__((unused)))

static struct pi_waiter *first_waiter(struct pi_lock *l)
{
    return RB_MIN(pi_tree, &l->waiters);
}

static uint32_t wanted_boost(const struct thread *t)
{
    struct pi_lock *l;
    uint32_t boost = 0;

    LIST_FOREACH(l, &t->pi.owned, owned)
    {
        struct pi_waiter *w = first_waiter(l);
        boost = MAX(boost, w ? w->urgency : 0);
    }
    return boost;
}

/* The most urgent waiter is told that the lock is nobody's. */
static void call_heir(struct pi_lock *l)
{
    struct pi_waiter *w = first_waiter(l);

    if (l->owner || !w)
        return;
    __atomic_store_n(&w->inherits, true, __ATOMIC_RELEASE);
    task_wake(w->thread->task);
}

/* What t owns, or who waits for it, has changed; so may the urgency of all that it waits for in turn. */
static void propagate(struct thread *t)
{
    assert_held(&pi_guard);
    while (t) {
        struct pi_waiter *w = t->pi.waiting;
        task_set_boost(t->task, wanted_boost(t));
        uint32_t urgency = task_urgency(t->task);
        if (!w || w->urgency == urgency)
            return;
        RB_REMOVE(pi_tree, &w->lock->waiters, w);
        w->urgency = urgency;
        RB_INSERT(pi_tree, &w->lock->waiters, w);
        t = w->lock->owner;
        call_heir(w->lock); /* if there is none, it may be another now */
    }
}

void pi_urgency_changed(struct thread *t)
{
    spin_lock(&pi_guard);
    propagate(t);
    spin_unlock(&pi_guard);
}

static void set_owner(struct pi_lock *l, struct thread *t)
{
    struct thread *old = l->owner;

    assert_held(&pi_guard);
    if (old)
        LIST_REMOVE(l, owned);
    l->owner = t;
    if (t)
        LIST_INSERT_HEAD(&t->pi.owned, l, owned);
    propagate(old);
    propagate(t);
}

static void remove_waiter(struct pi_waiter *w)
{
    assert_held(&pi_guard);
    RB_REMOVE(pi_tree, &w->lock->waiters, w);
    w->lock = NULL;
    w->thread->pi.waiting = NULL;
}

void pi_thread_leaves(struct thread *t, bool for_good)
{
    struct pi_lock *l;

    spin_lock(&pi_guard);
    while ((l = LIST_FIRST(&t->pi.owned))) {
        set_owner(l, NULL);
        call_heir(l);
    }
    t->pi.left = for_good;
    spin_unlock(&pi_guard);
}

struct pi_lock *pi_lock_find(const struct futex_bucket *b, const struct futex_key *key)
{
    struct pi_lock *l;

    LIST_FOREACH(l, &b->pi_locks, by_key)
    {
        if (futex_key_equal(&l->key, key))
            return l;
    }
    return NULL;
}

void pi_lock_drop(struct pi_lock *l)
{
    spin_lock(&pi_guard); /* a waiter whose urgency changes is not in the tree for a moment */
    bool waited_for = !RB_EMPTY(&l->waiters);
    if (!waited_for)
        set_owner(l, NULL);
    spin_unlock(&pi_guard);
    if (waited_for)
        return;
    LIST_REMOVE(l, by_key);
    mem_free(l);
}

long pi_lock_create(struct futex_bucket *b, const struct futex_key *key, struct thread *owner, struct pi_lock **out)
{
    struct pi_lock *l = mem_alloc_zero(sizeof(*l));

    if (!l)
        return -ENOMEM;
    spin_lock(&pi_guard);
    bool left = owner->pi.left; /* nobody would ever take this lock from it */
    if (!left)
        set_owner(l, owner);
    spin_unlock(&pi_guard);
    if (left) {
        mem_free(l);
        return -ESRCH;
    }
    l->key = *key;
    LIST_INSERT_HEAD(&b->pi_locks, l, by_key);
    *out = l;
    return 0;
}

/* 0: the word became `desired`; -EAGAIN: it was changed meanwhile; -EFAULT. */
static long word_change(uint64_t address, uint32_t expected, uint32_t desired)
{
    uint32_t seen = expected;

    if (user_compare_exchange32_now(user(address), &seen, desired))
        return -EFAULT;
    return seen == expected ? 0 : -EAGAIN;
}

/* By an owner that has ended since. */
static bool word_changed(uint64_t address, uint32_t seen)
{
    uint32_t now;

    return !user_load32_now(&now, user(address)) && now != seen;
}

/* Does the word say what the kernel knows?  Programs may have written anything. */
static bool word_agrees(const struct pi_lock *l, uint32_t value)
{
    uint32_t tid = value & FUTEX_TID_MASK;

    spin_lock(&pi_guard);
    bool owned = l->owner;
    bool same = owned && (int32_t)tid == l->owner->task->tid;
    spin_unlock(&pi_guard);
    if (value & FUTEX_OWNER_DIED)
        return !tid || same;
    return same;
}

/* Somebody else has it, as the word says; the first to wait tells the kernel. */
static long lock_of_owner(struct futex_bucket *b, const struct futex_key *key, uint64_t address, uint32_t value,
                          struct pi_lock **out)
{
    long error = word_change(address, value, value | FUTEX_WAITERS);

    if (error)
        return error;
    struct thread *owner = thread_lookup((int32_t)(value & FUTEX_TID_MASK));
    return owner ? pi_lock_create(b, key, owner, out) : -ESRCH;
}

long pi_acquire(struct futex_bucket *b, const struct futex_key *key, uint64_t address, struct thread *t, bool will_wait,
                struct pi_lock **out)
{
    uint32_t value, tid = (uint32_t)t->task->tid;

    assert_held(&process_tree_lock);
    *out = NULL;
    if (user_load32_now(&value, user(address)))
        return -EFAULT;
    if ((value & FUTEX_TID_MASK) == tid)
        return -EDEADLK;
    if (futex_first(b, key))
        return -EINVAL;
    *out = pi_lock_find(b, key);
    if (*out && word_agrees(*out, value))
        return 0;
    if (*out) /* an owner that ends changes the word, then what the kernel knows, without the bucket's lock */
        return word_changed(address, value) ? -EAGAIN : -EINVAL;
    if (!(value & FUTEX_TID_MASK)) {
        uint32_t mine = tid | (value & FUTEX_OWNER_DIED) | (will_wait ? FUTEX_WAITERS : 0);
        long error = word_change(address, value, mine);
        return error ? error : 1;
    }
    long result = lock_of_owner(b, key, address, value, out);
    return result == -ESRCH && word_changed(address, value | FUTEX_WAITERS) ? -EAGAIN : result;
}

long pi_block(struct pi_lock *l, struct pi_waiter *w, struct thread *t)
{
    unsigned length = 0;
    long result = 0;

    spin_lock(&pi_guard);
    for (struct thread *o = l->owner; o; o = o->pi.waiting ? o->pi.waiting->lock->owner : NULL) {
        if (o == t || ++length > CHAIN_MAX)
            result = -EDEADLK;
        if (result)
            break;
    }
    if (!result) {
        *w = (struct pi_waiter){.lock = l, .thread = t, .urgency = task_urgency(t->task), .number = ++numbers};
        RB_INSERT(pi_tree, &l->waiters, w);
        t->pi.waiting = w;
        propagate(l->owner);
        call_heir(l);
    }
    spin_unlock(&pi_guard);
    return result;
}

bool pi_is_called(const struct pi_waiter *w)
{
    return __atomic_load_n(&w->granted, __ATOMIC_ACQUIRE) || __atomic_load_n(&w->inherits, __ATOMIC_ACQUIRE);
}

/* It is nobody's lock, and w is the first that waits: the word becomes the current thread's.  0, -EFAULT. */
static long word_inherit(uint64_t address)
{
    uint32_t mine = (uint32_t)task_current()->tid | FUTEX_WAITERS | FUTEX_OWNER_DIED, seen, expected;

    if (user_load32_now(&seen, user(address)))
        return -EFAULT;
    do {
        expected = seen;
        if (user_compare_exchange32_now(user(address), &seen, mine))
            return -EFAULT;
    } while (seen != expected);
    return 0;
}

/* With the bucket's lock held: 0: it has the lock; 1: it goes on waiting; -EFAULT; `result` (any errno): it has left.
 */
static long wait_ends(uint64_t address, struct pi_waiter *w, long result)
{
    struct pi_lock *l = w->lock;
    long fault = 0;

    if (w->granted)
        return 0;
    spin_lock(&pi_guard);
    bool takes = !l->owner && first_waiter(l) == w;
    if (takes)
        fault = word_inherit(address);
    if (!takes && !result)
        w->inherits = false; /* somebody more urgent came */
    if ((takes && !fault) || (!takes && result)) {
        remove_waiter(w);
        if (takes)
            set_owner(l, RB_EMPTY(&l->waiters) ? NULL : w->thread);
        else
            propagate(l->owner);
    }
    spin_unlock(&pi_guard);
    if (!w->lock)
        pi_lock_drop(l);
    return takes ? fault : result ? result : 1;
}

/* A lock whose word cannot be written any more is left to others. */
static void give_up(struct futex_bucket *b, struct pi_waiter *w)
{
    spin_lock(&b->lock);
    struct pi_lock *l = w->lock;
    if (l) {
        spin_lock(&pi_guard);
        remove_waiter(w);
        propagate(l->owner);
        call_heir(l);
        spin_unlock(&pi_guard);
        pi_lock_drop(l);
    }
    spin_unlock(&b->lock);
}

static long leave(struct futex_bucket *b, uint64_t address, struct pi_waiter *w, long result)
{
    for (;;) {
        spin_lock(&b->lock);
        long left = wait_ends(address, w, result);
        spin_unlock(&b->lock);
        if (left != -EFAULT)
            return left;
        if (user_touch32(user(address), true)) {
            give_up(b, w);
            return -EFAULT;
        }
    }
}

long pi_wait(struct futex_bucket *b, uint64_t address, struct pi_waiter *w, const struct futex_timeout *timeout,
             long interrupted)
{
    for (;;) {
        long result = 0;
        task_sleep_prepare(true);
        if (!pi_is_called(w)) {
            if (task_signal_pending())
                result = interrupted;
            else if (futex_sleep(timeout))
                continue;
            else
                result = -ETIMEDOUT;
        }
        task_sleep_cancel();
        result = leave(b, address, w, result);
        if (result <= 0)
            return result;
    }
}

/* One attempt: 1: it has the lock, 0: w waits for it, or an error; -EAGAIN and -EFAULT: to be tried again. */
static long lock_once(struct futex_bucket *b, const struct futex_key *key, uint64_t address, bool try,
                      struct pi_waiter *w)
{
    struct pi_lock *l;

    spin_lock(&process_tree_lock);
    spin_lock(&b->lock);
    long result = pi_acquire(b, key, address, thread_current(), false, &l);
    if (!result) {
        result = try ? -EBUSY : pi_block(l, w, thread_current());
        pi_lock_drop(l); /* if nobody waits for it */
    }
    spin_unlock(&b->lock);
    spin_unlock(&process_tree_lock);
    return result;
}

long futex_lock_pi(const struct syscall_args *args)
{
    uint32_t op = (uint32_t)args->a[1], command = op & (uint32_t)FUTEX_CMD_MASK;
    bool try = command == FUTEX_TRYLOCK_PI, realtime = command == FUTEX_LOCK_PI || (op & FUTEX_CLOCK_REALTIME);
    struct futex_timeout timeout = {.ns = WAIT_FOREVER};
    uint64_t address = args->a[0];
    struct futex_key key;
    struct pi_waiter w;
    long result = try ? 0 : futex_timeout_read(args->a[3], false, realtime, &timeout);

    if (!result)
        result = futex_key_make(&key, address, !(op & FUTEX_PRIVATE_FLAG), true);
    if (result)
        return result;
    struct futex_bucket *b = futex_bucket_of(&key);
    do {
        result = lock_once(b, &key, address, try, &w);
        if (result == -EFAULT && !user_touch32(user(address), true))
            result = -EAGAIN;
    } while (result == -EAGAIN);
    if (!result)
        return pi_wait(b, address, &w, &timeout, -ERESTARTNOINTR);
    return result == -EBUSY ? -EWOULDBLOCK : MIN(result, 0);
}

/* With the bucket's lock held: the most urgent waiter gets it. */
static long hand_over(struct pi_lock *l, uint64_t address, uint32_t value)
{
    spin_lock(&pi_guard);
    struct pi_waiter *w = first_waiter(l);
    long error = l->owner != thread_current() ? -EINVAL : 0;
    if (!error)
        error = word_change(address, value, (uint32_t)w->thread->task->tid | FUTEX_WAITERS);
    if (!error) {
        struct thread *heir = w->thread;
        remove_waiter(w);
        set_owner(l, RB_EMPTY(&l->waiters) ? NULL : heir);
        __atomic_store_n(&w->granted, true, __ATOMIC_RELEASE);
        task_wake(heir->task);
    }
    spin_unlock(&pi_guard);
    if (!error)
        pi_lock_drop(l);
    return error;
}

static long unlock_locked(struct futex_bucket *b, const struct futex_key *key, uint64_t address)
{
    struct pi_lock *l = pi_lock_find(b, key);
    uint32_t value;

    if (user_load32_now(&value, user(address)))
        return -EFAULT;
    if ((value & FUTEX_TID_MASK) != (uint32_t)task_current()->tid)
        return -EPERM;
    if (!l && futex_first(b, key))
        return -EINVAL;
    return l ? hand_over(l, address, value) : word_change(address, value, 0);
}

long futex_unlock_pi(const struct syscall_args *args)
{
    uint64_t address = args->a[0];
    struct futex_key key;
    uint32_t value;
    long result = user_touch32(user(address), false);

    if (!result && !user_load32_now(&value, user(address)) && (value & FUTEX_TID_MASK) != (uint32_t)task_current()->tid)
        result = -EPERM;
    if (!result)
        result = futex_key_make(&key, address, !(args->a[1] & FUTEX_PRIVATE_FLAG), true);
    if (result)
        return result;
    struct futex_bucket *b = futex_bucket_of(&key);
    do {
        spin_lock(&b->lock);
        result = unlock_locked(b, &key, address);
        spin_unlock(&b->lock);
        if (result == -EFAULT && !user_touch32(user(address), true))
            result = -EAGAIN;
    } while (result == -EAGAIN);
    return result;
}
