/*
 * Sleeping: nanosleep(2), clock_nanosleep(2).  An interrupted relative sleep goes on to the same deadline when the
 * call is restarted, so that signals do not stretch it.
 */
#include <asm/errno.h>
#include <linux/time.h>

#include "abi/syscalls.h"
#include "guest_kernel/clocks.h"
#include "guest_kernel/cpu_sleep.h"
#include "guest_kernel/cpu_timer.h"
#include "guest_kernel/process.h"
#include "guest_kernel/time_convert.h"

/* True: the time is over; false: a signal came. */
static bool sleep_until(uint64_t deadline_ns)
{
    bool over = false;

    while (!over) {
        task_sleep_prepare(true);
        if (task_signal_pending())
            break;
        over = !task_sleep_until(deadline_ns);
    }
    task_sleep_cancel();
    return over;
}

static long sleep_again(struct thread *t);

static long sleep_relative(struct thread *t, uint64_t deadline_ns, uint64_t remaining_address)
{
    if (sleep_until(deadline_ns))
        return 0;
    uint64_t now = clock_monotonic_ns();
    if (now >= deadline_ns)
        return 0;
    struct timespec left = timespec_of_ns(deadline_ns - now);
    if (remaining_address && put_user(user(remaining_address), left))
        return -EFAULT;
    t->restart = sleep_again;
    t->restart_args[0] = remaining_address;
    t->task->restart_deadline_ns = deadline_ns;
    return -ERESTART_RESTARTBLOCK;
}

static long sleep_again(struct thread *t)
{
    return sleep_relative(t, t->task->restart_deadline_ns, t->restart_args[0]);
}

static long read_request(struct timespec *request, uint64_t address)
{
    if (get_user(*request, user(address)))
        return -EFAULT;
    return timespec_is_valid(request) ? 0 : -EINVAL;
}

long sys_nanosleep(const struct syscall_args *args)
{
    struct timespec request;
    long error = read_request(&request, args->a[0]);

    if (error)
        return error;
    return sleep_relative(thread_current(), deadline_after(timespec_to_ns(&request)), args->a[1]);
}

/* Until a real time: looked at anew whenever that clock is set. */
static bool sleep_until_realtime(uint64_t realtime_ns)
{
    long result = 0;

    while (!result && clock_realtime_ns() < realtime_ns) {
        uint64_t offset = clock_realtime_offset_ns();

        result = wait_event_deadline(&clock_was_set, clock_realtime_offset_ns() != offset, true,
                                     deadline_of_realtime(realtime_ns));
        if (result == -ETIME)
            result = 0;
    }
    return !result;
}

static bool can_sleep_on(int32_t id)
{
    return id == CLOCK_REALTIME || id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME || id == CLOCK_TAI;
}

long sys_clock_nanosleep(const struct syscall_args *args)
{
    int32_t id = (int32_t)args->a[0];
    bool on_cpu_time = clock_is_cpu(id) && id != CLOCK_THREAD_CPUTIME_ID;
    struct timespec request;

    if (!clock_is_known(id))
        return -EINVAL;
    if (!can_sleep_on(id) && !on_cpu_time)
        return -EOPNOTSUPP;
    long error = read_request(&request, args->a[2]);
    if (error)
        return error;
    uint64_t ns = timespec_to_ns(&request);
    bool absolute = args->a[1] & TIMER_ABSTIME;
    if (on_cpu_time)
        return cpu_sleep(id, ns, absolute, args->a[3]);
    if (!absolute)
        return sleep_relative(thread_current(), deadline_after(ns), args->a[3]);
    if (id == CLOCK_TAI)
        ns -= MIN(ns, (uint64_t)clock_tai_offset_s() * NS_PER_S);
    bool realtime = id == CLOCK_REALTIME || id == CLOCK_TAI;
    return (realtime ? sleep_until_realtime(ns) : sleep_until(ns)) ? 0 : -ERESTARTNOHAND;
}
