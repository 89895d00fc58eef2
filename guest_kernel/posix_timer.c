/*
 * POSIX timers: timer_create(2) and relatives.  A timer has at most one signal queued; expirations meanwhile are
 * counted and told with it.  As on Linux a timer of a wall clock is armed for its next period when its signal is taken,
 * not when it expires: the shortest interval causes no more interrupts than the program takes signals.  One that counts
 * CPU time is looked at once in a time slice, and goes on by itself.
 *
 * All fields are guarded by the process's signals.lock; those of a CPU-time timer's `cpu` by process_tree_lock.  A
 * timer is freed by a thread of its process after its interrupt cannot be running any more.
 */
#include "guest_kernel/posix_timer.h"

#include <asm/errno.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "guest_kernel/clocks.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/time_convert.h"

#define TIMERS_MAX  1024 /* of one process */
#define OVERRUN_MAX INT32_MAX
#define TICK_NS     4000000 /* a timer whose signal is ignored is not armed more often */

struct posix_timer {
    LIST_ENTRY(posix_timer) link;
    struct timer timer;
    struct cpu_timer cpu;
    struct clock_watch watch; /* listed while `realtime` */
    struct process *process;  /* its owner: the timer goes first */
    struct signal_item *item; /* its signal */
    int32_t id;
    int32_t clock;
    int notify;    /* SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD_ID */
    int32_t tid;   /* SIGEV_THREAD_ID */
    bool realtime; /* set to a real time: expires_ns moves when that clock is set */
    bool armed;
    bool waits;          /* for its signal to be taken, to be armed again */
    uint64_t expires_ns; /* monotonic or real time; not armed: the last; 0: none */
    uint64_t interval_ns;
    int32_t overrun, last_overrun;
};

/* <asm-generic/siginfo.h> has struct sigevent only with fields of the C library's names in it. */
struct user_sigevent {
    uint64_t value;
    int32_t signal;
    int32_t notify;
    int32_t tid;
    int32_t padding[11];
};
_Static_assert(sizeof(struct user_sigevent) == 64, "struct sigevent as Linux lays it out");

static bool is_cpu(const struct posix_timer *t)
{
    return clock_is_cpu(t->clock);
}

static struct thread *find_thread(struct process *p, int32_t tid)
{
    struct thread *t;

    assert_held(&p->signals.lock);
    TAILQ_FOREACH(t, &p->threads, link)
    {
        if (t->task->tid == tid)
            return t;
    }
    return NULL;
}

static void add_overruns(struct posix_timer *t, uint64_t n)
{
    t->overrun = (int32_t)MIN((uint64_t)t->overrun + MIN(n, (uint64_t)OVERRUN_MAX), (uint64_t)OVERRUN_MAX);
}

/* False: it is ignored, and nobody will take it. */
static bool send_signal(struct posix_timer *t)
{
    struct process *p = t->process;
    struct thread *to = t->notify == SIGEV_THREAD_ID ? find_thread(p, t->tid) : NULL;

    if (t->notify == SIGEV_THREAD_ID && !to)
        return true; /* the thread is gone: the timer stops */
    if (t->item->queued)
        add_overruns(t, 1);
    return signal_send_kept(p, to, t->item);
}

/* The first expiry after `now`; the others before it are overruns. */
static void forward(struct posix_timer *t, uint64_t now)
{
    if (!t->interval_ns || now < t->expires_ns)
        return;
    uint64_t missed = (now - t->expires_ns) / t->interval_ns;

    add_overruns(t, missed);
    t->expires_ns += (1 + missed) * t->interval_ns;
}

static uint64_t wall_now(const struct posix_timer *t)
{
    return t->realtime ? clock_realtime_ns() : clock_monotonic_ns();
}

static void wall_arm(struct posix_timer *t)
{
    t->armed = true;
    timer_arm(&t->timer, t->realtime ? deadline_of_realtime(t->expires_ns) : t->expires_ns);
}

