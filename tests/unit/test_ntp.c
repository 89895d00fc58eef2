/*
 * The discipline of the clock on the host: figures, the loops over simulated seconds, leap seconds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest_kernel/ntp.h"

#define ONE      (1LL << 32)
#define MIDNIGHT (19676LL * 86400)

static int32_t tai;

static void adjust(struct ntp *n, struct __kernel_timex x)
{
    ntp_adjust(n, &x, 1000, &tai);
}

/* ns gained over so many seconds beyond the rate. */
static int64_t gain(struct ntp *n, int seconds)
{
    int64_t sum = 0;
    int leap;

    for (int i = 0; i < seconds; i++)
        sum += ntp_second(n, 1000 + i, &leap);
    return sum / ONE;
}

static void rate_is_tick_and_frequency(void **state)
{
    struct ntp n = NTP_AT_BOOT;

    assert_int_equal(ntp_rate(&n), 1000000000 * ONE);
    adjust(&n, (struct __kernel_timex){.modes = ADJ_TICK | ADJ_FREQUENCY, .tick = 10001, .freq = 65536});
    assert_int_equal(ntp_rate(&n), (1000100000 + 1000) * ONE);
    assert_true(ntp_is_idle(&n));
    adjust(&n, (struct __kernel_timex){.modes = ADJ_FREQUENCY, .freq = INT64_MIN / NTP_FREQUENCY_UNIT});
    assert_int_equal(ntp_rate(&n), (1000100000 - 500000) * ONE);
}

static void adjtime_gains_all_of_it(void **state)
{
    struct ntp n = NTP_AT_BOOT;

    adjust(&n, (struct __kernel_timex){.modes = ADJ_OFFSET_SINGLESHOT, .offset = 1234});
    assert_false(ntp_is_idle(&n));
    assert_int_equal(gain(&n, 1), 500000);
    assert_int_equal(n.adjust_us, 734);
    assert_int_equal(gain(&n, 2), 734000);
    assert_true(ntp_is_idle(&n));
    adjust(&n, (struct __kernel_timex){.modes = ADJ_OFFSET_SINGLESHOT, .offset = INT64_MIN});
    assert_int_equal(gain(&n, 3), -1500000);
}

static void phase_is_paid_in_the_end(void **state)
{
    for (long constant = 0; constant <= 10; constant++) {
        struct ntp n = NTP_AT_BOOT;

        adjust(&n, (struct __kernel_timex){.modes = ADJ_STATUS | ADJ_NANO | ADJ_TIMECONST | ADJ_OFFSET,
                                           .status = STA_PLL | STA_FREQHOLD, .constant = constant, .offset = -500000000});
        int64_t first = gain(&n, 1);
        assert_int_equal(first, -500000000 / (4L << constant));
        int64_t all = first;
        for (int i = 0; i < 200000 && !ntp_is_idle(&n); i++)
            all += gain(&n, 1);
        assert_true(ntp_is_idle(&n));
        assert_in_range(-all, 500000000 - 200001, 500000000); /* each second cuts less than a ns off, and some is too little to pay */
    }
}

static void loops_learn_the_frequency(void **state)
{
    struct ntp n = NTP_AT_BOOT;
    struct __kernel_timex x = {.modes = ADJ_STATUS | ADJ_NANO | ADJ_TIMECONST, .status = STA_PLL, .constant = 0};

    ntp_adjust(&n, &x, 1000, &tai);
    x = (struct __kernel_timex){.modes = ADJ_OFFSET, .offset = 1000000};
    ntp_adjust(&n, &x, 1004, &tai); /* 1 ms in 4 s, by a gain of 2^-8 */
    assert_int_equal(n.frequency, 1000000 * ONE * 4 / 256);
    n.frequency = 0;
    ntp_adjust(&n, &x, 1004 + 3000, &tai); /* far apart: the other loop, too, a quarter of the offset a second */
    assert_true(n.status & STA_MODE);
    assert_int_equal(n.frequency, 1000000 * (ONE / 4) / 3000 + 1000000 * ONE * 8 / 256);
    ntp_adjust(&n, &x, 0, &tai); /* set back */
    ntp_adjust(&n, &x, INT64_MAX, &tai);
    assert_in_range(n.frequency / ONE + 500000, 0, 1000000);
}

static void errors_grow(void **state)
{
    struct ntp n = NTP_AT_BOOT;

    adjust(&n, (struct __kernel_timex){.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR, .maxerror = 100, .esterror = -1});
    ntp_age(&n, 10);
    assert_int_equal(n.max_error_us, 5100);
    assert_int_equal(n.estimated_error_us, 0);
    assert_int_equal(n.status, 0);
    ntp_age(&n, UINT64_MAX);
    assert_int_equal(n.max_error_us, NTP_ERROR_LIMIT_US);
    assert_int_equal(n.status, STA_UNSYNC);
}

/* The states of the seconds from `second` on; the clock goes back or forth as told. */
static void show_states(struct ntp *n, int64_t second, const char *expected)
{
    for (; *expected; expected += 2) {
        int leap;

        (void)ntp_second(n, second, &leap);
        assert_int_equal(n->state, expected[0] - '0');
        assert_int_equal(leap, expected[1] == '-' ? -1 : expected[1] == '+');
        second += 1 + leap;
    }
}

static void leap_seconds(void **state)
{
    struct ntp n = NTP_AT_BOOT;

    adjust(&n, (struct __kernel_timex){.modes = ADJ_STATUS, .status = STA_INS});
    assert_false(ntp_is_idle(&n));
    show_states(&n, MIDNIGHT - 2, "1 1 3-4 4 ");
    adjust(&n, (struct __kernel_timex){.modes = ADJ_STATUS});
    show_states(&n, MIDNIGHT + 2, "0 0 ");
    adjust(&n, (struct __kernel_timex){.modes = ADJ_STATUS, .status = STA_DEL});
    show_states(&n, MIDNIGHT - 3, "2 2 4+4 ");
    adjust(&n, (struct __kernel_timex){.modes = ADJ_STATUS});
    show_states(&n, MIDNIGHT + 1, "0 ");
    adjust(&n, (struct __kernel_timex){.modes = ADJ_STATUS, .status = STA_INS});
    show_states(&n, MIDNIGHT - 9, "1 ");
    adjust(&n, (struct __kernel_timex){.modes = ADJ_STATUS});
    show_states(&n, MIDNIGHT - 8, "0 0 ");
    assert_true(ntp_is_idle(&n));
}

static void a_reader_sees_a_leap_that_is_due(void **state)
{
    struct ntp n = NTP_AT_BOOT;
    struct __kernel_timex x = {.modes = 0};

    adjust(&n, (struct __kernel_timex){.modes = ADJ_STATUS | ADJ_MAXERROR, .status = STA_INS});
    show_states(&n, MIDNIGHT - 2, "1 ");
    assert_int_equal(ntp_report(&n, &x, (uint64_t)MIDNIGHT * 1000000000 - 1, 37), TIME_INS);
    assert_int_equal(ntp_report(&n, &x, (uint64_t)MIDNIGHT * 1000000000, 37), TIME_OOP);
    assert_int_equal(x.time.tv_sec, MIDNIGHT - 1);
    assert_int_equal(x.tai, 38);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate_is_tick_and_frequency), cmocka_unit_test(adjtime_gains_all_of_it),
        cmocka_unit_test(phase_is_paid_in_the_end),   cmocka_unit_test(loops_learn_the_frequency),
        cmocka_unit_test(errors_grow),                cmocka_unit_test(leap_seconds),
        cmocka_unit_test(a_reader_sees_a_leap_that_is_due),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
