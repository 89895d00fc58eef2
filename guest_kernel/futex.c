/*
 * Futexes.  A waiter enters a hash bucket first and compares the user's word after that, so that whoever changes the
 * word and then wakes cannot be missed; the word is read without a lock, since the read may fault and sleep.  A futex
 * in shared memory is known by the mapped object and the offset in it, any other by its address space and address.
 *
 * Lock order: a bucket's lock is a leaf but for run queues; two buckets are locked in the order of their addresses.
 */
#include "guest_kernel/futex.h"

#include <asm/errno.h>
#include <linux/futex.h>
#include <linux/mman.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/time_convert.h"

#define BUCKET_COUNT 64

struct futex_key {
    const struct space *space; /* NULL: in shared memory.  Only compared: a waiter's own task keeps it alive */
    uint64_t device, inode;    /* of the shared object */
    uint64_t at;               /* address, or offset in the object */
};

struct futex_waiter {
    TAILQ_ENTRY(futex_waiter) link; /* bucket lock, as the next */
    struct futex_key key;
    struct futex_bucket *bucket; /* changes on requeue; atomic for waiter_leave() */
    bool woken;                  /* atomic for the sleeper's look without the lock */
    uint32_t bitset;
    struct task *task;
};

struct futex_bucket {
    struct spinlock lock;
    TAILQ_HEAD(, futex_waiter) waiters;
};

static struct futex_bucket buckets[BUCKET_COUNT];

void futex_init(void)
{
    for (unsigned i = 0; i < BUCKET_COUNT; i++) {
        buckets[i].lock = (struct spinlock)SPINLOCK_INIT;
        TAILQ_INIT(&buckets[i].waiters);
    }
}

static struct futex_bucket *bucket_of(const struct futex_key *key)
{
    uint64_t h = (uint64_t)key->space ^ key->inode << 12 ^ key->at;

    return &buckets[(h >> 2 ^ h >> 12 ^ h >> 21) % BUCKET_COUNT];
}

struct key_search {
    struct futex_key *key;
    uint64_t address;
    bool found;
};

/* The area that holds the address: in shared memory the key becomes the object's. */
static bool key_from_area(const struct area *a, void *context)
{
    struct key_search *search = context;

    if (search->address >= a->end)
        return true;
    search->found = search->address >= a->start;
    if (search->found && (a->flags & MAP_SHARED) && a->file) {
        struct futex_key *key = search->key;
        key->space = NULL;
        key->at = a->file_offset + (search->address - a->start);
        a->file->ops->identity(a->file, &key->device, &key->inode);
    }
    return false;
}

/* shared: the caller does not promise that no other process uses the futex. */
static int key_make(struct futex_key *key, uint64_t address, bool shared)
{
    struct space *space = task_current()->space;
    struct key_search search = {key, address, false};

    if (address % sizeof(uint32_t))
        return -EINVAL;
    if (address >= USER_END)
        return -EFAULT;
    *key = (struct futex_key){.space = space, .at = address};
    if (!shared)
        return 0;
    space_for_each(space, key_from_area, &search);
    return search.found ? 0 : -EFAULT;
}

static bool key_equal(const struct futex_key *a, const struct futex_key *b)
{
    return a->space == b->space && a->device == b->device && a->inode == b->inode && a->at == b->at;
}

static void waiter_enter(struct futex_waiter *w)
{
    struct futex_bucket *b = bucket_of(&w->key);

    spin_lock(&b->lock);
    w->bucket = b;
    TAILQ_INSERT_TAIL(&b->waiters, w, link);
    spin_unlock(&b->lock);
}

static bool waiter_is_woken(const struct futex_waiter *w)
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

/* True if it was woken before it could leave.  Takes the lock in any case: a waker may still be looking at *w. */
static bool waiter_leave(struct futex_waiter *w)
{
    struct futex_bucket *b = waiter_lock(w);
    bool woken = w->woken;

    if (!woken)
        TAILQ_REMOVE(&b->waiters, w, link);
    spin_unlock(&b->lock);
    return woken;
}

