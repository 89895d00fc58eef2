/*
 * See fs/timerfd.h.  An expired interval timer is not armed again before someone looks: then all periods that went by
 * are counted at once.  So a short interval costs nothing while nobody reads.
 */
#include "fs/timerfd.h"

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "fs/anon.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/time.h"

struct timerfd {
    struct spinlock lock; /* taken by the timer's interrupt too; guards the rest */
    struct timer timer;
    int clock;
    uint64_t deadline_ns; /* of the expiry that is next or was last; 0: disarmed */
    uint64_t interval_ns;
    uint64_t ticks;       /* expiries not yet read */
    bool expired;         /* deadline_ns is past and counted */
    struct wait_queue changed;
};

static void timerfd_expired(struct timer *timer)
{
    struct timerfd *t = container_of(timer, struct timerfd, timer);
    uint64_t flags = spin_lock_irqsave(&t->lock);

    if (t->deadline_ns && !t->expired && clock_monotonic_ns() < t->deadline_ns) {
        timer_arm(&t->timer, t->deadline_ns); /* it was set anew while this interrupt was on its way */
    } else if (t->deadline_ns && !t->expired) {
        t->expired = true;
        __atomic_store_n(&t->ticks, t->ticks + 1, __ATOMIC_RELEASE);
    }
    spin_unlock_irqrestore(&t->lock, flags);
    wake_all(&t->changed);
}

/* Lock held: count the periods since the last expiry and say when the next is; 0: none. */
static uint64_t catch_up(struct timerfd *t)
{
    uint64_t now = clock_monotonic_ns();

    if (!t->expired || !t->interval_ns)
        return 0;
    if (now >= t->deadline_ns) {
        uint64_t periods = (now - t->deadline_ns) / t->interval_ns;
        t->ticks += periods;
        t->deadline_ns += (periods + 1) * t->interval_ns;
    }
    t->expired = false;
    return t->deadline_ns;
}

static uint64_t take_ticks(struct timerfd *t)
{
    uint64_t flags = spin_lock_irqsave(&t->lock);
    uint64_t next = catch_up(t);
    uint64_t ticks = t->ticks;

    t->ticks = 0;
    if (next)
        timer_arm(&t->timer, next);
    spin_unlock_irqrestore(&t->lock, flags);
    return ticks;
}

static long timerfd_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct timerfd *t = f->data;
    uint64_t ticks;

    if (it->remaining < sizeof ticks)
        return -EINVAL;
    while (!(ticks = take_ticks(t))) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long interrupted = wait_event(&t->changed, __atomic_load_n(&t->ticks, __ATOMIC_ACQUIRE));
        if (interrupted)
            return interrupted;
    }
    return iter_write(it, &ticks, sizeof ticks) == sizeof ticks ? (long)sizeof ticks : -EFAULT;
}

static unsigned timerfd_poll(struct file *f, struct poll_table *table)
{
    struct timerfd *t = f->data;

    poll_wait(table, &t->changed);
    return __atomic_load_n(&t->ticks, __ATOMIC_ACQUIRE) ? POLLIN : 0;
}

static void timerfd_release(struct file *f)
{
    struct timerfd *t = f->data;

    (void)timer_cancel(&t->timer);
    mem_free(t);
}

static const struct file_ops timerfd_ops = {
    .seeks_nowhere = true,
    .read = timerfd_read,
    .poll = timerfd_poll,
    .release = timerfd_release,
};

struct file *timerfd_create(int clock, uint32_t flags)
{
    struct timerfd *t = mem_alloc_zero(sizeof *t);
    struct inode *i = t ? anon_inode(0600) : NULL;

    if (!i) {
        mem_free(t);
        return NULL;
    }
    t->clock = clock;
    timer_init(&t->timer, timerfd_expired);
    wait_queue_init(&t->changed);
    struct file *f = anon_file(i, "anon_inode:[timerfd]", &timerfd_ops, t, O_RDWR | flags);
    if (!f)
        mem_free(t);
    return f;
}

bool file_is_timerfd(const struct file *f)
{
    return f->ops == &timerfd_ops;
}

int timerfd_clock(const struct file *f)
{
    return ((const struct timerfd *)f->data)->clock;
}

void timerfd_get(struct file *f, struct timerfd_setting *out)
{
    struct timerfd *t = f->data;
    uint64_t flags = spin_lock_irqsave(&t->lock);
    uint64_t next = catch_up(t), now = clock_monotonic_ns();

    *out = (struct timerfd_setting){.interval_ns = t->interval_ns};
    if (t->deadline_ns && !t->expired)
        out->left_ns = t->deadline_ns > now ? t->deadline_ns - now : 1;
    if (next)
        timer_arm(&t->timer, next);
    spin_unlock_irqrestore(&t->lock, flags);
}

void timerfd_set(struct file *f, uint64_t deadline_ns, uint64_t interval_ns, struct timerfd_setting *old)
{
    struct timerfd *t = f->data;

    timerfd_get(f, old);
    uint64_t flags = spin_lock_irqsave(&t->lock);
    t->deadline_ns = deadline_ns;
    t->interval_ns = interval_ns;
    t->ticks = 0;
    t->expired = false;
    if (deadline_ns)
        timer_arm(&t->timer, deadline_ns);
    spin_unlock_irqrestore(&t->lock, flags);
}
