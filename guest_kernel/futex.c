/*
 * Futexes: waiting and waking (see futex_inner.h).  A futex in shared memory is known by the mapped object and the
 * offset in it, any other by its address space and address.
 */
#include <asm/errno.h>
#include <linux/futex.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/futex_inner.h"
#include "guest_kernel/futex_pi_inner.h"
#include "guest_kernel/time_convert.h"

#define BUCKET_COUNT 256

static struct futex_bucket buckets[BUCKET_COUNT];

void futex_init(void)
{
    for (unsigned i = 0; i < BUCKET_COUNT; i++) {
        buckets[i].lock = (struct spinlock)SPINLOCK_INIT;
        TAILQ_INIT(&buckets[i].waiters);
    }
}

struct futex_bucket *futex_bucket_of(const struct futex_key *key)
{
    uint64_t h = (uint64_t)key->space ^ key->inode << 12 ^ key->at;

    return &buckets[(h >> 2 ^ h >> 12 ^ h >> 21) % BUCKET_COUNT];
}

int futex_key_make(struct futex_key *key, uint64_t address, bool shared, bool write)
{
    struct space *space = task_current()->space;

    if (address % sizeof(uint32_t))
        return -EINVAL;
    if (address >= USER_END)
        return -EFAULT;
    *key = (struct futex_key){.space = space, .at = address};
    if (!shared)
        return 0;
    int object = space_shared_place(space, address, write, &key->device, &key->inode, &key->at);
    if (object > 0)
        key->space = NULL;
    return MIN(object, 0);
}

bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
    return a->at == b->at && a->space == b->space && a->device == b->device && a->inode == b->inode;
}

void futex_lock_both(struct futex_bucket *a, struct futex_bucket *b)
{
    spin_lock(&MIN(a, b)->lock);
    if (a != b)
        spin_lock(&MAX(a, b)->lock);
}

void futex_unlock_both(struct futex_bucket *a, struct futex_bucket *b)
{
    spin_unlock(&a->lock);
    if (a != b)
        spin_unlock(&b->lock);
}

struct futex_waiter *futex_first(const struct futex_bucket *b, const struct futex_key *key)
{
    struct futex_waiter *w;

    TAILQ_FOREACH(w, &b->waiters, link)
    {
        if (futex_key_equal(&w->key, key))
            return w;
    }
    return NULL;
}

/* Urgent ones are woken first; most often nobody is. */
void futex_insert(struct futex_bucket *b, struct futex_waiter *w)
{
    struct futex_waiter *other = NULL;

    __atomic_store_n(&w->bucket, b, __ATOMIC_RELEASE);
    if (unlikely(w->task->rank)) {
        TAILQ_FOREACH(other, &b->waiters, link)
        {
            if (other->task->rank < w->task->rank)
                break;
        }
    }
    if (unlikely(other))
        TAILQ_INSERT_BEFORE(other, w, link);
    else
        TAILQ_INSERT_TAIL(&b->waiters, w, link);
}

long futex_enter(struct futex_waiter *w, uint64_t address, uint32_t expected)
{
    struct futex_bucket *b = futex_bucket_of(&w->key);
    uint32_t value;

    for (;;) {
        spin_lock(&b->lock);
        int error = user_load32_now(&value, user(address));
        bool right = !error && value == expected;
        if (right)
            futex_insert(b, w);
        spin_unlock(&b->lock);
        if (!error)
            return right ? 0 : -EAGAIN;
        if (user_touch32(user(address), false))
            return -EFAULT;
    }
}

bool futex_is_woken(const struct futex_waiter *w)
{
    return __atomic_load_n(&w->woken, __ATOMIC_ACQUIRE);
}

/* The lock of the bucket where w is now: it may be requeued until the lock is held. */
static struct futex_bucket *waiter_lock(struct futex_waiter *w)
{
    for (;;) {
        struct futex_bucket *b = __atomic_load_n(&w->bucket, __ATOMIC_ACQUIRE);
        spin_lock(&b->lock);
        if (w->bucket == b)
            return b;
        spin_unlock(&b->lock);
    }
}

/* Takes the lock in any case: a waker may still be looking at *w. */
bool futex_leave(struct futex_waiter *w)
{
    struct futex_bucket *b = waiter_lock(w);
    bool woken = w->woken;

    if (!woken)
        TAILQ_REMOVE(&b->waiters, w, link);
    spin_unlock(&b->lock);
    return woken;
}

void futex_wake_one(struct futex_bucket *b, struct futex_waiter *w)
{
    TAILQ_REMOVE(&b->waiters, w, link);
    __atomic_store_n(&w->woken, true, __ATOMIC_RELEASE); /* pairs with the acquire in futex_is_woken() */
    task_wake(w->task);                                  /* it cannot be gone: to leave, it takes the lock */
}

long futex_wake_locked(struct futex_bucket *b, const struct futex_key *key, uint32_t count, uint32_t bitset)
{
    struct futex_waiter *w, *next;
    long woken = 0;

    TAILQ_FOREACH_SAFE(w, &b->waiters, link, next)
    {
        if (!futex_key_equal(&w->key, key))
            continue;
        if (w->goes)
            return -EINVAL;
        if (!(w->bitset & bitset))
            continue;
        futex_wake_one(b, w);
        if (++woken >= (int32_t)count) /* a count of 0 wakes one, as on Linux: programs rely on it */
            return woken;
    }
    return !woken && pi_lock_find(b, key) ? -EINVAL : woken;
}