/* The bucket's lock is held: the sleeper cannot be gone, since it takes the lock to leave. */
static void waiter_wake(struct futex_bucket *b, struct futex_waiter *w)
{
    TAILQ_REMOVE(&b->waiters, w, link);
    __atomic_store_n(&w->woken, true, __ATOMIC_RELEASE); /* pairs with the acquire in waiter_is_woken() */
    task_wake(w->task);
}

long futex_wake(uint64_t address, bool shared, uint32_t count, uint32_t bitset)
{
    struct futex_waiter *w, *next;
    struct futex_key key;
    long woken = 0;
    int error = key_make(&key, address, shared);

    if (error)
        return error;
    if (!bitset)
        return -EINVAL;
    struct futex_bucket *b = bucket_of(&key);
    spin_lock(&b->lock);
    TAILQ_FOREACH_SAFE(w, &b->waiters, link, next) {
        if (!key_equal(&w->key, &key) || !(w->bitset & bitset))
            continue;
        waiter_wake(b, w);
        if (++woken >= (int32_t)count) /* a count of 0 wakes one, as on Linux: programs rely on it */
            break;
    }
    spin_unlock(&b->lock);
    return woken;
}

/* 0 woken, -ETIMEDOUT, -ERESTARTSYS. */
static long waiter_sleep(struct futex_waiter *w, uint64_t deadline_ns)
{
    long result = 0;

    for (;;) {
        task_sleep_prepare(true);
        if (waiter_is_woken(w))
            break;
        if (task_signal_pending()) {
            result = -ERESTARTSYS;
            break;
        }
        if (!task_sleep_until(deadline_ns)) {
            result = -ETIMEDOUT;
            break;
        }
    }
    task_sleep_cancel();
    return waiter_leave(w) ? 0 : result;
}

static long futex_wait_until(uint64_t address, bool shared, uint32_t expected, uint64_t deadline_ns, uint32_t bitset)
{
    struct futex_waiter w = {.bitset = bitset, .task = task_current()};
    uint32_t value;

    if (!bitset)
        return -EINVAL;
    int error = key_make(&w.key, address, shared);
    if (error)
        return error;
    waiter_enter(&w);
    error = get_user(value, user(address));
    if (!error && value != expected)
        error = -EAGAIN;
    if (error)
        return waiter_leave(&w) && error == -EAGAIN ? 0 : error;
    return waiter_sleep(&w, deadline_ns);
}

static long futex_wait_again(struct thread *t)
{
    uint64_t deadline_ns = t->task->restart_deadline_ns;
    long result = futex_wait_until(t->restart_args[0], t->restart_args[3], (uint32_t)t->restart_args[1], deadline_ns,
                                   (uint32_t)t->restart_args[2]);

    if (result != -ERESTARTSYS)
        return result;
    t->restart = futex_wait_again;
    return -ERESTART_RESTARTBLOCK;
}

static long futex_wait(uint64_t address, bool shared, uint32_t expected, uint64_t deadline_ns, uint32_t bitset)
{
    struct thread *t = thread_current();
    long result = futex_wait_until(address, shared, expected, deadline_ns, bitset);

    if (result != -ERESTARTSYS || deadline_ns == WAIT_FOREVER)
        return result;
    t->restart = futex_wait_again;
    t->restart_args[0] = address;
    t->restart_args[1] = expected;
    t->restart_args[2] = bitset;
    t->restart_args[3] = shared;
    t->task->restart_deadline_ns = deadline_ns;
    return -ERESTART_RESTARTBLOCK;
}

static void lock_both(struct futex_bucket *a, struct futex_bucket *b)
{
    spin_lock(&MIN(a, b)->lock);
    if (a != b)
        spin_lock(&MAX(a, b)->lock);
}

static void unlock_both(struct futex_bucket *a, struct futex_bucket *b)
{
    spin_unlock(&a->lock);
    if (a != b)
        spin_unlock(&b->lock);
}