static void wall_expired(struct timer *timer)
{
    struct posix_timer *t = container_of(timer, struct posix_timer, timer);
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    uint64_t now = wall_now(t);

    if (t->armed && now < t->expires_ns) { /* the clock was set meanwhile */
        wall_arm(t);
    } else if (t->armed) {
        bool taken = send_signal(t);
        t->armed = false;
        t->waits = taken && t->interval_ns;
        if (!taken && t->interval_ns) {
            forward(t, now + (t->interval_ns < TICK_NS ? TICK_NS : 0));
            wall_arm(t);
        }
    }
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
}

static void clock_changed(struct clock_watch *w)
{
    struct posix_timer *t = container_of(w, struct posix_timer, watch);
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);

    if (t->armed && t->realtime)
        wall_arm(t);
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
}

static void cpu_expired(struct cpu_timer *c, uint64_t now)
{
    struct posix_timer *t = container_of(c, struct posix_timer, cpu);
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);

    (void)send_signal(t); /* ignored or not: the next look is at the end of a slice */
    forward(t, now);
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    if (t->interval_ns)
        cpu_timer_arm(c, t->expires_ns);
}

static struct posix_timer *find_timer(struct process *p, int32_t id)
{
    struct posix_timer *t;

    assert_held(&p->signals.lock);
    LIST_FOREACH(t, &p->posix_timers, link)
    {
        if (t->id == id)
            return t;
    }
    return NULL;
}

void posix_timer_delivered(struct process *p, siginfo_t *info)
{
    struct posix_timer *t = find_timer(p, info->si_tid);

    if (!t)
        return;
    if (t->waits) {
        t->waits = false;
        forward(t, wall_now(t));
        wall_arm(t);
    }
    info->si_overrun = t->last_overrun = t->overrun;
    t->overrun = 0;
}

#define ANY_TIMER (-1)

/* Takes one out of the list; only its own process's threads do, so the timer is theirs afterwards. */
static struct posix_timer *timer_take(struct process *p, int32_t id)
{
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    struct posix_timer *t = id == ANY_TIMER ? LIST_FIRST(&p->posix_timers) : find_timer(p, id);

    if (t)
        LIST_REMOVE(t, link);
    spin_unlock_irqrestore(&p->signals.lock, flags);
    return t;
}

/* Its interrupt does not run and will not.  Tree lock held. */
static void timer_stop(struct posix_timer *t)
{
    clock_watch_remove(&t->watch);
    (void)timer_cancel(&t->timer);
    cpu_timer_disarm(&t->cpu);
    t->armed = t->waits = false;
}

static void timer_destroy(struct posix_timer *t)
{
    assert_held(&process_tree_lock);
    timer_stop(t);
    cpu_timer_forget(&t->cpu);
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    signal_item_drop(t->item);
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    mem_free(t);
}

void posix_timers_delete_locked(struct process *p)
{
    struct posix_timer *t;

    while ((t = timer_take(p, ANY_TIMER)))
        timer_destroy(t);
}

void posix_timers_delete(struct process *p)
{
    spin_lock(&process_tree_lock);
    posix_timers_delete_locked(p);
    spin_unlock(&process_tree_lock);
}

static bool clock_is_wall(int32_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI;
}

/* 0 or what Linux without a real-time clock that wakes the machine says. */
static long check_clock(int32_t clock)
{
    if (clock_is_wall(clock) || clock_is_cpu(clock))
        return 0;
    return clock_is_known(clock) ? -EOPNOTSUPP : -EINVAL;
}

static long read_event(struct user_sigevent *e, uint64_t address)
{
    *e = (struct user_sigevent){.signal = SIGALRM, .notify = SIGEV_SIGNAL};
    if (address && get_user(*e, user(address)))
        return -EFAULT;
    if (e->notify == SIGEV_NONE)
        return 0;
    if (e->notify != SIGEV_SIGNAL && e->notify != SIGEV_THREAD_ID && e->notify != SIGEV_THREAD)
        return -EINVAL;
    return signal_is_valid(e->signal) ? 0 : -EINVAL;
}

