/*
 * Reading and setting clocks: time(2), gettimeofday(2), clock_gettime(2) and relatives.
 */
#include <asm/errno.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "guest_kernel/clock_adjust.h"
#include "guest_kernel/clocks.h"
#include "guest_kernel/cpu_timer.h"
#include "guest_kernel/process.h"
#include "guest_kernel/time_convert.h"

#define RESOLUTION_NS        1
#define COARSE_RESOLUTION_NS 4000000 /* what Linux with HZ=250 says */
#define SECONDS_MAX          (INT64_MAX / (int64_t)NS_PER_S - 30L * 365 * 24 * 3600)
#define MINUTES_WEST_MAX     (15 * 60)

bool clock_is_known(int32_t id)
{
    return id < 0 || (id <= CLOCK_TAI && id != CLOCK_SGI_CYCLE);
}

static long cpu_clock_read(int32_t id, uint64_t *ns)
{
    struct cpu_clock_name name;

    spin_lock(&process_tree_lock);
    long error = cpu_clock_find(id, true, &name);
    if (!error)
        *ns = cpu_clock_ns(&name);
    spin_unlock(&process_tree_lock);
    return error;
}

long clock_read(int32_t id, uint64_t *ns)
{
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        *ns = clock_realtime_ns();
        return 0;
    case CLOCK_TAI:
        *ns = clock_tai_ns();
        return 0;
    case CLOCK_MONOTONIC_RAW:
        *ns = clock_raw_ns();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *ns = clock_monotonic_ns();
        return 0;
    default: /* alarm clocks are those of a real-time clock that wakes the machine: there is none */
        return clock_is_cpu(id) ? cpu_clock_read(id, ns) : -EINVAL;
    }
}

long sys_clock_gettime(const struct syscall_args *args)
{
    uint64_t ns = 0;
    long error = clock_read((int32_t)args->a[0], &ns);

    if (error)
        return error;
    struct timespec ts = timespec_of_ns(ns);
    return put_user(user(args->a[1]), ts);
}

long sys_clock_getres(const struct syscall_args *args)
{
    int32_t id = (int32_t)args->a[0];
    uint64_t ns = 0;
    long error = clock_read(id, &ns);

    if (error)
        return error;
    bool coarse = id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE;
    bool ticks = id < 0 && (id & 3) != 2; /* Linux samples these two CPU times; "sched" is exact */
    struct timespec ts = timespec_of_ns(coarse || ticks ? COARSE_RESOLUTION_NS : RESOLUTION_NS);
    return args->a[1] ? put_user(user(args->a[1]), ts) : 0;
}

/* Not before the time since boot, nor so late that a machine could live to see the end of time. */
static long realtime_set(const struct timespec *ts)
{
    uint64_t ns = timespec_to_ns(ts);

    if (ns < clock_monotonic_ns())
        return -EINVAL;
    clock_step(ns);
    return 0;
}

static bool may_be_set_to(const struct timespec *ts)
{
    return timespec_is_valid(ts) && ts->tv_sec < SECONDS_MAX;
}

/* What a CPU-time clock, which nobody can set, says. */
static long refuse_setting(int32_t id)
{
    uint64_t ns;

    return id < 0 && clock_is_cpu(id) && !cpu_clock_read(id, &ns) ? -EPERM : -EINVAL;
}

long sys_clock_settime(const struct syscall_args *args)
{
    struct timespec ts;
    int32_t id = (int32_t)args->a[0];

    if (id >= 0 && id != CLOCK_REALTIME)
        return -EINVAL;
    if (get_user(ts, user(args->a[1])))
        return -EFAULT;
    if (id != CLOCK_REALTIME)
        return refuse_setting(id);
    if (!may_be_set_to(&ts))
        return -EINVAL;
    return cred_may(CAP_SYS_TIME) ? realtime_set(&ts) : -EPERM;
}

long sys_gettimeofday(const struct syscall_args *args)
{
    struct timeval tv = timeval_of_ns(clock_realtime_ns());
    struct timezone tz;

    clock_timezone(&tz);
    if (args->a[0] && put_user(user(args->a[0]), tv))
        return -EFAULT;
    if (args->a[1] && put_user(user(args->a[1]), tz))
        return -EFAULT;
    return 0;
}

/* The first to tell the zone, and no time, says that the clock was set to the local time at boot. */
static void timezone_set(const struct timezone *tz, bool with_time)
{
    static bool was_set;
    bool first = !__atomic_exchange_n(&was_set, true, __ATOMIC_RELAXED);

    clock_timezone_set(tz->tz_minuteswest, tz->tz_dsttime);
    if (first && !with_time && tz->tz_minuteswest)
        clock_step(clock_realtime_ns() + (uint64_t)((int64_t)tz->tz_minuteswest * 60) * NS_PER_S);
}

long sys_settimeofday(const struct syscall_args *args)
{
    struct timezone tz;
    struct timeval tv;
    struct timespec ts = {0};

    if (args->a[0] && get_user(tv, user(args->a[0])))
        return -EFAULT;
    if (args->a[0] && !timeval_is_valid(&tv))
        return -EINVAL;
    if (args->a[1] && get_user(tz, user(args->a[1])))
        return -EFAULT;
    if (args->a[0])
        ts = (struct timespec){tv.tv_sec, tv.tv_usec * 1000};
    if (!may_be_set_to(&ts))
        return -EINVAL;
    if (!cred_may(CAP_SYS_TIME))
        return -EPERM;
    if (args->a[1] && (tz.tz_minuteswest > MINUTES_WEST_MAX || tz.tz_minuteswest < -MINUTES_WEST_MAX))
        return -EINVAL;
    if (args->a[1])
        timezone_set(&tz, args->a[0]);
    return args->a[0] ? realtime_set(&ts) : 0;
}

long sys_time(const struct syscall_args *args)
{
    long now = (long)(clock_realtime_ns() / NS_PER_S);

    if (args->a[0] && put_user(user(args->a[0]), now))
        return -EFAULT;
    return now;
}
