/*
 * timerfd_create(2), timerfd_settime(2), timerfd_gettime(2).
 */
#include <asm/errno.h>
#include <linux/capability.h>
#include <linux/fcntl.h>
#include <linux/time.h>
#include <linux/timerfd.h>

#include "abi/syscalls.h"
#include "fs/timerfd.h"
#include "guest_kernel/core/cred.h"
#include "guest_kernel/time_convert.h"

static long install(struct file *f, bool close_on_exec)
{
    if (!f)
        return -ENOMEM;
    int fd = fd_install(f, 0, close_on_exec);
    if (fd < 0)
        file_put(f);
    return fd;
}

/* Like the clocks that they are named after, while the machine does not sleep; this one never does. */
static bool is_alarm(int clock)
{
    return clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;
}

long sys_timerfd_create(const struct syscall_args *args)
{
    int clock = (int)args->a[0], flags = (int)args->a[1];

    if (flags & ~(TFD_CLOEXEC | TFD_NONBLOCK))
        return -EINVAL;
    if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME && !is_alarm(clock))
        return -EINVAL;
    if (is_alarm(clock) && !cred_may(CAP_WAKE_ALARM))
        return -EPERM;
    return install(timerfd_create(clock, flags & TFD_NONBLOCK), flags & TFD_CLOEXEC);
}

/* The open timer of a descriptor, counted. */
static int timer_of(int fd, struct file **out)
{
    *out = fd_get(fd);
    if (!*out)
        return -EBADF;
    if (file_is_timerfd(*out))
        return 0;
    file_put(*out);
    return -EINVAL;
}

static long put_setting(user_ptr out, const struct timerfd_setting *setting)
{
    struct itimerspec value = {.it_value = timespec_of_ns(setting->left_ns),
                               .it_interval = timespec_of_ns(setting->interval_ns)};

    return put_user(out, value);
}

/* A set time is never 0, which would mean disarmed: what is past expires at once. */
static struct timerfd_time time_from(const struct file *f, const struct itimerspec *value, int flags)
{
    uint64_t ns = timespec_to_ns(&value->it_value);
    int clock = timerfd_clock(f);
    struct timerfd_time t = {.interval_ns = timespec_to_ns(&value->it_interval)};

    t.realtime = flags & TFD_TIMER_ABSTIME && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM);
    t.cancelled_by_set = t.realtime && flags & TFD_TIMER_CANCEL_ON_SET;
    if (ns)
        t.expires_ns = flags & TFD_TIMER_ABSTIME ? ns : deadline_after(ns);
    return t;
}

long sys_timerfd_settime(const struct syscall_args *args)
{
    int flags = (int)args->a[1];
    struct timerfd_setting old;
    struct itimerspec value;
    struct file *f;

    if (get_user(value, user(args->a[2])))
        return -EFAULT;
    if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
        return -EINVAL;
    if (!timespec_is_valid(&value.it_value) || !timespec_is_valid(&value.it_interval))
        return -EINVAL;
    int error = timer_of((int)args->a[0], &f);
    if (error)
        return error;
    long result = -EPERM;
    if (!is_alarm(timerfd_clock(f)) || cred_may(CAP_WAKE_ALARM)) {
        struct timerfd_time t = time_from(f, &value, flags);
        result = timerfd_set(f, &t, &old);
    }
    file_put(f);
    if (result)
        return result;
    return args->a[3] ? put_setting(user(args->a[3]), &old) : 0;
}

long sys_timerfd_gettime(const struct syscall_args *args)
{
    struct timerfd_setting setting;
    struct file *f;
    int error = timer_of((int)args->a[0], &f);

    if (error)
        return error;
    timerfd_get(f, &setting);
    file_put(f);
    return put_setting(user(args->a[1]), &setting);
}