/* Gives it a number, its signal and a place in the list: 0 or -errno. */
static long timer_publish(struct process *p, struct posix_timer *t, siginfo_t *info, bool own_value)
{
    struct posix_timer *other;
    unsigned count = 0;
    long result = 0;
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);

    LIST_FOREACH(other, &p->posix_timers, link)
    count++;
    if (t->notify == SIGEV_THREAD_ID && !find_thread(p, t->tid))
        result = -EINVAL;
    else if (count >= TIMERS_MAX)
        result = -EAGAIN;
    if (!result) {
        do {
            p->last_timer_id = p->last_timer_id == INT32_MAX ? 0 : p->last_timer_id + 1;
        } while (find_timer(p, p->last_timer_id));
        t->id = info->si_tid = p->last_timer_id;
        if (!own_value)
            info->si_value.sival_int = t->id;
        t->item = signal_item_keep(p, info);
        result = t->item ? 0 : -EAGAIN;
    }
    if (!result)
        LIST_INSERT_HEAD(&p->posix_timers, t, link);
    spin_unlock_irqrestore(&p->signals.lock, flags);
    return result;
}

/* The clock of a CPU-time timer is found and kept. */
static long timer_bind(struct posix_timer *t)
{
    struct cpu_clock_name name;

    if (!is_cpu(t))
        return 0;
    spin_lock(&process_tree_lock);
    long error = cpu_clock_find(t->clock, false, &name);
    if (!error)
        cpu_timer_init(&t->cpu, &name, cpu_expired);
    spin_unlock(&process_tree_lock);
    return error;
}

static void timer_unbind(struct posix_timer *t)
{
    spin_lock(&process_tree_lock);
    cpu_timer_forget(&t->cpu);
    spin_unlock(&process_tree_lock);
}

static long timer_create(struct posix_timer *t, const struct user_sigevent *event, bool own_value)
{
    siginfo_t info = {.si_signo = event->signal, .si_code = SI_TIMER};

    timer_init(&t->timer, wall_expired);
    t->watch.changed = clock_changed;
    t->process = process_current();
    t->notify = event->notify;
    t->tid = event->tid;
    info.si_value.sival_ptr = (void *)event->value;
    long error = timer_bind(t);
    if (error)
        return error;
    error = timer_publish(t->process, t, &info, own_value);
    if (error)
        timer_unbind(t);
    return error;
}

static long timer_delete(int32_t id)
{
    struct posix_timer *t = id >= 0 ? timer_take(process_current(), id) : NULL;

    if (!t)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    timer_destroy(t);
    spin_unlock(&process_tree_lock);
    return 0;
}

long sys_timer_create(const struct syscall_args *args)
{
    int32_t clock = (int32_t)args->a[0];
    struct user_sigevent event;
    long error = check_clock(clock);

    if (error)
        return error;
    error = read_event(&event, args->a[1]);
    if (error)
        return error;
    struct posix_timer *t = mem_alloc_zero(sizeof(*t));
    if (!t)
        return -EAGAIN;
    t->clock = clock;
    error = timer_create(t, &event, args->a[1]);
    if (error) {
        mem_free(t);
        return error;
    }
    int32_t id = t->id;
    if (!put_user(user(args->a[2]), id))
        return 0;
    (void)timer_delete(id);
    return -EFAULT;
}

/* Its clock's time; false: that is gone. */
static bool timer_now(const struct posix_timer *t, uint64_t *now)
{
    if (is_cpu(t))
        return cpu_timer_now(&t->cpu, now);
    *now = wall_now(t);
    return true;
}

/* Both locks held, or the timer out of the list and stopped. */
static struct itimerspec setting_of(struct posix_timer *t)
{
    struct itimerspec s = {.it_interval = timespec_of_ns(t->interval_ns)};
    bool silent = t->notify == SIGEV_NONE, runs = t->armed || t->waits || (is_cpu(t) && t->cpu.armed);
    uint64_t now;

    if (!t->expires_ns || (!runs && !silent) || !timer_now(t, &now))
        return s;
    if (t->waits || silent)
        forward(t, now);
    if (now < t->expires_ns)
        s.it_value = timespec_of_ns(t->expires_ns - now);
    else if (!silent) /* due but not yet handled: it must not look switched off */
        s.it_value.tv_nsec = 1;
    return s;
}