static long requeue_locked(struct futex_bucket *from, const struct futex_key *key, uint32_t wake,
                           struct futex_bucket *to, const struct futex_key *to_key, uint32_t move)
{
    struct futex_waiter *w, *next;
    uint32_t woken = 0, moved = 0;

    TAILQ_FOREACH_SAFE(w, &from->waiters, link, next) {
        if (!key_equal(&w->key, key))
            continue;
        if (woken < wake) {
            waiter_wake(from, w);
            woken++;
            continue;
        }
        if (moved >= move)
            break;
        w->key = *to_key;
        TAILQ_REMOVE(&from->waiters, w, link);
        TAILQ_INSERT_TAIL(&to->waiters, w, link);
        __atomic_store_n(&w->bucket, to, __ATOMIC_RELEASE);
        moved++;
    }
    return (long)woken + moved;
}

static long futex_requeue(const struct syscall_args *args, bool compare)
{
    uint64_t from_address = args->a[0], to_address = args->a[4];
    bool shared = !(args->a[1] & FUTEX_PRIVATE_FLAG);
    struct futex_key key, to_key;
    uint32_t value;
    int error = key_make(&key, from_address, shared);

    if (!error)
        error = key_make(&to_key, to_address, shared);
    if (error)
        return error;
    if ((int32_t)args->a[2] < 0 || (int32_t)args->a[3] < 0)
        return -EINVAL;
    if (compare) {
        if (get_user(value, user(from_address)))
            return -EFAULT;
        if (value != (uint32_t)args->a[5])
            return -EAGAIN;
    }
    struct futex_bucket *from = bucket_of(&key), *to = bucket_of(&to_key);
    lock_both(from, to);
    long result = requeue_locked(from, &key, (uint32_t)args->a[2], to, &to_key, (uint32_t)args->a[3]);
    unlock_both(from, to);
    return result;
}

/* FUTEX_WAIT's timeout is relative, FUTEX_WAIT_BITSET's absolute, by the realtime clock if asked. */
static long read_deadline(const struct syscall_args *args, uint64_t *deadline_ns)
{
    int op = (int)args->a[1];
    struct timespec timeout;

    *deadline_ns = WAIT_FOREVER;
    if (!args->a[3])
        return 0;
    if (get_user(timeout, user(args->a[3])))
        return -EFAULT;
    if (!timespec_is_valid(&timeout))
        return -EINVAL;
    uint64_t ns = timespec_to_ns(&timeout);
    if ((op & FUTEX_CMD_MASK) == FUTEX_WAIT)
        *deadline_ns = deadline_after(ns);
    else if (op & FUTEX_CLOCK_REALTIME)
        *deadline_ns = deadline_of_realtime(ns);
    else
        *deadline_ns = ns;
    return 0;
}

long sys_futex(const struct syscall_args *args)
{
    uint64_t address = args->a[0], deadline_ns;
    int op = (int)args->a[1], command = op & FUTEX_CMD_MASK;
    uint32_t value = (uint32_t)args->a[2], bitset = FUTEX_BITSET_MATCH_ANY;
    bool shared = !(op & FUTEX_PRIVATE_FLAG);

    if ((op & FUTEX_CLOCK_REALTIME) && command != FUTEX_WAIT_BITSET)
        return -ENOSYS;
    switch (command) {
    case FUTEX_WAIT_BITSET:
        bitset = (uint32_t)args->a[5];
        /* fall through */
    case FUTEX_WAIT: {
        long error = read_deadline(args, &deadline_ns);
        return error ? error : futex_wait(address, shared, value, deadline_ns, bitset);
    }
    case FUTEX_WAKE_BITSET:
        return futex_wake(address, shared, value, (uint32_t)args->a[5]);
    case FUTEX_WAKE:
        return futex_wake(address, shared, value, bitset);
    case FUTEX_REQUEUE:
        return futex_requeue(args, false);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(args, true);
    default:
        return -ENOSYS;
    }
}
