/*
 * See clock_adjust.h.  While the discipline has something to do, a timer comes at each second of the real time; else the
 * clock runs at its rate by itself, and what has grown old is looked at when somebody asks.
 *
 * What a second is to gain beyond the rate is `owed`; `slew` is how fast that is paid.  A timer that comes late has paid
 * too much: that is known by the raw clock, and the next second gets it back, so that the sum is exact.
 */
#include "guest_kernel/clock_adjust.h"

#include <asm/errno.h>

#include "guest_kernel/core/clock.h"
#include "guest_kernel/core/time.h"
#include "guest_kernel/ntp.h"
#include "lib/spinlock.h"

#define ONE         (1LL << 32)                    /* a ns in 32.32 fixed point */
#define SLEW_MAX    ((int64_t)NS_PER_S / 8 * ONE)  /* in a second: more than all that the discipline asks for */
#define STALL_MAX_NS (10 * NS_PER_S)

static void second_comes(struct timer *t);

static struct spinlock adjust_lock = SPINLOCK_INIT; /* guards all below; interrupts off */
static struct ntp ntp = NTP_AT_BOOT;
static struct timer timer = {.expired = second_comes};
static uint64_t second; /* of the real time: the discipline has seen it come */
static uint64_t settled_raw_ns;
static int64_t rate = (int64_t)NS_PER_S * ONE; /* of the clock */
static int64_t slew, owed;                     /* 32.32: in a second of the raw clock, and in all */

static uint64_t real_second(void)
{
    return clock_realtime_ns() / NS_PER_S;
}

/* A machine that stood still for longer than STALL_MAX_NS does not get back what was paid meanwhile. */
static void settle(void)
{
    uint64_t now = clock_raw_ns();
    uint64_t paid = mul_div((uint64_t)(slew < 0 ? -slew : slew), MIN(now - settled_raw_ns, STALL_MAX_NS), NS_PER_S);

    owed -= slew < 0 ? -(int64_t)paid : (int64_t)paid;
    settled_raw_ns = now;
}

/* The seconds that have come since the last look. */
static void seconds_pass(void)
{
    uint64_t now = real_second();

    while (second < now && !ntp_is_idle(&ntp)) {
        int leap;

        owed += ntp_second(&ntp, (int64_t)++second, &leap);
        if (!leap)
            continue;
        clock_leap(leap);
        second += (uint64_t)leap;
        now += (uint64_t)leap;
    }
    if (second < now)
        ntp_age(&ntp, now - second);
    second = now;
}

static int64_t slew_for(int64_t amount)
{
    if (amount > -ONE && amount < ONE)
        return 0;
    return MAX(MIN(amount, SLEW_MAX), -SLEW_MAX);
}

static void set_rate(void)
{
    int64_t wanted = ntp_rate(&ntp) + slew;

    if (wanted == rate)
        return;
    rate = wanted;
    clock_rate_set((uint64_t)wanted);
}

static void arm(void)
{
    if (ntp_is_idle(&ntp) && !slew)
        return;
    uint64_t real = clock_realtime_ns();

    timer_arm(&timer, clock_monotonic_ns() + NS_PER_S - real % NS_PER_S);
}

/* The rate that counts now has counted until now, and from now on. */
static void update(void)
{
    uint64_t before = second;

    assert_held(&adjust_lock);
    settle();
    seconds_pass();
    if (second != before)
        slew = slew_for(owed);
    set_rate();
    arm();
}

static void second_comes(struct timer *t)
{
    uint64_t flags = spin_lock_irqsave(&adjust_lock);

    update();
    spin_unlock_irqrestore(&adjust_lock, flags);
}

static void step(uint64_t ns)
{
    seconds_pass();
    ntp_clear(&ntp);
    slew = owed = 0;
    set_rate();
    clock_realtime_set(ns);
    second = ns / NS_PER_S;
    arm();
}

void clock_step(uint64_t ns)
{
    uint64_t flags = spin_lock_irqsave(&adjust_lock);

    step(ns);
    spin_unlock_irqrestore(&adjust_lock, flags);
}

static long step_by(const struct __kernel_timex *x)
{
    int64_t fraction_ns = x->time.tv_usec * (x->modes & ADJ_NANO ? 1 : 1000);
    __int128 ns = (__int128)x->time.tv_sec * (int64_t)NS_PER_S + fraction_ns + clock_realtime_ns();

    if (ns < (__int128)clock_monotonic_ns() || ns > INT64_MAX)
        return -EINVAL;
    step((uint64_t)ns);
    return 0;
}

static long adjust(struct __kernel_timex *x)
{
    int32_t tai_s = clock_tai_offset_s(), tai_was = tai_s;

    if (x->modes & ADJ_SETOFFSET && step_by(x))
        return -EINVAL;
    ntp_adjust(&ntp, x, (int64_t)real_second(), &tai_s);
    if (tai_s != tai_was)
        clock_tai_set(tai_s);
    update();
    return ntp_report(&ntp, x, clock_realtime_ns(), tai_s);
}

long clock_adjust(struct __kernel_timex *x)
{
    uint64_t flags = spin_lock_irqsave(&adjust_lock);

    update();
    long result = adjust(x);
    spin_unlock_irqrestore(&adjust_lock, flags);
    return result;
}
