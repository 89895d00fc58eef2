/*
 * Times: pairs of seconds and a fraction, dates, clock ticks.
 */
#include "abi/decode_internal.h"

#include <linux/times.h>
#include <linux/timex.h>
#include <linux/utime.h>

#define UTIME_NOW  ((1l << 30) - 1l)
#define UTIME_OMIT ((1l << 30) - 2l)

/* Pairs of two longs: timespec and timeval and what is made of them. */
struct seconds {
    int64_t seconds, fraction;
};

static void print_seconds(struct decoder *d, const struct seconds *s, const char *fraction)
{
    out(d, "{tv_sec=%lld, %s=%llu}", (long long)s->seconds, fraction, (unsigned long long)s->fraction);
}

static void seconds_in(struct decoder *d, uint64_t address, const char *fraction)
{
    struct seconds s;

    if (fetch_in(d, address, &s, sizeof s))
        print_seconds(d, &s, fraction);
}

static void seconds_out(struct decoder *d, uint64_t address, const char *fraction)
{
    struct seconds s;

    if (fetch_out(d, address, &s, sizeof s))
        print_seconds(d, &s, fraction);
}

static void print_interval(struct decoder *d, const struct seconds s[2], const char *fraction)
{
    out_text(d, "{it_interval=");
    print_seconds(d, &s[0], fraction);
    out_text(d, ", it_value=");
    print_seconds(d, &s[1], fraction);
    out_text(d, "}");
}

static void interval_in(struct decoder *d, uint64_t address, const char *fraction)
{
    struct seconds s[2];

    if (fetch_in(d, address, s, sizeof s))
        print_interval(d, s, fraction);
}

static void interval_out(struct decoder *d, uint64_t address, const char *fraction)
{
    struct seconds s[2];

    if (fetch_out(d, address, s, sizeof s))
        print_interval(d, s, fraction);
}

void print_timespec_in(struct decoder *d, uint64_t value)
{
    seconds_in(d, value, "tv_nsec");
}

void print_timespec_out(struct decoder *d, uint64_t value)
{
    seconds_out(d, value, "tv_nsec");
}

void print_timeval_in(struct decoder *d, uint64_t value)
{
    seconds_in(d, value, "tv_usec");
}

void print_timeval_out(struct decoder *d, uint64_t value)
{
    seconds_out(d, value, "tv_usec");
}

void print_itimerval_in(struct decoder *d, uint64_t value)
{
    interval_in(d, value, "tv_usec");
}

void print_itimerval_out(struct decoder *d, uint64_t value)
{
    interval_out(d, value, "tv_usec");
}

void print_itimerspec_in(struct decoder *d, uint64_t value)
{
    interval_in(d, value, "tv_nsec");
}

void print_itimerspec_out(struct decoder *d, uint64_t value)
{
    interval_out(d, value, "tv_nsec");
}

/* What is left of a sleep: stored only if a signal interrupted it. */
void print_timespec_remaining(struct decoder *d, uint64_t value)
{
    struct seconds s;
    bool interrupted = call_returned(d) && (d->call->result == -4 || d->call->result == -516);

    if (interrupted && value && memory_read(d, MEMORY_OUT, value, &s, sizeof s))
        print_seconds(d, &s, "tv_nsec");
    else
        out_address(d, value);
}

/* As strace comments a time of day: UTC.  Days to a date in the proleptic Gregorian calendar, years from March on. */
static void print_date_between(struct decoder *d, const struct seconds *s, unsigned digits, const char *before, const char *after)
{
    int64_t days = s->seconds / 86400 - (s->seconds % 86400 < 0);
    int64_t second = s->seconds - days * 86400;
    int64_t day = days + 719468; /* since 0000-03-01 */
    int64_t era = (day >= 0 ? day : day - 146096) / 146097;
    int64_t of_era = day - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;

    if (s->seconds < 0 || s->seconds > 253402300799 || s->seconds == 0 || s->fraction < 0 ||
        s->fraction >= (digits == 9 ? 1000000000 : 1000000))
        return;
    out(d, "%s%04lld-%02lld-%02lldT%02lld:%02lld:%02lld", before, (long long)(year + era * 400 + (month >= 10)),
        (long long)(month < 10 ? month + 3 : month - 9), (long long)(of_year - (153 * month + 2) / 5 + 1),
        (long long)(second / 3600), (long long)(second / 60 % 60), (long long)(second % 60));
    if (s->fraction)
        out(d, ".%0*lld", (int)digits, (long long)s->fraction);
    out_text(d, "+0000");
    out_text(d, after);
}

