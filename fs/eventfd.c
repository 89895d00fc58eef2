/*
 * See fs/eventfd.h.  One queue for readers and writers: whoever waits looks again at every change.
 */
#include "fs/eventfd.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "fs/anon.h"
#include "guest_kernel/core/alloc.h"

#define VALUE_MAX (UINT64_MAX - 1)

struct eventfd {
    struct spinlock lock;
    uint64_t value; /* written with `lock`, read by sleepers without */
    bool semaphore;
    struct wait_queue changed;
};

static uint64_t value_of(const struct eventfd *e)
{
    return __atomic_load_n(&e->value, __ATOMIC_ACQUIRE);
}

/* Takes what a read gives: false when there is nothing. */
static bool take(struct eventfd *e, uint64_t *value)
{
    spin_lock(&e->lock);
    *value = e->semaphore ? MIN(e->value, 1) : e->value;
    __atomic_store_n(&e->value, e->value - *value, __ATOMIC_RELEASE);
    spin_unlock(&e->lock);
    if (*value)
        wake_all(&e->changed);
    return *value;
}

static bool add(struct eventfd *e, uint64_t value)
{
    spin_lock(&e->lock);
    bool fits = value <= VALUE_MAX - e->value;
    if (fits)
        __atomic_store_n(&e->value, e->value + value, __ATOMIC_RELEASE);
    spin_unlock(&e->lock);
    if (fits)
        wake_all(&e->changed);
    return fits;
}

static long eventfd_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct eventfd *e = f->data;
    uint64_t value;

    if (it->remaining < sizeof value)
        return -EINVAL;
    while (!take(e, &value)) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long interrupted = wait_event(&e->changed, value_of(e));
        if (interrupted)
            return interrupted;
    }
    return iter_write(it, &value, sizeof value) == sizeof value ? (long)sizeof value : -EFAULT;
}

static long eventfd_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct eventfd *e = f->data;
    uint64_t value;

    if (it->remaining < sizeof value)
        return -EINVAL;
    if (iter_read(it, &value, sizeof value) != sizeof value)
        return -EFAULT;
    if (value == UINT64_MAX)
        return -EINVAL;
    while (!add(e, value)) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long interrupted = wait_event(&e->changed, value <= VALUE_MAX - value_of(e));
        if (interrupted)
            return interrupted;
    }
    return sizeof value;
}

static unsigned eventfd_poll(struct file *f, struct poll_table *t)
{
    struct eventfd *e = f->data;

    poll_wait(t, &e->changed);
    uint64_t value = value_of(e);
    return (value ? POLLIN : 0) | (value < VALUE_MAX ? POLLOUT : 0);
}

static void eventfd_release(struct file *f)
{
    mem_free(f->data);
}

static const struct file_ops eventfd_ops = {
    .seeks_nowhere = true,
    .read = eventfd_read,
    .write = eventfd_write,
    .poll = eventfd_poll,
    .release = eventfd_release,
};

struct file *eventfd_create(uint64_t value, bool semaphore, uint32_t flags)
{
    struct eventfd *e = mem_alloc_zero(sizeof *e);
    struct inode *i = e ? anon_inode(0600) : NULL;

    if (!i) {
        mem_free(e);
        return NULL;
    }
    e->value = value;
    e->semaphore = semaphore;
    wait_queue_init(&e->changed);
    struct file *f = anon_file(i, "anon_inode:[eventfd]", &eventfd_ops, e, O_RDWR | flags);
    if (!f)
        mem_free(e);
    return f;
}
