/*
 * adjtimex(2), clock_adjtime(2): who may, and what makes no sense; clock_adjust.h does the rest.
 */
#include <asm/errno.h>
#include <linux/time.h>
#include <linux/timex.h>

#include "abi/syscalls.h"
#include "guest_kernel/clock_adjust.h"
#include "guest_kernel/clocks.h"
#include "guest_kernel/core/cred.h"
#include "guest_kernel/core/time.h"
#include "guest_kernel/core/user.h"
#include "guest_kernel/ntp.h"

#define TICK_US       10000L /* of USER_HZ */
#define FREQUENCY_MAX (INT64_MAX / NTP_FREQUENCY_UNIT)

static long check_step(const struct __kernel_timex *x)
{
    long long limit = x->modes & ADJ_NANO ? (long long)NS_PER_S : 1000000;

    if (!cred_may(CAP_SYS_TIME))
        return -EPERM;
    return x->time.tv_usec >= 0 && x->time.tv_usec < limit ? 0 : -EINVAL;
}

/* In Linux's order. */
static long check(const struct __kernel_timex *x)
{
    if (x->modes & ADJ_ADJTIME) {
        if (!(x->modes & ADJ_OFFSET))
            return -EINVAL;
        if (!(x->modes & ADJ_OFFSET_READONLY) && !cred_may(CAP_SYS_TIME))
            return -EPERM;
    } else {
        if (x->modes && !cred_may(CAP_SYS_TIME))
            return -EPERM;
        if (x->modes & ADJ_TICK && (x->tick < TICK_US / 10 * 9 || x->tick > TICK_US / 10 * 11))
            return -EINVAL;
    }
    long error = x->modes & ADJ_SETOFFSET ? check_step(x) : 0;
    if (!error && x->modes & ADJ_FREQUENCY && (x->freq > FREQUENCY_MAX || x->freq < -FREQUENCY_MAX))
        error = -EINVAL;
    return error;
}

static long adjust(struct __kernel_timex *x)
{
    long error = check(x);

    return error ? error : clock_adjust(x);
}

long sys_adjtimex(const struct syscall_args *args)
{
    struct __kernel_timex x;

    if (get_user(x, user(args->a[0])))
        return -EFAULT;
    long result = adjust(&x);
    return put_user(user(args->a[0]), x) ? -EFAULT : result;
}

long sys_clock_adjtime(const struct syscall_args *args)
{
    int32_t clock = (int32_t)args->a[0];
    struct __kernel_timex x;

    if (get_user(x, user(args->a[1])))
        return -EFAULT;
    if (!clock_is_known(clock))
        return -EINVAL;
    if (clock != CLOCK_REALTIME)
        return -EOPNOTSUPP;
    long result = adjust(&x);
    return result >= 0 && put_user(user(args->a[1]), x) ? -EFAULT : result;
}
