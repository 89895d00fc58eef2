/*
 * Condition variables over locks with priority inheritance: FUTEX_WAIT_REQUEUE_PI sleeps on one word, and
 * FUTEX_CMP_REQUEUE_PI makes its sleepers wait for the lock at another, or gives it to the first.
 */
#include <asm/errno.h>
#include <linux/futex.h>

#include "abi/syscalls.h"
#include "guest_kernel/futex_pi_inner.h"

struct move { /* of FUTEX_CMP_REQUEUE_PI */
    struct futex_key key, key2;
    struct futex_bucket *b, *b2;
    uint64_t address, address2;
    uint32_t expected;
    int32_t count; /* besides the first */
};

/* The first has the lock already, or all are only moved.  The number of those that no longer sleep on the first word.
 */
static long move_waiters(struct move *m, struct pi_lock **l, struct thread *owner, int32_t moved)
{
    struct futex_waiter *w, *next;
    long error = 0;

    TAILQ_FOREACH_SAFE(w, &m->b->waiters, link, next)
    {
        if (moved - 1 >= m->count)
            break;
        if (!futex_key_equal(&w->key, &m->key))
            continue;
        if (!w->goes || !futex_key_equal(w->goes, &m->key2))
            error = -EINVAL;
        if (!error && !*l)
            error = pi_lock_create(m->b2, &m->key2, owner, l);
        if (!error)
            error = pi_block(*l, w->pi, thread_of(w->task));
        if (error)
            return error;
        TAILQ_REMOVE(&m->b->waiters, w, link);
        __atomic_store_n(&w->woken, true, __ATOMIC_RELEASE); /* off the list, and still asleep */
        if (pi_is_called(w->pi)) /* the lock was nobody's: it was woken before it could see that it has moved */
            task_wake(w->task);
        moved++;
    }
    return moved;
}

static long move_locked(struct move *m, uint64_t *fault)
{
    struct pi_lock *l;
    uint32_t value;

    *fault = m->address;
    if (user_load32_now(&value, user(m->address)))
        return -EFAULT;
    if (value != m->expected)
        return -EWOULDBLOCK;
    struct futex_waiter *first = futex_first(m->b, &m->key);
    if (!first)
        return 0;
    if (!first->goes || !futex_key_equal(first->goes, &m->key2))
        return -EINVAL;
    struct thread *t = thread_of(first->task);
    *fault = m->address2;
    long result = pi_acquire(m->b2, &m->key2, m->address2, t, m->count, &l);
    if (result < 0)
        return result == -EAGAIN ? -EBUSY : result;
    if (result) {
        __atomic_store_n(&first->pi->granted, true, __ATOMIC_RELEASE);
        futex_wake_one(m->b, first);
    }
    result = move_waiters(m, &l, t, (int32_t)result);
    if (l)
        pi_lock_drop(l);
    return result;
}

long futex_requeue_pi(const struct syscall_args *args)
{
    bool shared = !(args->a[1] & FUTEX_PRIVATE_FLAG);
    struct move m = {
        .address = args->a[0], .address2 = args->a[4], .expected = (uint32_t)args->a[5], .count = (int32_t)args->a[3]};
    uint64_t fault;
    long result = 0;

    if ((int32_t)args->a[2] < 0 || m.count < 0 || m.address == m.address2 || (int32_t)args->a[2] != 1)
        return -EINVAL;
    result = futex_key_make(&m.key, m.address, shared, false);
    if (!result)
        result = futex_key_make(&m.key2, m.address2, shared, true);
    if (!result && futex_key_equal(&m.key, &m.key2))
        result = -EINVAL;
    if (result)
        return result;
    m.b = futex_bucket_of(&m.key);
    m.b2 = futex_bucket_of(&m.key2);
    do {
        spin_lock(&process_tree_lock);
        futex_lock_both(m.b, m.b2);
        result = move_locked(&m, &fault);
        futex_unlock_both(m.b, m.b2);
        spin_unlock(&process_tree_lock);
        if (result == -EFAULT && !user_touch32(user(fault), fault == m.address2))
            result = -EBUSY;
    } while (result == -EBUSY);
    return result;
}

/* Not moved in time: 0 is no result. */
static long sleep_on_first(struct futex_waiter *w, const struct futex_timeout *timeout)
{
    for (;;) {
        task_sleep_prepare(true);
        long result = 0;
        bool called = futex_is_woken(w); /* moved, or given the lock: the rest is pi_wait()'s business */
        if (!called && task_signal_pending())
            result = -ERESTARTNOINTR;
        else if (!called && !futex_sleep(timeout))
            result = -ETIMEDOUT;
        task_sleep_cancel();
        if (called || result)
            return futex_leave(w) ? 0 : result;
    }
}

long futex_wait_requeue_pi(const struct syscall_args *args)
{
    uint32_t op = (uint32_t)args->a[1];
    bool shared = !(op & FUTEX_PRIVATE_FLAG);
    struct futex_timeout timeout;
    struct pi_waiter pi = {0};
    struct futex_key key2;
    struct futex_waiter w = {.bitset = FUTEX_BITSET_MATCH_ANY, .task = task_current(), .goes = &key2, .pi = &pi};
    long result = futex_timeout_read(args->a[3], false, op & FUTEX_CLOCK_REALTIME, &timeout);

    if (!result && args->a[0] == args->a[4])
        result = -EINVAL;
    if (!result)
        result = futex_key_make(&key2, args->a[4], shared, true);
    if (!result)
        result = futex_key_make(&w.key, args->a[0], shared, false);
    if (!result && futex_key_equal(&w.key, &key2))
        result = -EINVAL;
    if (!result)
        result = futex_enter(&w, args->a[0], (uint32_t)args->a[2]);
    if (!result)
        result = sleep_on_first(&w, &timeout);
    return result ? result : pi_wait(futex_bucket_of(&key2), args->a[4], &pi, &timeout, -EWOULDBLOCK);
}
