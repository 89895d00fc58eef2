/*
 * See fs/timerfd.h.  An expired interval timer is not armed again before someone looks: then all periods that went by
 * are counted at once.  So a short interval costs nothing while nobody reads.
 */
#include "fs/timerfd.h"

#include <asm-generic/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#include "fs/anon.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/time.h"

struct timerfd {
    struct spinlock lock; /* taken by the timer's interrupt and by who sets the clock; guards the rest */
    struct timer timer;
    struct clock_watch watch; /* listed while realtime; guarded by `setting` */
    struct mutex setting;     /* one sets it at a time */
    int clock;
    bool realtime;       /* expires_ns is a real time */
    bool may_cancel;     /* TFD_TIMER_CANCEL_ON_SET */
    bool cancelled;      /* the clock was set since, which nobody has been told */
    uint64_t expires_ns; /* the expiry that is next or was last; 0: disarmed */
    uint64_t interval_ns;
    uint64_t ticks; /* expiries not yet read */
    bool expired;   /* expires_ns is past and counted */
    struct wait_queue changed;
};

static uint64_t now_of(const struct timerfd *t)
{
    return t->realtime ? clock_realtime_ns() : clock_monotonic_ns();
}

/* Lock held. */
static void arm(struct timerfd *t)
{
    uint64_t offset = t->realtime ? clock_realtime_offset_ns() : 0;

    timer_arm(&t->timer, MAX(t->expires_ns, offset) - offset);
}

static void timerfd_expired(struct timer *timer)
{
    struct timerfd *t = container_of(timer, struct timerfd, timer);
    uint64_t flags = spin_lock_irqsave(&t->lock);

    if (t->expires_ns && !t->expired && now_of(t) < t->expires_ns) {
        arm(t); /* it, or its clock, was set anew while this interrupt was on its way */
    } else if (t->expires_ns && !t->expired) {
        t->expired = true;
        __atomic_store_n(&t->ticks, t->ticks + 1, __ATOMIC_RELEASE);
    }
    spin_unlock_irqrestore(&t->lock, flags);
    wake_all(&t->changed);
}

static void clock_changed(struct clock_watch *w)
{
    struct timerfd *t = container_of(w, struct timerfd, watch);
    uint64_t flags = spin_lock_irqsave(&t->lock);

    if (t->expires_ns && !t->expired)
        arm(t);
    if (t->may_cancel && !t->cancelled) {
        t->cancelled = true;
        __atomic_store_n(&t->ticks, t->ticks + 1, __ATOMIC_RELEASE); /* there is something to read: ECANCELED */
    }
    spin_unlock_irqrestore(&t->lock, flags);
    wake_all(&t->changed);
}

/* Lock held: count the periods since the last expiry and arm for the next. */
static void catch_up(struct timerfd *t)
{
    uint64_t now = now_of(t);

    if (!t->expired || !t->interval_ns)
        return;
    if (now >= t->expires_ns) {
        uint64_t periods = (now - t->expires_ns) / t->interval_ns;
        t->ticks += periods;
        t->expires_ns += (periods + 1) * t->interval_ns;
    }
    t->expired = false;
    arm(t);
}

/* Lock held. */
static bool take_cancellation(struct timerfd *t)
{
    bool cancelled = t->cancelled;

    t->cancelled = false;
    return cancelled;
}

/* Expiries, 0: none, or -ECANCELED. */
static long take_ticks(struct timerfd *t)
{
    uint64_t flags = spin_lock_irqsave(&t->lock);
    long ticks = -ECANCELED;

    if (take_cancellation(t)) {
        t->expired = false;
    } else {
        catch_up(t);
        ticks = (long)t->ticks;
    }
    t->ticks = 0;
    spin_unlock_irqrestore(&t->lock, flags);
    return ticks;
}

static long timerfd_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct timerfd *t = f->data;
    long ticks;

    if (it->remaining < sizeof ticks)
        return -EINVAL;
    while (!(ticks = take_ticks(t))) {
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        long interrupted = wait_event(&t->changed, __atomic_load_n(&t->ticks, __ATOMIC_ACQUIRE));
        if (interrupted)
            return interrupted;
    }
    if (ticks < 0)
        return ticks;
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

    clock_watch_remove(&t->watch);
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
    mutex_init(&t->setting);
    t->watch.changed = clock_changed;
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

static void setting_of(struct timerfd *t, struct timerfd_setting *out)
{
    catch_up(t);
    uint64_t now = now_of(t);

    *out = (struct timerfd_setting){.interval_ns = t->interval_ns};
    if (t->expires_ns && !t->expired)
        out->left_ns = t->expires_ns > now ? t->expires_ns - now : 1;
}

void timerfd_get(struct file *f, struct timerfd_setting *out)
{
    struct timerfd *t = f->data;
    uint64_t flags = spin_lock_irqsave(&t->lock);

    setting_of(t, out);
    spin_unlock_irqrestore(&t->lock, flags);
}

long timerfd_set(struct file *f, const struct timerfd_time *time, struct timerfd_setting *old)
{
    struct timerfd *t = f->data;
    bool watches = time->realtime && (time->expires_ns || time->cancelled_by_set);
    long result = 0;

    mutex_lock(&t->setting);
    if (watches)
        clock_watch_add(&t->watch); /* before the time is looked at: a step of the clock meanwhile is seen */
    uint64_t flags = spin_lock_irqsave(&t->lock);
    setting_of(t, old);
    t->realtime = time->realtime;
    t->may_cancel = time->cancelled_by_set;
    t->expires_ns = time->expires_ns;
    t->interval_ns = time->interval_ns;
    t->ticks = 0;
    t->expired = false;
    if (t->expires_ns)
        arm(t);
    if (take_cancellation(t) && t->may_cancel && t->expires_ns)
        result = -ECANCELED;
    spin_unlock_irqrestore(&t->lock, flags);
    if (!watches)
        clock_watch_remove(&t->watch);
    mutex_unlock(&t->setting);
    return result;
}
