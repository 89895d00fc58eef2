/*
 * Reading and setting clocks: time(2), gettimeofday(2), clock_gettime(2) and relatives.
 */
#include <asm/errno.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "guest_kernel/clocks.h"
#include "guest_kernel/process.h"
#include "guest_kernel/time_convert.h"

#define RESOLUTION_NS 1
#define COARSE_RESOLUTION_NS 4000000 /* what Linux with HZ=250 says */

/* Negative ids name the CPU-time clock of a process or thread: ~pid << 3, bit 2: a thread's, bits 0-1: which time. */
#define CPU_CLOCK_THREAD 4
#define CPU_CLOCK_KIND 3
#define CPU_CLOCK_SCHED 2
#define CPU_CLOCK_VIRTUAL 1
#define CPU_CLOCK_OWN (-8) /* pid 0 */

static long cpu_clock_ns(int32_t id, uint64_t *ns)
{
    int32_t pid = ~(id >> 3);
    uint64_t run_ns, user_ns;
    long result = 0;

    if ((id & CPU_CLOCK_KIND) > CPU_CLOCK_SCHED)
        return -EINVAL;
    spin_lock(&process_tree_lock);
    struct thread *t = pid ? thread_lookup(pid) : thread_current();
    if (!t || t->process != process_current()) {
        result = -EINVAL;
    } else if (id & CPU_CLOCK_THREAD) {
        run_ns = task_run_ns(t->task);
        user_ns = t->task->user_ns;
    } else {
        process_run_times(t->process, &run_ns, &user_ns);
    }
    spin_unlock(&process_tree_lock);
    if (!result)
        *ns = (id & CPU_CLOCK_KIND) == CPU_CLOCK_VIRTUAL ? user_ns : run_ns;
    return result;
}

long clock_read(int32_t id, uint64_t *ns)
{
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
    case CLOCK_TAI: /* no leap seconds are known here, as on a freshly booted Linux */
        *ns = clock_realtime_ns();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *ns = clock_monotonic_ns();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        return cpu_clock_ns(CPU_CLOCK_OWN | CPU_CLOCK_SCHED, ns);
    case CLOCK_THREAD_CPUTIME_ID:
        return cpu_clock_ns(CPU_CLOCK_OWN | CPU_CLOCK_SCHED | CPU_CLOCK_THREAD, ns);
    default:
        return id < 0 ? cpu_clock_ns(id, ns) : -EINVAL;
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
    struct timespec ts = timespec_of_ns(coarse ? COARSE_RESOLUTION_NS : RESOLUTION_NS);
    return args->a[1] ? put_user(user(args->a[1]), ts) : 0;
}

static long realtime_set(const struct timespec *ts)
{
    if (!timespec_is_valid(ts))
        return -EINVAL;
    if (!cred_may(CAP_SYS_TIME))
        return -EPERM;
    return clock_realtime_set(timespec_to_ns(ts));
}

long sys_clock_settime(const struct syscall_args *args)
{
    struct timespec ts;

    if ((int32_t)args->a[0] != CLOCK_REALTIME)
        return -EINVAL;
    if (get_user(ts, user(args->a[1])))
        return -EFAULT;
    return realtime_set(&ts);
}

long sys_gettimeofday(const struct syscall_args *args)
{
    struct timeval tv = timeval_of_ns(clock_realtime_ns());
    struct timezone tz = {0};

    if (args->a[0] && put_user(user(args->a[0]), tv))
        return -EFAULT;
    if (args->a[1] && put_user(user(args->a[1]), tz))
        return -EFAULT;
    return 0;
}

long sys_settimeofday(const struct syscall_args *args)
{
    struct timezone tz;
    struct timeval tv;

    if (args->a[0] && get_user(tv, user(args->a[0])))
        return -EFAULT;
    if (args->a[1] && get_user(tz, user(args->a[1])))
        return -EFAULT;
    if (args->a[0] && !timeval_is_valid(&tv))
        return -EINVAL;
    if (!cred_may(CAP_SYS_TIME))
        return -EPERM;
    if (args->a[1] && (tz.tz_minuteswest || tz.tz_dsttime)) /* only UTC is kept */
        return -EINVAL;
    return args->a[0] ? clock_realtime_set(timeval_to_ns(&tv)) : 0;
}

long sys_time(const struct syscall_args *args)
{
    long now = (long)(clock_realtime_ns() / NS_PER_S);

    if (args->a[0] && put_user(user(args->a[0]), now))
        return -EFAULT;
    return now;
}
