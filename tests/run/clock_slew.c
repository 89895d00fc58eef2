/*
 * What adjtimex(2) makes of the clock: its figures, its rate, adjtime(3), the phase-locked loop, leap seconds.  Run as a
 * sandbox's program or as a Linux's process 1, as clock_step.c.  Clocks are compared with each other, never with the time
 * that something takes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "clock_settled.h"

#define show(what, value) printf("%s: %ld\n", (what), (long)(value))
#define NS_PER_S 1000000000LL
#define NS_PER_MS 1000000LL
#define PPM(n) ((long)(n) * 65536)

static int64_t ns_of(struct timespec ts)
{
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return ns_of(ts);
}

/* Past the vDSO. */
static int64_t called_ns(clockid_t clock)
{
    struct timespec ts;

    syscall(SYS_clock_gettime, clock, &ts);
    return ns_of(ts);
}

/* Two clocks at one moment, to some microseconds. */
struct moment {
    int64_t raw, other;
};

static struct moment look(clockid_t clock)
{
    struct moment best = {0, 0};
    int64_t least = INT64_MAX;

    for (int i = 0; i < 20 || least > 50000; i++) {
        int64_t before = now_ns(CLOCK_MONOTONIC_RAW), other = now_ns(clock), after = now_ns(CLOCK_MONOTONIC_RAW);

        if (after - before < least) {
            least = after - before;
            best = (struct moment){before + least / 2, other};
        }
    }
    return best;
}

/* How far `clock` runs ahead of the raw one, since `from`. */
static int64_t gain_since(struct moment from, clockid_t clock)
{
    struct moment to = look(clock);

    return (to.other - from.other) - (to.raw - from.raw);
}

static void wait_raw(int64_t ns)
{
    int64_t end = now_ns(CLOCK_MONOTONIC_RAW) + ns;

    while (now_ns(CLOCK_MONOTONIC_RAW) < end)
        usleep(1000);
}

static bool is_near(int64_t value, int64_t wanted, int64_t slack)
{
    return value >= wanted - slack && value <= wanted + slack;
}

static struct timex adjust(const char *what, struct timex x)
{
    errno = 0;
    int state = adjtimex(&x);

    printf("%s: %d errno %d: offset %ld freq %ld status %x constant %ld tick %ld tolerance %ld\n", what, state, state < 0 ? errno : 0,
           x.offset, x.freq, x.status, x.constant, x.tick, x.tolerance);
    return x;
}

/* The clock is said to be right: else STA_UNSYNC comes again with the next second. */
static void set_status(int status)
{
    adjtimex(&(struct timex){.modes = ADJ_STATUS | ADJ_MAXERROR, .status = status});
}

static void show_figures(void)
{
    set_status(STA_UNSYNC);
    adjust("500 ppm", (struct timex){.modes = ADJ_FREQUENCY, .freq = PPM(500)});
    adjust("beyond", (struct timex){.modes = ADJ_FREQUENCY, .freq = PPM(501)});
    adjust("far below", (struct timex){.modes = ADJ_FREQUENCY, .freq = LONG_MIN / 65536000});
    adjust("odd", (struct timex){.modes = ADJ_FREQUENCY, .freq = -1234567});
    adjust("too much to count", (struct timex){.modes = ADJ_FREQUENCY, .freq = LONG_MAX / 65536000 + 1});
    adjust("too little to count", (struct timex){.modes = ADJ_FREQUENCY, .freq = LONG_MIN / 65536000 - 1});
    adjust("tick and freq", (struct timex){.modes = ADJ_TICK | ADJ_FREQUENCY, .tick = 9000, .freq = 1});
    adjust("tick below", (struct timex){.modes = ADJ_TICK, .tick = 8999});
    adjust("tick at most", (struct timex){.modes = ADJ_TICK, .tick = 11000});
    adjust("tick above", (struct timex){.modes = ADJ_TICK, .tick = 11001});
    adjust("as it was", (struct timex){.modes = ADJ_TICK | ADJ_FREQUENCY, .tick = 10000});
    adjust("more bits", (struct timex){.modes = ADJ_STATUS, .status = 0x70ff0000 | STA_RONLY});
    adjust("none", (struct timex){.modes = ADJ_STATUS});
}