static void print_date(struct decoder *d, const struct seconds *s, unsigned digits)
{
    print_date_between(d, s, digits, " /* ", " */");
}

void print_time_out(struct decoder *d, uint64_t value)
{
    int64_t seconds;

    if (!fetch_out(d, value, &seconds, sizeof seconds))
        return;
    out(d, "[%lld", (long long)seconds);
    out_date(d, seconds, 0);
    out_text(d, "]");
}

void print_result_time(struct decoder *d)
{
    out_signed(d, d->call->result);
    print_date_between(d, &(struct seconds){d->call->result, 0}, 9, " (", ")");
}

void out_date(struct decoder *d, int64_t seconds, int64_t nanoseconds)
{
    print_date(d, &(struct seconds){seconds, nanoseconds}, 9);
}

void print_timespec_pair(struct decoder *d, uint64_t value)
{
    struct seconds s[2];

    if (!fetch_in(d, value, s, sizeof s))
        return;
    for (unsigned i = 0; i < 2; i++) {
        out_text(d, i ? ", " : "[");
        const char *word = s[i].fraction == UTIME_NOW ? "UTIME_NOW" : s[i].fraction == UTIME_OMIT ? "UTIME_OMIT" : NULL;
        if (word && d->style->names == DECODE_NAMES) {
            out_text(d, word);
        } else if (word) {
            print_seconds(d, &s[i], "tv_nsec");
            if (d->style->names == DECODE_BOTH)
                out(d, " /* %s */", word);
        } else {
            print_seconds(d, &s[i], "tv_nsec");
            print_date(d, &s[i], 9);
        }
    }
    out_text(d, "]");
}

void print_timeval_pair(struct decoder *d, uint64_t value)
{
    struct seconds s[2];

    if (!fetch_in(d, value, s, sizeof s))
        return;
    out_text(d, "[");
    print_seconds(d, &s[0], "tv_usec");
    print_date(d, &s[0], 6);
    out_text(d, ", ");
    print_seconds(d, &s[1], "tv_usec");
    print_date(d, &s[1], 6);
    out_text(d, "]");
}

void print_utimbuf(struct decoder *d, uint64_t value)
{
    struct utimbuf u;

    if (!fetch_in(d, value, &u, sizeof u))
        return;
    out(d, "{actime=%lld", (long long)u.actime);
    print_date(d, &(struct seconds){.seconds = u.actime}, 9);
    out(d, ", modtime=%lld", (long long)u.modtime);
    print_date(d, &(struct seconds){.seconds = u.modtime}, 9);
    out_text(d, "}");
}

void print_timezone(struct decoder *d, uint64_t value)
{
    int32_t zone[2];

    if (fetch_out(d, value, zone, sizeof zone))
        out(d, "{tz_minuteswest=%d, tz_dsttime=%d}", zone[0], zone[1]);
}

void print_timezone_in(struct decoder *d, uint64_t value)
{
    int32_t zone[2];

    if (fetch_in(d, value, zone, sizeof zone))
        out(d, "{tz_minuteswest=%d, tz_dsttime=%d}", zone[0], zone[1]);
}

/* User space's clock ticks are hundredths of a second. */
void out_clock_ticks(struct decoder *d, uint64_t ticks)
{
    out_unsigned(d, ticks);
    if (ticks && d->style->names != DECODE_NUMBERS)
        out(d, " /* %llu.%02llu s */", (unsigned long long)ticks / 100, (unsigned long long)ticks % 100);
}