/* The time of its own clock at which it is to expire; never 0, which stands for off. */
static uint64_t expiry_for(const struct posix_timer *t, const struct timespec *value, bool absolute, uint64_t now)
{
    uint64_t ns = timespec_to_ns(value);

    if (!absolute)
        return ns >= INT64_MAX - now ? UINT64_MAX : now + ns;
    if (t->clock == CLOCK_TAI)
        ns -= MIN(ns, (uint64_t)clock_tai_offset_s() * NS_PER_S);
    return MAX(ns, 1UL);
}

/* Out of the list, stopped, tree lock held.  -ESRCH: the time of a process that is gone. */
static long timer_set(struct posix_timer *t, const struct itimerspec *wanted, bool absolute)
{
    bool on = timespec_to_ns(&wanted->it_value);
    uint64_t now;

    t->realtime = absolute && (t->clock == CLOCK_REALTIME || t->clock == CLOCK_TAI);
    if (t->realtime && on)
        clock_watch_add(&t->watch);
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    bool there = timer_now(t, &now);

    t->expires_ns = on && there ? expiry_for(t, &wanted->it_value, absolute, now) : 0;
    t->interval_ns = on ? timespec_to_ns(&wanted->it_interval) : 0;
    t->overrun = t->last_overrun = 0;
    bool runs = t->expires_ns && t->notify != SIGEV_NONE;
    if (runs && !is_cpu(t))
        wall_arm(t);
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    if (runs && is_cpu(t) && t->expires_ns <= now)
        cpu_expired(&t->cpu, now);
    else if (runs && is_cpu(t))
        cpu_timer_arm(&t->cpu, t->expires_ns);
    return there ? 0 : -ESRCH;
}

static long timer_exchange(int32_t id, const struct itimerspec *wanted, bool absolute, struct itimerspec *old)
{
    struct process *p = process_current();
    /* Out of the list while its interrupt is waited for: another thread's call finds no such timer meanwhile. */
    struct posix_timer *t = id >= 0 ? timer_take(p, id) : NULL;

    if (!t)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    *old = setting_of(t);
    spin_unlock_irqrestore(&p->signals.lock, flags);
    timer_stop(t);
    long result = timer_set(t, wanted, absolute);
    flags = spin_lock_irqsave(&p->signals.lock);
    LIST_INSERT_HEAD(&p->posix_timers, t, link);
    spin_unlock_irqrestore(&p->signals.lock, flags);
    spin_unlock(&process_tree_lock);
    return result;
}

long sys_timer_settime(const struct syscall_args *args)
{
    struct itimerspec wanted, old;

    if (!args->a[2])
        return -EINVAL;
    if (get_user(wanted, user(args->a[2])))
        return -EFAULT;
    if (!timespec_is_valid(&wanted.it_value) || !timespec_is_valid(&wanted.it_interval))
        return -EINVAL;
    long result = timer_exchange((int32_t)args->a[0], &wanted, args->a[1] & TIMER_ABSTIME, &old);
    if (result)
        return result;
    return args->a[3] ? put_user(user(args->a[3]), old) : 0;
}

long sys_timer_gettime(const struct syscall_args *args)
{
    struct process *p = process_current();
    struct itimerspec setting;

    spin_lock(&process_tree_lock);
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    struct posix_timer *t = find_timer(p, (int32_t)args->a[0]);

    if (t)
        setting = setting_of(t);
    spin_unlock_irqrestore(&p->signals.lock, flags);
    spin_unlock(&process_tree_lock);
    return t ? put_user(user(args->a[1]), setting) : -EINVAL;
}

long sys_timer_getoverrun(const struct syscall_args *args)
{
    struct process *p = process_current();
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    struct posix_timer *t = find_timer(p, (int32_t)args->a[0]);
    long result = t ? t->last_overrun : -EINVAL;

    spin_unlock_irqrestore(&p->signals.lock, flags);
    return result;
}

long sys_timer_delete(const struct syscall_args *args)
{
    return timer_delete((int32_t)args->a[0]);
}