static void show_loop_figures(void)
{
    const int hold = STA_PLL | STA_FREQHOLD;

    adjust("no loop", (struct timex){.modes = ADJ_OFFSET, .offset = 1000});
    adjust("loop", (struct timex){.modes = ADJ_STATUS | ADJ_TIMECONST | ADJ_OFFSET, .status = hold, .constant = 2, .offset = 1000});
    adjust("us back", (struct timex){.modes = ADJ_OFFSET, .offset = -1000});
    adjust("us too far", (struct timex){.modes = ADJ_OFFSET, .offset = LONG_MIN});
    adjust("ns", (struct timex){.modes = ADJ_NANO | ADJ_OFFSET | ADJ_TIMECONST, .offset = 12345, .constant = 2});
    adjust("ns back", (struct timex){.modes = ADJ_OFFSET, .offset = -12345});
    adjust("ns too far", (struct timex){.modes = ADJ_OFFSET, .offset = LONG_MAX});
    adjust("one", (struct timex){.modes = ADJ_OFFSET, .offset = 1});
    adjust("constants", (struct timex){.modes = ADJ_TIMECONST, .constant = -5});
    adjust("large one", (struct timex){.modes = ADJ_TIMECONST, .constant = 11});
    adjust("of us", (struct timex){.modes = ADJ_MICRO | ADJ_TIMECONST, .constant = 3});
    adjust("none of it", (struct timex){.modes = ADJ_OFFSET});
    adjust("off again", (struct timex){.modes = ADJ_STATUS | ADJ_FREQUENCY});
    adjust("and again", (struct timex){.modes = ADJ_STATUS});
}

static void show_rate(const char *what, long tick, long freq, int64_t ppm)
{
    struct timex x = {.modes = ADJ_TICK | ADJ_FREQUENCY, .tick = tick, .freq = freq};

    adjtimex(&x);
    wait_raw(20 * NS_PER_MS); /* Linux's next tick makes it so */
    struct moment from = look(CLOCK_MONOTONIC), real = look(CLOCK_REALTIME);
    wait_raw(500 * NS_PER_MS);
    struct moment to = look(CLOCK_MONOTONIC);
    int64_t gain = gain_since(from, CLOCK_MONOTONIC) * 1000000 / (to.raw - from.raw);
    int64_t real_gain = gain_since(real, CLOCK_REALTIME) * 1000000 / (to.raw - from.raw);
    printf("%s: as told %d, real time too %d\n", what, is_near(gain, ppm, 300 + labs(ppm) / 20), is_near(real_gain, gain, 1000));
}

static void show_rates(void)
{
    show_rate("the machine's", 10000, 0, 0);
    show_rate("a tenth more", 11000, 0, 100000);
    show_rate("a tenth less", 9000, 0, -100000);
    show_rate("the machine's again", 10000, 0, 0);
    show_rate("500 ppm more", 10000, PPM(500), 500);
    show_rate("500 ppm less", 10000, PPM(-500), -500);
    show_rate("and both", 11000, PPM(500), 100500);
    show_rate("none", 10000, 0, 0);
}

static volatile bool changed_enough;

static void *rate_changer(void *argument)
{
    for (int i = 0; i < 400; i++) {
        struct timex x = {.modes = ADJ_TICK, .tick = i & 1 ? 11000 : 9000};

        adjtimex(&x);
        if (i % 8 == 0)
            usleep(1000);
    }
    changed_enough = true;
    return NULL;
}

static void show_no_way_back(void)
{
    static const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_MONOTONIC_RAW};
    enum { CLOCKS = sizeof clocks / sizeof *clocks };
    int64_t last[CLOCKS] = {0};
    long back = 0;
    pthread_t thread;

    pthread_create(&thread, NULL, rate_changer, NULL);
    while (!changed_enough) {
        for (int i = 0; i < CLOCKS; i++) {
            int64_t read = now_ns(clocks[i]), called = called_ns(clocks[i]), again = now_ns(clocks[i]);

            back += read < last[i] || called < read || again < called;
            last[i] = again;
        }
    }
    pthread_join(thread, NULL);
    show("back while rates changed", back);
    show_rate("again none", 10000, 0, 0);
}

static void *sleeper(void *argument)
{
    int64_t start = now_ns(CLOCK_MONOTONIC), *took = argument;

    usleep(400000);
    *took = now_ns(CLOCK_MONOTONIC) - start;
    return NULL;
}

static void show_timers(void)
{
    struct timex x = {.modes = ADJ_TICK, .tick = 9000};
    int64_t took = 0;
    pthread_t thread;

    adjtimex(&x);
    pthread_create(&thread, NULL, sleeper, &took);
    wait_raw(50 * NS_PER_MS);
    x.tick = 11000;
    adjtimex(&x);
    pthread_join(thread, NULL);
    show("a sleep while the rate grows is long enough", took >= 400 * NS_PER_MS);
    pthread_create(&thread, NULL, sleeper, &took);
    wait_raw(50 * NS_PER_MS);
    x.tick = 9000;
    adjtimex(&x);
    pthread_join(thread, NULL);
    show("and while it shrinks", took >= 400 * NS_PER_MS);
    x.tick = 10000;
    adjtimex(&x);
}

static long left_of_adjtime(void)
{
    struct timex x = {.modes = ADJ_OFFSET_SS_READ};

    adjtimex(&x);
    return x.offset;
}

