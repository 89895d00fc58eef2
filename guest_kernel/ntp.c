/* See ntp.h. */
#include "guest_kernel/ntp.h"

#define NS_PER_S       1000000000LL
#define NS_PER_US      1000LL
#define US_PER_S       1000000LL
#define ONE            (1LL << 32) /* a ns in fixed point */
#define TICKS          100         /* that tick_us counts */
#define PHASE_TICKS    250         /* that phase counts: HZ */
#define S_PER_DAY      86400
#define ERROR_GROWS_US 500LL /* in a second */
#define PHASE_MAX_NS   500000000LL
#define FREQUENCY_MAX  (500000 * ONE)
#define CONSTANT_MAX   10LL
#define TAI_MAX        100000
#define ADJUST_MAX_US  500LL /* of adjtime(3) in a second */
#define PLL_SHIFT      2
#define FLL_SHIFT      2
#define FLL_MIN_S      256
#define FLL_MAX_S      2048

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return MAX(MIN(value, high), low);
}

/* Towards 0, unlike >>. */
static int64_t shift_right(int64_t value, int64_t by)
{
    return value < 0 ? -(-value >> by) : value >> by;
}

static int64_t phase_of_second(const struct ntp *n)
{
    return shift_right(n->phase, PLL_SHIFT + n->constant);
}

void ntp_clear(struct ntp *n)
{
    n->status |= STA_UNSYNC;
    n->adjust_us = n->phase = 0;
    n->max_error_us = n->estimated_error_us = NTP_ERROR_LIMIT_US;
    n->next_leap_s = NTP_NEVER;
}

static void set_status(struct ntp *n, int32_t status, int64_t real_s)
{
    if (n->status & STA_PLL && !(status & STA_PLL)) {
        n->state = TIME_OK;
        n->status = STA_UNSYNC;
        n->next_leap_s = NTP_NEVER;
    }
    if (!(n->status & STA_PLL) && status & STA_PLL)
        n->reference_s = real_s;
    n->status = (n->status & STA_RONLY) | (status & ~STA_RONLY);
}

/* What the frequency-locked loop, for updates that are far apart, adds to the frequency. */
static int64_t fll_gain(struct ntp *n, int64_t offset_ns, int64_t seconds)
{
    n->status &= ~STA_MODE;
    if (seconds < FLL_MIN_S || (!(n->status & STA_FLL) && seconds <= FLL_MAX_S))
        return 0;
    n->status |= STA_MODE;
    return offset_ns * (ONE >> FLL_SHIFT) / seconds;
}

/* ADJ_OFFSET: the phase is to be made good and the frequency learns from it. */
static void set_offset(struct ntp *n, int64_t offset, int64_t real_s)
{
    if (!(n->status & STA_PLL))
        return;
    if (!(n->status & STA_NANO))
        offset = clamp(offset, -US_PER_S, US_PER_S) * NS_PER_US;
    offset = clamp(offset, -PHASE_MAX_NS, PHASE_MAX_NS);
    /* The clock may have been set back since. */
    int64_t seconds = n->status & STA_FREQHOLD ? 0 : MAX(real_s - n->reference_s, 0);
    n->reference_s = real_s;
    int64_t gain = fll_gain(n, offset, seconds);

    /* Updates that come seldom must not make the phase-locked loop swing. */
    seconds = MIN(seconds, 1LL << (PLL_SHIFT + 1 + n->constant));
    gain += offset * seconds * (ONE >> 2 * (PLL_SHIFT + 2 + n->constant));
    n->frequency = clamp(n->frequency + gain, -FREQUENCY_MAX, FREQUENCY_MAX);
    n->phase = offset * ONE / PHASE_TICKS;
}

static void apply_modes(struct ntp *n, const struct __kernel_timex *x, int64_t real_s, int32_t *tai_s)
{
    if (x->modes & ADJ_STATUS)
        set_status(n, x->status, real_s);
    if (x->modes & ADJ_NANO)
        n->status |= STA_NANO;
    if (x->modes & ADJ_MICRO)
        n->status &= ~STA_NANO;
    if (x->modes & ADJ_FREQUENCY)
        n->frequency = clamp(x->freq * NTP_FREQUENCY_UNIT, -FREQUENCY_MAX, FREQUENCY_MAX);
    if (x->modes & ADJ_MAXERROR)
        n->max_error_us = clamp(x->maxerror, 0, NTP_ERROR_LIMIT_US);
    if (x->modes & ADJ_ESTERROR)
        n->estimated_error_us = clamp(x->esterror, 0, NTP_ERROR_LIMIT_US);
    if (x->modes & ADJ_TIMECONST)
        n->constant = MIN(clamp(x->constant, -4, CONSTANT_MAX) + (n->status & STA_NANO ? 0 : 4), CONSTANT_MAX);
    n->constant = MAX(n->constant, 0);
    if (x->modes & ADJ_TAI && x->constant >= 0 && x->constant <= TAI_MAX)
        *tai_s = (int32_t)x->constant;
    if (x->modes & ADJ_OFFSET)
        set_offset(n, x->offset, real_s);
    if (x->modes & ADJ_TICK)
        n->tick_us = x->tick;
}

