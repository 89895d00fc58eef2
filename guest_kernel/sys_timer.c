/*
 * Interval timers: setitimer(2), getitimer(2), alarm(2).  ITIMER_REAL is here: process.alarm is armed by the process's
 * own threads and by whoever takes a SIGALRM of the process off its queue, all under signals.lock; its last thread
 * cancels it.  A period begins when the signal of the last one is taken, so that no interval, short as it may be, keeps
 * a CPU busy with interrupts.  Those that count CPU time are in cpu_timer.c.
 */
#include <asm/errno.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "guest_kernel/cpu_timer.h"
#include "guest_kernel/process.h"
#include "guest_kernel/time_convert.h"

void process_alarm_expired(struct timer *timer)
{
    struct process *p = container_of(timer, struct process, alarm);
    siginfo_t info = signal_info_kernel(SIGALRM);
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);

    /* Else it was set anew, or switched off, while this interrupt was on its way. */
    bool is_due = p->alarm_armed && clock_monotonic_ns() >= p->alarm_deadline_ns;

    if (is_due) {
        p->alarm_armed = false;
        (void)signal_send_locked(p, NULL, &info); /* from the kernel: not refused */
    } else if (p->alarm_armed) {
        timer_arm(&p->alarm, p->alarm_deadline_ns);
    }
    spin_unlock_irqrestore(&p->signals.lock, flags);
}

void process_alarm_delivered(struct process *p)
{
    uint64_t interval = p->alarm_interval_ns, now = clock_monotonic_ns();

    assert_held(&p->signals.lock);
    if (p->alarm_armed || !interval)
        return;
    if (now >= p->alarm_deadline_ns) /* missed periods are skipped, not made up for */
        p->alarm_deadline_ns += (1 + (now - p->alarm_deadline_ns) / interval) * interval;
    p->alarm_armed = true;
    timer_arm(&p->alarm, p->alarm_deadline_ns);
}

static struct itimer_setting alarm_get_locked(const struct process *p)
{
    struct itimer_setting s = {0, p->alarm_interval_ns};
    uint64_t now = clock_monotonic_ns();

    if (p->alarm_armed) /* due but not yet handled: it must not look switched off */
        s.value_ns = MAX(p->alarm_deadline_ns, now + 1000) - now;
    return s;
}

static struct itimer_setting alarm_get(struct process *p)
{
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    struct itimer_setting s = alarm_get_locked(p);

    spin_unlock_irqrestore(&p->signals.lock, flags);
    return s;
}

/* Switched off, the timer may still expire once, and finds that it is not meant. */
static struct itimer_setting alarm_set(struct process *p, struct itimer_setting s)
{
    uint64_t deadline = deadline_after(s.value_ns);
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    struct itimer_setting old = alarm_get_locked(p);

    p->alarm_armed = s.value_ns;
    p->alarm_deadline_ns = deadline;
    p->alarm_interval_ns = s.value_ns ? s.interval_ns : 0;
    if (p->alarm_armed)
        timer_arm(&p->alarm, deadline);
    spin_unlock_irqrestore(&p->signals.lock, flags);
    return old;
}

static struct itimerval setting_to_user(struct itimer_setting s)
{
    return (struct itimerval){.it_value = timeval_of_ns(s.value_ns), .it_interval = timeval_of_ns(s.interval_ns)};
}

static long check_which(int which)
{
    return which >= ITIMER_REAL && which <= ITIMER_PROF ? 0 : -EINVAL;
}

static enum cpu_time time_of(int which)
{
    return which == ITIMER_PROF ? CPU_TIME_RUN : CPU_TIME_USER;
}

long sys_getitimer(const struct syscall_args *args)
{
    int which = (int)args->a[0];
    long error = check_which(which);

    if (error)
        return error;
    struct itimer_setting s =
        which == ITIMER_REAL ? alarm_get(process_current()) : cpu_itimer_exchange(time_of(which), NULL);
    struct itimerval value = setting_to_user(s);
    return put_user(user(args->a[1]), value);
}

long sys_setitimer(const struct syscall_args *args)
{
    int which = (int)args->a[0];
    struct itimerval value = {0};

    if (args->a[1]) { /* Linux takes a null pointer as a request to switch off */
        if (get_user(value, user(args->a[1])))
            return -EFAULT;
        if (!timeval_is_valid(&value.it_value) || !timeval_is_valid(&value.it_interval))
            return -EINVAL;
    }
    long error = check_which(which);
    if (error)
        return error;
    struct itimer_setting wanted = {timeval_to_ns(&value.it_value), timeval_to_ns(&value.it_interval)};
    struct itimer_setting was =
        which == ITIMER_REAL ? alarm_set(process_current(), wanted) : cpu_itimer_exchange(time_of(which), &wanted);
    struct itimerval old = setting_to_user(was);
    return args->a[2] ? put_user(user(args->a[2]), old) : 0;
}

long sys_alarm(const struct syscall_args *args)
{
    struct itimer_setting wanted = {(uint32_t)args->a[0] * NS_PER_S, 0};
    uint64_t left = alarm_set(process_current(), wanted).value_ns;

    /* Rounded, but never to 0 while one was pending (alarm(2) tells by that). */
    return left ? (long)MAX((left + NS_PER_S / 2) / NS_PER_S, 1ULL) : 0;
}
