/*
 * adjtimex(2), clock_adjtime(2): the state of the clock's discipline, as an NTP daemon keeps it.  The clock can be
 * stepped and the daemon's own figures are kept; its rate is the machine's and is not changed: what would change it is
 * refused.  adjust_lock guards all of it.
 */
#include <asm/errno.h>
#include <linux/time.h>
#include <linux/timex.h>

#include "abi/syscalls.h"
#include "guest_kernel/clocks.h"
#include "guest_kernel/core/cred.h"
#include "guest_kernel/core/user.h"
#include "guest_kernel/time_convert.h"
#include "lib/spinlock.h"

#define ADJ_ADJTIME          0x8000 /* this and the next are flags inside ADJ_OFFSET_SINGLESHOT and ADJ_OFFSET_SS_READ */
#define ADJ_OFFSET_READONLY  0x2000
#define TICK_US              10000L /* of USER_HZ: the one rate there is */
#define PHASE_LIMIT_US       16000000L
#define ERROR_GROWS_US_PER_S 500
#define CONSTANT_MAX         10L
#define TAI_MAX              100000L
#define FREQUENCY_MAX        32768000L /* 500 ppm, in 2^-16 ppm */

static struct spinlock adjust_lock = SPINLOCK_INIT;
static int status = STA_UNSYNC;
static long constant = 2, estimated_error_us = PHASE_LIMIT_US;
static long maximal_error_us = PHASE_LIMIT_US;
static uint64_t error_told_ns; /* monotonic time of maximal_error_us, which grows from then on */

static long check_step(const struct __kernel_timex *x)
{
    long long limit = x->modes & ADJ_NANO ? (long long)NS_PER_S : 1000000;

    if (!cred_may(CAP_SYS_TIME))
        return -EPERM;
    return x->time.tv_usec >= 0 && x->time.tv_usec < limit ? 0 : -EINVAL;
}

/* Who may, and what makes no sense, in Linux's order. */
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
    return x->modes & ADJ_SETOFFSET ? check_step(x) : 0;
}

/* Would it make the clock run at another rate? */
static bool changes_rate(const struct __kernel_timex *x)
{
    if (x->modes & ADJ_ADJTIME)
        return !(x->modes & ADJ_OFFSET_READONLY) && x->offset;
    return (x->modes & ADJ_TICK && x->tick != TICK_US) || (x->modes & ADJ_FREQUENCY && x->freq) ||
           (x->modes & ADJ_OFFSET && x->offset);
}

static long step(const struct __kernel_timex *x)
{
    int64_t fraction_ns = x->time.tv_usec * (x->modes & ADJ_NANO ? 1 : 1000);
    __int128 ns = (__int128)x->time.tv_sec * (int64_t)NS_PER_S + fraction_ns + clock_realtime_ns();

    if (ns < (__int128)clock_monotonic_ns() || ns > INT64_MAX)
        return -EINVAL;
    clock_realtime_set((uint64_t)ns);
    return 0;
}

static void keep_figures(const struct __kernel_timex *x)
{
    if (x->modes & ADJ_STATUS)
        status = (status & STA_RONLY) | (x->status & ~STA_RONLY & 0xffff);
    if (x->modes & ADJ_NANO)
        status |= STA_NANO;
    if (x->modes & ADJ_MICRO)
        status &= ~STA_NANO;
    if (x->modes & ADJ_MAXERROR) {
        maximal_error_us = MAX(MIN(x->maxerror, PHASE_LIMIT_US), 0L);
        error_told_ns = clock_monotonic_ns();
    }
    if (x->modes & ADJ_ESTERROR)
        estimated_error_us = MAX(MIN(x->esterror, PHASE_LIMIT_US), 0L);
    if (x->modes & ADJ_TIMECONST)
        constant = MAX(MIN(x->constant + (status & STA_NANO ? 0 : 4), CONSTANT_MAX), 0L);
    if (x->modes & ADJ_TAI && x->constant >= 0 && x->constant <= TAI_MAX)
        clock_tai_set((int32_t)x->constant);
}

/* Nobody has told for so long that the clock may be anywhere: then it is not synchronised. */
static long error_now(void)
{
    uint64_t grown = (clock_monotonic_ns() - error_told_ns) / NS_PER_S * ERROR_GROWS_US_PER_S;

    if (maximal_error_us + grown < PHASE_LIMIT_US)
        return maximal_error_us + (long)grown;
    status |= STA_UNSYNC;
    return PHASE_LIMIT_US;
}

static long report(struct __kernel_timex *x)
{
    uint64_t now = clock_realtime_ns();

    x->offset = x->freq = 0;
    x->maxerror = error_now();
    x->esterror = estimated_error_us;
    x->status = status;
    x->constant = constant;
    x->precision = 1;
    x->tolerance = FREQUENCY_MAX;
    x->tick = TICK_US;
    x->tai = clock_tai_offset_s();
    x->ppsfreq = x->jitter = x->shift = x->stabil = x->jitcnt = x->calcnt = x->errcnt = x->stbcnt = 0;
    x->time.tv_sec = (long long)(now / NS_PER_S);
    x->time.tv_usec = (long long)(now % NS_PER_S / (status & STA_NANO ? 1 : 1000));
    return status & (STA_UNSYNC | STA_CLOCKERR) ? TIME_ERROR : TIME_OK;
}

static long adjust(struct __kernel_timex *x)
{
    long result = check(x);

    if (result)
        return result;
    if (changes_rate(x))
        return -EOPNOTSUPP;
    spin_lock(&adjust_lock);
    if (x->modes & ADJ_SETOFFSET)
        result = step(x);
    if (!result && !(x->modes & ADJ_ADJTIME))
        keep_figures(x);
    if (!result)
        result = report(x);
    spin_unlock(&adjust_lock);
    return result;
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