/* adjtime(3): independent of all other modes. */
static void adjust_once(struct ntp *n, struct __kernel_timex *x)
{
    int64_t left = n->adjust_us;

    if (!(x->modes & ADJ_OFFSET_READONLY))
        n->adjust_us = x->offset;
    x->offset = left;
}

void ntp_adjust(struct ntp *n, struct __kernel_timex *x, int64_t real_s, int32_t *tai_s)
{
    if (x->modes & ADJ_ADJTIME) {
        adjust_once(n, x);
        return;
    }
    apply_modes(n, x, real_s, tai_s);
    x->offset = shift_right(n->phase * PHASE_TICKS, 32);
    if (!(n->status & STA_NANO))
        x->offset /= NS_PER_US;
}

/* What a reader is told of a leap second that is due and that nobody has come to do yet. */
static int leap_report(const struct ntp *n, struct __kernel_timex *x, int result)
{
    if (x->time.tv_sec < n->next_leap_s)
        return result;
    if (n->state == TIME_INS) {
        x->tai++;
        x->time.tv_sec--;
        return TIME_OOP;
    }
    if (n->state == TIME_DEL) {
        x->tai--;
        x->time.tv_sec++;
        return TIME_WAIT;
    }
    return n->state == TIME_OOP ? TIME_WAIT : result;
}

int ntp_report(const struct ntp *n, struct __kernel_timex *x, uint64_t real_ns, int32_t tai_s)
{
    int result = n->status & (STA_UNSYNC | STA_CLOCKERR) ? TIME_ERROR : n->state;

    x->freq = n->frequency / NTP_FREQUENCY_UNIT;
    x->maxerror = n->max_error_us;
    x->esterror = n->estimated_error_us;
    x->status = n->status;
    x->constant = n->constant;
    x->precision = 1;
    x->tolerance = FREQUENCY_MAX / NTP_FREQUENCY_UNIT;
    x->tick = n->tick_us;
    x->tai = tai_s;
    x->ppsfreq = x->jitter = x->shift = x->stabil = x->jitcnt = x->calcnt = x->errcnt = x->stbcnt = 0;
    x->time.tv_sec = (long long)(real_ns / NS_PER_S);
    x->time.tv_usec = (long long)(real_ns % NS_PER_S / (n->status & STA_NANO ? 1 : NS_PER_US));
    return leap_report(n, x, result);
}

/* The first second of the day after `second`, which may be one. */
static int64_t next_day(int64_t second)
{
    return second + S_PER_DAY - second % S_PER_DAY;
}

static void leap_cancelled(struct ntp *n)
{
    n->next_leap_s = NTP_NEVER;
    n->state = TIME_OK;
}

/* Where a leap second stands after the second that begins: Linux's states and their order (adjtimex(2)). */
static int leap_second(struct ntp *n, int64_t second)
{
    switch (n->state) {
    case TIME_OK:
        if (n->status & STA_INS) {
            n->state = TIME_INS;
            n->next_leap_s = next_day(second);
        } else if (n->status & STA_DEL) {
            n->state = TIME_DEL;
            n->next_leap_s = next_day(second + 1) - 1;
        }
        return 0;
    case TIME_INS:
        if (!(n->status & STA_INS)) {
            leap_cancelled(n);
        } else if (second == n->next_leap_s) {
            n->state = TIME_OOP;
            return -1;
        }
        return 0;
    case TIME_DEL:
        if (!(n->status & STA_DEL)) {
            leap_cancelled(n);
        } else if (second == n->next_leap_s) {
            n->next_leap_s = NTP_NEVER;
            n->state = TIME_WAIT;
            return 1;
        }
        return 0;
    case TIME_OOP:
        n->next_leap_s = NTP_NEVER;
        n->state = TIME_WAIT;
        return 0;
    default:
        if (!(n->status & (STA_INS | STA_DEL)))
            n->state = TIME_OK;
        return 0;
    }
}

/* Nobody has told for so long that the clock may be anywhere: then it is not synchronised. */
void ntp_age(struct ntp *n, uint64_t seconds)
{
    n->max_error_us += ERROR_GROWS_US * (int64_t)MIN(seconds, (uint64_t)NTP_ERROR_LIMIT_US);
    if (n->max_error_us > NTP_ERROR_LIMIT_US) {
        n->max_error_us = NTP_ERROR_LIMIT_US;
        n->status |= STA_UNSYNC;
    }
}

int64_t ntp_second(struct ntp *n, int64_t second, int *leap)
{
    int64_t phase = phase_of_second(n), adjust_us = clamp(n->adjust_us, -ADJUST_MAX_US, ADJUST_MAX_US);

    *leap = leap_second(n, second);
    ntp_age(n, 1);
    n->phase -= phase;
    n->adjust_us -= adjust_us;
    return phase * PHASE_TICKS + adjust_us * NS_PER_US * ONE;
}

bool ntp_is_idle(const struct ntp *n)
{
    return !phase_of_second(n) && !n->adjust_us && n->state == TIME_OK && !(n->status & (STA_INS | STA_DEL));
}

int64_t ntp_rate(const struct ntp *n)
{
    return n->tick_us * NS_PER_US * TICKS * ONE + n->frequency;
}
