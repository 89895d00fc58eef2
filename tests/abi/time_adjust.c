/*
 * adjtimex, clock_adjtime, settimeofday and clock_settime: what is read, and who is refused what.  The machine's clock
 * is not touched (tests/run/clock_step.c does that in a sandbox).
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

#include "abi_test.h"

static long adjust(unsigned modes)
{
    struct timex x = {.modes = modes};

    return syscall(SYS_adjtimex, &x);
}

static void show_reading(void)
{
    struct timex x = {.offset = 77, .freq = 77, .status = 77, .tai = 77};
    struct timeval tv;

    show("known state", adjust(0) >= TIME_OK && adjust(0) <= TIME_ERROR);
    show("the same by its clock", syscall(SYS_clock_adjtime, CLOCK_REALTIME, &x) == adjust(0));
    gettimeofday(&tv, NULL);
    show("precision", x.precision);
    show("tolerance", x.tolerance);
    show("tick", x.tick);
    show("pulses", x.ppsfreq + x.jitter + x.shift + x.stabil + x.jitcnt + x.calcnt + x.errcnt + x.stbcnt);
    show("time", tv.tv_sec - x.time.tv_sec <= 1);
    show("errors in range", x.maxerror >= 0 && x.maxerror <= 16000000 && x.esterror >= 0);
    show("read the old offset", adjust(ADJ_OFFSET_SS_READ) >= 0);
    show_call(syscall(SYS_adjtimex, 8));
    show_call(syscall(SYS_clock_adjtime, CLOCK_REALTIME, 8));
    show_call(syscall(SYS_clock_adjtime, 99, 8));
    show_call(syscall(SYS_clock_adjtime, 99, &x));
    show_call(syscall(SYS_clock_adjtime, CLOCK_MONOTONIC, &x));
    show_call(adjust(0x8000));
    x = (struct timex){.modes = ADJ_TICK, .tick = 1};
    show_call(syscall(SYS_adjtimex, &x));
    x = (struct timex){.modes = ADJ_FREQUENCY, .freq = 0x7fffffffffffffff / 65536000 + 1};
    show_call(syscall(SYS_adjtimex, &x));
    x.freq = -x.freq - 1;
    show_call(syscall(SYS_adjtimex, &x));
    x = (struct timex){.modes = ADJ_SETOFFSET, .time = {0, -1}};
    show_call(syscall(SYS_adjtimex, &x));
    x = (struct timex){.modes = ADJ_SETOFFSET, .time = {0, 1000000}};
    show_call(syscall(SYS_adjtimex, &x));
    x = (struct timex){.modes = ADJ_SETOFFSET | ADJ_NANO, .time = {0, 1000000000}};
    show_call(syscall(SYS_adjtimex, &x));
}

static void show_bad_times(void)
{
    struct timeval tv = {0, 1000000};
    struct timezone zone = {16 * 60, 0};
    struct timespec ts = {0, -1};

    show_call(syscall(SYS_settimeofday, &tv, NULL));
    tv = (struct timeval){-1, 0};
    show_call(syscall(SYS_settimeofday, &tv, NULL));
    tv = (struct timeval){0, 0}; /* long before this machine was switched on */
    show_call(syscall(SYS_settimeofday, &tv, NULL));
    tv.tv_sec = 0x7fffffffffffffff;
    show_call(syscall(SYS_settimeofday, &tv, NULL));
    show_call(syscall(SYS_settimeofday, NULL, &zone));
    zone.tz_minuteswest = -16 * 60;
    show_call(syscall(SYS_settimeofday, NULL, &zone));
    show_call(syscall(SYS_settimeofday, 8, NULL));
    show_call(syscall(SYS_settimeofday, NULL, 8));
    show_call(syscall(SYS_settimeofday, NULL, NULL));
    show_call(syscall(SYS_clock_settime, CLOCK_REALTIME, &ts));
    ts = (struct timespec){0, 0}; /* before this machine was switched on */
    show_call(syscall(SYS_clock_settime, CLOCK_REALTIME, &ts));
    show_call(syscall(SYS_clock_settime, CLOCK_REALTIME, 8));
    show_call(syscall(SYS_clock_settime, CLOCK_TAI, &ts));
    show_call(syscall(SYS_clock_settime, CLOCK_BOOTTIME, 8));
    show_call(syscall(SYS_clock_settime, 99, 8));
}

static void show_without_privilege(void)
{
    struct timeval tv = {2000000000, 0};
    struct timezone zone = {16 * 60, 0};
    struct timespec ts = {0, -1};

    if (setuid(1000))
        return;
    show("may read", adjust(0) >= 0);
    show("may read the old offset", adjust(ADJ_OFFSET_SS_READ) >= 0);
    show_call(adjust(ADJ_STATUS));
    show_call(adjust(ADJ_OFFSET_SINGLESHOT));
    show_call(adjust(ADJ_SETOFFSET));
    show_call(syscall(SYS_settimeofday, &tv, NULL));
    show_call(syscall(SYS_settimeofday, NULL, &zone));
    show_call(syscall(SYS_clock_settime, CLOCK_REALTIME, &ts));
    ts.tv_nsec = 1;
    show_call(syscall(SYS_clock_settime, CLOCK_REALTIME, &ts));
}

int main(void)
{
    show_reading();
    show_bad_times();
    show_child("without privilege", show_without_privilege);
    return 0;
}
