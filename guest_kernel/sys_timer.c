/*
 * The interval timer ITIMER_REAL: setitimer(2), getitimer(2), alarm(2).  process.alarm is armed by the process's own threads
 * and by its interrupt, which sends SIGALRM, all under signals.lock; its last thread cancels it.
 */
#include <asm/errno.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "guest_kernel/process.h"
#include "guest_kernel/time_convert.h"

void process_alarm_expired(struct timer *timer)
{
    struct process *p = container_of(timer, struct process, alarm);
    siginfo_t info = signal_info_kernel(SIGALRM);
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    uint64_t interval = p->alarm_interval_ns, due = p->alarm_deadline_ns, now = clock_monotonic_ns();
    bool is_due = due && now >= due; /* else it was set anew, or switched off, while this interrupt was on its way */

    if (is_due) {
        due = interval ? due + (1 + (now - due) / interval) * interval : 0; /* missed periods are skipped, not made up for */
        p->alarm_deadline_ns = due;
        (void)signal_send_locked(p, NULL, &info); /* from the kernel: not refused */
    }
    if (due)
        timer_arm(&p->alarm, due);
    spin_unlock_irqrestore(&p->signals.lock, flags);
}

struct alarm_setting {
    uint64_t value_ns, interval_ns; /* value 0: off */
};

static struct alarm_setting alarm_get_locked(const struct process *p)
{
    struct alarm_setting s = {0, p->alarm_interval_ns};
    uint64_t now = clock_monotonic_ns();

    if (p->alarm_deadline_ns) /* due but not yet handled: it must not look switched off */
        s.value_ns = MAX(p->alarm_deadline_ns, now + 1000) - now;
    return s;
}

static struct alarm_setting alarm_get(struct process *p)
{
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    struct alarm_setting s = alarm_get_locked(p);

    spin_unlock_irqrestore(&p->signals.lock, flags);
    return s;
}

/* Switched off, the timer may still expire once, and finds that it is not meant. */
static struct alarm_setting alarm_set(struct process *p, struct alarm_setting s)
{
    uint64_t deadline = s.value_ns ? deadline_after(s.value_ns) : 0;
    uint64_t flags = spin_lock_irqsave(&p->signals.lock);
    struct alarm_setting old = alarm_get_locked(p);

    p->alarm_deadline_ns = deadline;
    p->alarm_interval_ns = s.value_ns ? s.interval_ns : 0;
    if (deadline)
        timer_arm(&p->alarm, deadline);
    spin_unlock_irqrestore(&p->signals.lock, flags);
    return old;
}

static struct itimerval setting_to_user(struct alarm_setting s)
{
    return (struct itimerval){.it_value = timeval_of_ns(s.value_ns), .it_interval = timeval_of_ns(s.interval_ns)};
}

/* ITIMER_VIRTUAL and ITIMER_PROF are not built in. */
static long check_which(int which)
{
    return which == ITIMER_REAL ? 0 : -EINVAL;
}

long sys_getitimer(const struct syscall_args *args)
{
    long error = check_which((int)args->a[0]);

    if (error)
        return error;
    struct itimerval value = setting_to_user(alarm_get(process_current()));
    return put_user(user(args->a[1]), value);
}

long sys_setitimer(const struct syscall_args *args)
{
    struct itimerval value = {0};

    if (args->a[1]) { /* Linux takes a null pointer as a request to switch off */
        if (get_user(value, user(args->a[1])))
            return -EFAULT;
        if (!timeval_is_valid(&value.it_value) || !timeval_is_valid(&value.it_interval))
            return -EINVAL;
    }
    long error = check_which((int)args->a[0]);
    if (error)
        return error;
    struct alarm_setting wanted = {timeval_to_ns(&value.it_value), timeval_to_ns(&value.it_interval)};
    struct itimerval old = setting_to_user(alarm_set(process_current(), wanted));
    return args->a[2] ? put_user(user(args->a[2]), old) : 0;
}

long sys_alarm(const struct syscall_args *args)
{
    struct alarm_setting wanted = {(uint32_t)args->a[0] * NS_PER_S, 0};
    uint64_t left = alarm_set(process_current(), wanted).value_ns;

    /* Rounded, but never to 0 while one was pending (alarm(2) tells by that). */
    return left ? (long)MAX((left + NS_PER_S / 2) / NS_PER_S, 1ULL) : 0;
}
