/*
 * POSIX timers: timer_create(2) and relatives.  A timer has at most one signal queued; expirations meanwhile are counted
 * and told with it.  All fields are guarded by the process's signals.lock; a timer is freed by a thread of its process
 * after timer_cancel(), so that its interrupt cannot be running.
 */
#include "guest_kernel/posix_timer.h"

#include <asm/errno.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/time_convert.h"

#define TIMERS_MAX 1024     /* of one process */
#define OVERRUN_MAX INT32_MAX

struct posix_timer {
    LIST_ENTRY(posix_timer) link;
    struct timer timer;
    struct process *process; /* its owner: the timer goes first */
    int32_t id;
    int32_t clock;
    int notify;              /* SIGEV_NONE, SIGEV_SIGNAL, SIGEV_THREAD_ID */
    int32_t tid;             /* SIGEV_THREAD_ID */
    siginfo_t info;          /* as it will be sent */
    uint64_t deadline_ns;    /* monotonic; 0: off */
    uint64_t interval_ns;
    bool queued;             /* its signal is on a queue */
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

static struct thread *find_thread(struct process *p, int32_t tid)
{
    struct thread *t;

    assert_held(&p->signals.lock);
    TAILQ_FOREACH(t, &p->threads, link) {
        if (t->task->tid == tid)
            return t;
    }
    return NULL;
}

static void add_overruns(struct posix_timer *t, uint64_t n)
{
    t->overrun = (int32_t)MIN((uint64_t)t->overrun + n, (uint64_t)OVERRUN_MAX);
}

static void send_signal(struct posix_timer *t)
{
    struct process *p = t->process;
    struct thread *to = t->notify == SIGEV_THREAD_ID ? find_thread(p, t->tid) : NULL;

    if (t->notify == SIGEV_NONE || (t->notify == SIGEV_THREAD_ID && !to))
        return;
    if (t->queued) {
        add_overruns(t, 1);
        return;
    }
    t->queued = !signal_send_locked(p, to, &t->info);
}

static void expired(struct timer *timer)
{
    struct posix_timer *t = container_of(timer, struct posix_timer, timer);
    uint64_t flags = spin_lock_irqsave(&t->process->signals.lock);
    uint64_t late = MAX(clock_monotonic_ns(), t->deadline_ns) - t->deadline_ns, next = 0;

    send_signal(t);
    if (t->interval_ns) {
        uint64_t missed = late / t->interval_ns;
        add_overruns(t, missed);
        next = t->deadline_ns + (1 + missed) * t->interval_ns;
    }
    t->deadline_ns = next;
    spin_unlock_irqrestore(&t->process->signals.lock, flags);
    if (next)
        timer_arm(&t->timer, next);
}

static struct posix_timer *find_timer(struct process *p, int32_t id)
{
    struct posix_timer *t;