static void show_adjtime(const char *what, long us)
{
    struct timeval delta = {us / 1000000, us % 1000000}, old;
    struct moment from = look(CLOCK_REALTIME);

    adjtime(&delta, &old);
    long left = left_of_adjtime();
    printf("%s: before %ld, then all or some: %d\n", what, (long)(old.tv_sec * 1000000 + old.tv_usec), labs(left) <= labs(us));
    while (left_of_adjtime())
        wait_raw(50 * NS_PER_MS);
    wait_raw(1100 * NS_PER_MS); /* the last part is spread over a second, too */
    show("gained", is_near(gain_since(from, CLOCK_REALTIME), us * 1000, 60000));
}

static void show_adjtimes(void)
{
    struct timeval delta = {1, 0}, stop = {0, 0}, old;
    struct timex x = {.modes = ADJ_OFFSET_SINGLESHOT | ADJ_STATUS, .offset = 0, .status = STA_UNSYNC};

    show_adjtime("forth", 900);
    show_adjtime("back", -600);
    adjtime(&delta, NULL);
    adjtime(&stop, &old);
    show("much was left", old.tv_sec * 1000000 + old.tv_usec >= 900000);
    show("nothing is", left_of_adjtime());
    adjtime(&delta, NULL);
    x.status = STA_UNSYNC;
    show("with other modes", adjtimex(&x) >= 0);
    printf("which do nothing: status %x\n", x.status);
}

/* The loop pays a part of the phase that is left in each second. */
static void show_loop(void)
{
    struct timex x = {.modes = ADJ_NANO | ADJ_STATUS | ADJ_TIMECONST | ADJ_OFFSET, .status = STA_PLL | STA_FREQHOLD, .offset = 4 * NS_PER_MS};
    struct moment from = look(CLOCK_REALTIME);

    adjtimex(&x);
    show("phase", x.offset);
    while (x.offset > 2 * NS_PER_MS) {
        wait_raw(50 * NS_PER_MS);
        x.modes = 0;
        adjtimex(&x);
    }
    wait_raw(1100 * NS_PER_MS);
    show("by quarters", x.offset == 1687499 || x.offset == 1687500 || x.offset < 1300000);
    int64_t gain = gain_since(from, CLOCK_REALTIME), left = x.offset;
    x.modes = 0;
    adjtimex(&x);
    show("gained what is no more left", gain >= 4 * NS_PER_MS - left - 60000 && gain <= 4 * NS_PER_MS - x.offset * 3 / 4 + 60000);
    adjust("set", (struct timex){.modes = ADJ_SETOFFSET});
}

static long tai_difference_s(void)
{
    return (now_ns(CLOCK_TAI) - now_ns(CLOCK_REALTIME) + NS_PER_S / 2) / NS_PER_S;
}

/* Linux's adjtimex(2) tells of a leap second that the clocks, and its state, take with the next tick only. */
static void wait_for_tick(int tai)
{
    for (int i = 0; i < 500 && tai_difference_s() != tai; i++)
        wait_raw(10 * NS_PER_MS);
    wait_raw(50 * NS_PER_MS);
}

/* To some seconds before midnight, so that a leap second comes. */
static void show_leap(const char *what, int status, long before_s)
{
    struct timespec ts = {1700006400 - before_s, 0};
    struct timex x = {.modes = ADJ_TAI, .constant = 37};

    set_status(0);
    adjtimex(&x);
    while (adjtimex(&(struct timex){0}) != TIME_OK)
        wait_raw(50 * NS_PER_MS);
    clock_settime(CLOCK_REALTIME, &ts);
    x = (struct timex){.modes = ADJ_STATUS | ADJ_MAXERROR, .status = status};
    printf("%s: %d\n", what, adjtimex(&x));
    struct moment real = look(CLOCK_REALTIME), tai = look(CLOCK_TAI);
    int state;
    do {
        wait_raw(10 * NS_PER_MS);
        x.modes = 0;
        state = adjtimex(&x);
    } while (state != TIME_WAIT && x.time.tv_sec < 1700006400 + 5);
    wait_for_tick(x.tai);
    printf("state %d status %x tai %d: real time %d, TAI %d\n", state, x.status, x.tai,
           is_near(gain_since(real, CLOCK_REALTIME), (37 - x.tai) * NS_PER_S, 60000), is_near(gain_since(tai, CLOCK_TAI), 0, 60000));
    show("difference", tai_difference_s());
    set_status(0);
    while ((state = adjtimex(&(struct timex){0})) == TIME_WAIT)
        wait_raw(50 * NS_PER_MS);
    show("afterwards", state);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    clock_wait_settled();
    puts("== begin");
    show_figures();
    show_loop_figures();
    show_rates();
    show_no_way_back();
    show_timers();
    show_adjtimes();
    show_loop();
    show_leap("insert", STA_INS, 4);
    show_leap("delete", STA_DEL, 5);
    puts("== end");
    sync();
    if (getpid() == 1)
        reboot(RB_POWER_OFF);
    return 0;
}
