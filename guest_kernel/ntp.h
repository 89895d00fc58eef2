/*
 * The discipline of the clock that an NTP daemon steers: what adjtimex(2) keeps and what each second makes of it (RFC 5905
 * appendix A.5.5.6 and RFC 1589 describe the loops, Linux's adjtimex the units).  Pure: no clock, no lock.
 * Amounts of time that take part in the loops are ns in 32.32 fixed point.
 */
#ifndef GUEST_KERNEL_NTP_H
#define GUEST_KERNEL_NTP_H

#include <linux/timex.h>

#include "lib/compiler.h"

#define ADJ_ADJTIME         0x8000 /* these two are flags inside ADJ_OFFSET_SINGLESHOT and ADJ_OFFSET_SS_READ */
#define ADJ_OFFSET_READONLY 0x2000

#define NTP_FREQUENCY_UNIT (1000LL << 16) /* of ADJ_FREQUENCY, 2^-16 ppm, in 32.32 ns a second */

struct ntp {
    int32_t status; /* STA_... */
    int32_t state;  /* TIME_OK, TIME_INS, ...: where a leap second stands */
    int64_t next_leap_s;
    int64_t tick_us;      /* ADJ_TICK: length of one of the 100 ticks of a second */
    int64_t frequency;    /* ADJ_FREQUENCY and the loops: gained in a second */
    int64_t phase;        /* what is left of ADJ_OFFSET, by 250 ticks a second: Linux keeps a tick's part and rounds to it */
    int64_t reference_s;  /* real time of the last ADJ_OFFSET */
    int64_t constant;     /* of the loops */
    int64_t adjust_us;    /* what is left of adjtime(3) */
    int64_t max_error_us, estimated_error_us;
};

#define NTP_ERROR_LIMIT_US 16000000LL /* who is that wrong may be anywhere */
#define NTP_NEVER          INT64_MAX  /* in next_leap_s */
#define NTP_AT_BOOT                                                                                                    \
    {                                                                                                                  \
        .status = STA_UNSYNC, .next_leap_s = NTP_NEVER, .tick_us = 10000, .constant = 2,                               \
        .max_error_us = NTP_ERROR_LIMIT_US, .estimated_error_us = NTP_ERROR_LIMIT_US                                   \
    }

/* The clock was set: nothing that was known of its error holds.  The frequency stays. */
void ntp_clear(struct ntp *n);

/* Does what x->modes says but steps; x is checked.  tai_s is read and written. */
void ntp_adjust(struct ntp *n, struct __kernel_timex *x, int64_t real_s, int32_t *tai_s);

/* Fills in all of x but the offset that ntp_adjust() has told; the result of the call. */
int ntp_report(const struct ntp *n, struct __kernel_timex *x, uint64_t real_ns, int32_t tai_s);

/*
 * Real time has come to `second`: what is to be gained in the seconds that follow beyond ntp_rate(); *leap becomes 1, -1
 * or 0, by which the clock is to be set now.
 */
int64_t ntp_second(struct ntp *n, int64_t second, int *leap);

/* So many seconds passed in which ntp_is_idle(). */
void ntp_age(struct ntp *n, uint64_t seconds);

bool ntp_is_idle(const struct ntp *n); /* a second brings nothing but greater errors */
int64_t ntp_rate(const struct ntp *n); /* gained in a second of the machine's, about 10^9 ns */

#endif