long futex_wake(uint64_t address, bool shared, uint32_t count, uint32_t bitset)
{
    struct futex_key key;
    int error = futex_key_make(&key, address, shared, false);

    if (!bitset)
        return -EINVAL;
    if (error)
        return error;
    struct futex_bucket *b = futex_bucket_of(&key);
    spin_lock(&b->lock);
    long woken = futex_wake_locked(b, &key, count, bitset);
    spin_unlock(&b->lock);
    return woken;
}

/* 0 woken, -ETIMEDOUT, -ERESTARTSYS. */
static long waiter_sleep(struct futex_waiter *w, const struct futex_timeout *timeout)
{
    long result = 0;

    for (;;) {
        task_sleep_prepare(true);
        if (futex_is_woken(w))
            break;
        if (task_signal_pending()) {
            result = -ERESTARTSYS;
            break;
        }
        if (!futex_sleep(timeout)) {
            result = -ETIMEDOUT;
            break;
        }
    }
    task_sleep_cancel();
    return futex_leave(w) ? 0 : result;
}

static long wait_until(uint64_t address, bool shared, uint32_t expected, const struct futex_timeout *timeout,
                       uint32_t bitset)
{
    struct futex_waiter w = {.bitset = bitset, .task = task_current()};

    if (!bitset)
        return -EINVAL;
    long error = futex_key_make(&w.key, address, shared, false);
    if (!error)
        error = futex_enter(&w, address, expected);
    return error ? error : waiter_sleep(&w, timeout);
}

static long wait_again(struct thread *t)
{
    struct futex_timeout timeout = {t->task->restart_deadline_ns, t->restart_args[4]};
    long result = wait_until(t->restart_args[0], t->restart_args[3], (uint32_t)t->restart_args[1], &timeout,
                             (uint32_t)t->restart_args[2]);

    if (result != -ERESTARTSYS)
        return result;
    t->restart = wait_again;
    return -ERESTART_RESTARTBLOCK;
}

static long futex_wait(uint64_t address, bool shared, uint32_t expected, const struct futex_timeout *timeout,
                       uint32_t bitset)
{
    struct thread *t = thread_current();
    long result = wait_until(address, shared, expected, timeout, bitset);

    if (result != -ERESTARTSYS || timeout->ns == WAIT_FOREVER)
        return result;
    t->restart = wait_again;
    t->restart_args[0] = address;
    t->restart_args[1] = expected;
    t->restart_args[2] = bitset;
    t->restart_args[3] = shared;
    t->restart_args[4] = timeout->realtime;
    t->task->restart_deadline_ns = timeout->ns;
    return -ERESTART_RESTARTBLOCK;
}

long futex_timeout_read(uint64_t address, bool relative, bool realtime, struct futex_timeout *out)
{
    struct timespec timeout;

    *out = (struct futex_timeout){.ns = WAIT_FOREVER};
    if (!address)
        return 0;
    if (get_user(timeout, user(address)))
        return -EFAULT;
    if (!timespec_is_valid(&timeout))
        return -EINVAL;
    uint64_t ns = timespec_to_ns(&timeout);
    *out = (struct futex_timeout){relative ? deadline_after(ns) : ns, realtime && !relative};
    return 0;
}

bool futex_sleep(const struct futex_timeout *timeout)
{
    struct waiter set;

    if (!timeout->realtime)
        return task_sleep_until(timeout->ns);
    wait_enqueue(&clock_was_set, &set); /* before the clock is looked at: set after that, it wakes us */
    bool left = task_sleep_until(deadline_of_realtime(timeout->ns));
    wait_dequeue(&set);
    return left || clock_realtime_ns() < timeout->ns;
}

static bool takes_realtime(int command)
{
    return command == FUTEX_WAIT_BITSET || command == FUTEX_WAIT_REQUEUE_PI || command == FUTEX_LOCK_PI2;
}

/* The rest: less common. */
static long futex_other(const struct syscall_args *args, int command)
{
    switch (command) {
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(args);
    case FUTEX_WAKE_OP:
        return futex_wake_op(args);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
    case FUTEX_TRYLOCK_PI:
        return futex_lock_pi(args);
    case FUTEX_UNLOCK_PI:
        return futex_unlock_pi(args);
    case FUTEX_WAIT_REQUEUE_PI:
        return futex_wait_requeue_pi(args);
    case FUTEX_CMP_REQUEUE_PI:
        return futex_requeue_pi(args);
    default:
        return -ENOSYS;
    }
}

long sys_futex(const struct syscall_args *args)
{
    uint64_t address = args->a[0];
    struct futex_timeout timeout;
    int op = (int)args->a[1], command = op & FUTEX_CMD_MASK;
    uint32_t value = (uint32_t)args->a[2], bitset = FUTEX_BITSET_MATCH_ANY;
    bool shared = !(op & FUTEX_PRIVATE_FLAG);

    if ((op & FUTEX_CLOCK_REALTIME) && !takes_realtime(command))
        return -ENOSYS;
    switch (command) {
    case FUTEX_WAIT_BITSET:
        bitset = (uint32_t)args->a[5];
        /* fall through */
    case FUTEX_WAIT: {
        long error = futex_timeout_read(args->a[3], command == FUTEX_WAIT, op & FUTEX_CLOCK_REALTIME, &timeout);
        return error ? error : futex_wait(address, shared, value, &timeout, bitset);
    }
    case FUTEX_WAKE_BITSET:
        return futex_wake(address, shared, value, (uint32_t)args->a[5]);
    case FUTEX_WAKE:
        return futex_wake(address, shared, value, bitset);
    default:
        return futex_other(args, command);
    }
}