    assert_held(&p->signals.lock);
    LIST_FOREACH(t, &p->posix_timers, link) {
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
    info->si_overrun = t->last_overrun = t->overrun;
    t->overrun = 0;
    t->queued = false;
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

static void timer_destroy(struct posix_timer *t)
{
    (void)timer_cancel(&t->timer);
    mem_free(t);
}

void posix_timers_delete(struct process *p)
{
    struct posix_timer *t;

    while ((t = timer_take(p, ANY_TIMER)))
        timer_destroy(t);
}

static bool clock_is_supported(int32_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC || clock == CLOCK_BOOTTIME || clock == CLOCK_TAI;
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

/* Gives it a number and puts it in the list: 0 or -errno. */
static long timer_publish(struct process *p, struct posix_timer *t, bool own_value)
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
        t->id = t->info.si_tid = p->last_timer_id;
        if (!own_value)
            t->info.si_value.sival_int = t->id;
        LIST_INSERT_HEAD(&p->posix_timers, t, link);
    }
    spin_unlock_irqrestore(&p->signals.lock, flags);
    return result;
}

long sys_timer_create(const struct syscall_args *args)
{
    int32_t clock = (int32_t)args->a[0];
    struct user_sigevent event;

    if (!clock_is_supported(clock))
        return clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID ? -EOPNOTSUPP : -EINVAL;
    long error = read_event(&event, args->a[1]);
    if (error)
        return error;
    struct posix_timer *t = mem_alloc_zero(sizeof(*t));
    if (!t)
        return -EAGAIN;
    timer_init(&t->timer, expired);
    t->process = process_current();
    t->clock = clock;
    t->notify = event.notify;
    t->tid = event.tid;
    t->info.si_signo = event.signal;
    t->info.si_code = SI_TIMER;
    t->info.si_value.sival_ptr = (void *)event.value;
    error = timer_publish(t->process, t, args->a[1]);
    if (error) {
        mem_free(t);
        return error;
    }
    int32_t id = t->id;
    if (!put_user(user(args->a[2]), id))
        return 0;
    t = timer_take(process_current(), id);
    if (t)
        timer_destroy(t);
    return -EFAULT;
}

static struct itimerspec setting_of(const struct posix_timer *t)
{
    struct itimerspec s = {.it_interval = timespec_of_ns(t->interval_ns)};
    uint64_t now = clock_monotonic_ns();

    if (t->deadline_ns) /* due but not yet handled: it must not look switched off */
        s.it_value = timespec_of_ns(MAX(t->deadline_ns, now + 1) - now);
    return s;
}

static uint64_t deadline_for(const struct posix_timer *t, const struct itimerspec *s, bool absolute)
{
    uint64_t ns = timespec_to_ns(&s->it_value);

    if (!ns)
        return 0;
    if (!absolute)
        return deadline_after(ns);
    bool realtime = t->clock == CLOCK_REALTIME || t->clock == CLOCK_TAI;
    return MAX(realtime ? deadline_of_realtime(ns) : ns, 1UL); /* 0 stands for off; long past is due at once */
}

long sys_timer_settime(const struct syscall_args *args)
{
    struct process *p = process_current();
    struct itimerspec wanted, old;

    if (!args->a[2])
        return -EINVAL;
    if (get_user(wanted, user(args->a[2])))
        return -EFAULT;
    if (!timespec_is_valid(&wanted.it_value) || !timespec_is_valid(&wanted.it_interval))
        return -EINVAL;
    /* Out of the list while its interrupt is waited for: another thread's call finds no such timer meanwhile. */
    struct posix_timer *t = (int32_t)args->a[0] >= 0 ? timer_take(p, (int32_t)args->a[0]) : NULL;
    if (!t)
        return -EINVAL;
    (void)timer_cancel(&t->timer);
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    old = setting_of(t);
    uint64_t deadline_ns = deadline_for(t, &wanted, args->a[1] & TIMER_ABSTIME);
    t->deadline_ns = deadline_ns;
    t->interval_ns = deadline_ns ? timespec_to_ns(&wanted.it_interval) : 0;
    t->overrun = t->last_overrun = 0;
    LIST_INSERT_HEAD(&p->posix_timers, t, link);
    if (deadline_ns)
        timer_arm(&t->timer, deadline_ns);
    spin_unlock_irqrestore(&p->signals.lock, flags);
    return args->a[3] ? put_user(user(args->a[3]), old) : 0;
}

long sys_timer_gettime(const struct syscall_args *args)
{
    struct process *p = process_current();
    struct itimerspec setting;
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    struct posix_timer *t = find_timer(p, (int32_t)args->a[0]);

    if (t)
        setting = setting_of(t);
    spin_unlock_irqrestore(&p->signals.lock, flags);
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
    struct posix_timer *t = (int32_t)args->a[0] >= 0 ? timer_take(process_current(), (int32_t)args->a[0]) : NULL;

    if (!t)
        return -EINVAL;
    timer_destroy(t);
    return 0;
}