void print_tms(struct decoder *d, uint64_t value)
{
    struct tms t;

    if (!fetch_out(d, value, &t, sizeof t))
        return;
    out_text(d, "{tms_utime=");
    out_clock_ticks(d, (uint64_t)t.tms_utime);
    out_text(d, ", tms_stime=");
    out_clock_ticks(d, (uint64_t)t.tms_stime);
    out_text(d, ", tms_cutime=");
    out_clock_ticks(d, (uint64_t)t.tms_cutime);
    out_text(d, ", tms_cstime=");
    out_clock_ticks(d, (uint64_t)t.tms_cstime);
    out_text(d, "}");
}

/* Some modes are several bits, and named before their parts. */
static void print_timex_modes(struct decoder *d, unsigned modes)
{
    static const struct name whole[] = {NAME(ADJ_OFFSET_SINGLESHOT), NAME(ADJ_OFFSET_SS_READ), NAME_END};
    static const struct name parts[] = {NAME(ADJ_OFFSET), NAME(ADJ_FREQUENCY), NAME(ADJ_MAXERROR), NAME(ADJ_ESTERROR),
                                        NAME(ADJ_STATUS), NAME(ADJ_TIMECONST), NAME(ADJ_TAI),      NAME(ADJ_SETOFFSET),
                                        NAME(ADJ_MICRO),  NAME(ADJ_NANO),      NAME(ADJ_TICK),     NAME_END};

    if (name_find(whole, modes))
        out_name(d, whole, modes, "ADJ_???");
    else
        out_flags(d, parts, modes, "ADJ_???");
}

static void print_timex_status(struct decoder *d, unsigned status)
{
    static const struct name names[] = {NAME(STA_PLL),
                                        NAME(STA_PPSFREQ),
                                        NAME(STA_PPSTIME),
                                        NAME(STA_FLL),
                                        NAME(STA_INS),
                                        NAME(STA_DEL),
                                        NAME(STA_UNSYNC),
                                        NAME(STA_FREQHOLD),
                                        NAME(STA_PPSSIGNAL),
                                        NAME(STA_PPSJITTER),
                                        NAME(STA_PPSWANDER),
                                        NAME(STA_PPSERROR),
                                        NAME(STA_CLOCKERR),
                                        NAME(STA_NANO),
                                        NAME(STA_MODE),
                                        NAME(STA_CLK),
                                        NAME_END};

    out_flags(d, names, status, "STA_???");
}

void print_timex(struct decoder *d, uint64_t value)
{
    struct __kernel_timex x;

    if (!fetch_out(d, value, &x, sizeof x))
        return;
    out_text(d, "{modes=");
    print_timex_modes(d, x.modes);
    out(d, ", offset=%lld, freq=%lld, maxerror=%lld, esterror=%lld, status=", x.offset, x.freq, x.maxerror, x.esterror);
    print_timex_status(d, (unsigned)x.status);
    out(d, ", constant=%lld, precision=%lld, tolerance=%lld, time={tv_sec=%lld, tv_usec=%llu}, tick=%lld", x.constant,
        x.precision, x.tolerance, x.time.tv_sec, (unsigned long long)x.time.tv_usec, x.tick);
    out(d, ", ppsfreq=%lld, jitter=%lld, shift=%d, stabil=%lld, jitcnt=%lld, calcnt=%lld", x.ppsfreq, x.jitter, x.shift,
        x.stabil, x.jitcnt, x.calcnt);
    out(d, ", errcnt=%lld, stbcnt=%lld, tai=%d}", x.errcnt, x.stbcnt, x.tai);
}

void print_result_timex(struct decoder *d)
{
    static const struct name names[] = {NAME(TIME_OK),   NAME(TIME_INS),   NAME(TIME_DEL), NAME(TIME_OOP),
                                        NAME(TIME_WAIT), NAME(TIME_ERROR), NAME_END};
    const char *name = name_find(names, (uint64_t)d->call->result);

    out_signed(d, d->call->result);
    if (name)
        out(d, " (%s)", name);
}
