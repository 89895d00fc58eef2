/*
 * Clocks, sleeping, interval timers.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>

#include "abi_test.h"

static volatile int alarms;

static void on_alarm(int signal)
{
    (void)signal;
    alarms++;
}

static long now_ms(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void show_clocks(void)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME,       CLOCK_MONOTONIC,        CLOCK_PROCESS_CPUTIME_ID,
                                       CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                                       CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,       CLOCK_TAI};
    struct timespec ts;

    for (unsigned i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        show_call(clock_gettime(clocks[i], &ts));
        show("nanoseconds in range", ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000);
        show_call(clock_getres(clocks[i], NULL));
    }
    show_call(syscall(SYS_clock_gettime, 55, &ts));
    show_call(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8));
    show_call(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &ts));
    show("the year is after 2020", now_ms(CLOCK_REALTIME) / 1000 > 1577836800);
    struct timeval tv;
    show_call(gettimeofday(&tv, NULL));
    show("time and gettimeofday agree", labs((long)time(NULL) - tv.tv_sec) <= 1);
    show("realtime and gettimeofday agree", labs(now_ms(CLOCK_REALTIME) / 1000 - tv.tv_sec) <= 1);
}

static void show_sleeping(void)
{
    struct timespec ts = {0, 50000000}, bad = {0, 1000000000}, negative = {-1, 0};
    long start = now_ms(CLOCK_MONOTONIC);

    show_call(nanosleep(&ts, NULL));
    long took = now_ms(CLOCK_MONOTONIC) - start;
    show("slept at least 49 ms", took >= 49);
    show("and not forever", took < 5000);
    show_call(nanosleep(&bad, NULL));
    show_call(nanosleep(&negative, NULL));
    show_call(syscall(SYS_nanosleep, 8, NULL));
    show_call(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, 0, &ts, NULL));
    show_call(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL));
    show_call(syscall(SYS_clock_nanosleep, 77, 0, &ts, NULL));
    show_call(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL));
    start = now_ms(CLOCK_REALTIME);
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec++;
    show_call(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL));
    show("slept until then", now_ms(CLOCK_REALTIME) - start >= 999);
}

static void show_timers(void)
{
    struct itimerval timer = {{0, 10000}, {0, 10000}}, old;

    signal(SIGALRM, on_alarm);
    show_call(setitimer(ITIMER_REAL, &timer, NULL));
    while (alarms < 5)
        pause();
    show("periodic", alarms >= 5);
    show_call(getitimer(ITIMER_REAL, &old));
    show("interval", old.it_interval.tv_usec);
    show("running", old.it_value.tv_usec > 0);
    timer = (struct itimerval){{0, 0}, {0, 0}};
    show_call(setitimer(ITIMER_REAL, &timer, &old));
    show("interval", old.it_interval.tv_usec);
    show_call(getitimer(ITIMER_REAL, &old));
    show("stopped", old.it_value.tv_usec == 0 && old.it_value.tv_sec == 0);
    show_call(alarm(100));
    show_call(alarm(0));
    show_call(alarm(0));
    timer.it_value.tv_usec = 1000000;
    show_call(setitimer(ITIMER_REAL, &timer, NULL));
    show_call(setitimer(9, &timer, NULL));
    show_call(syscall(SYS_getitimer, ITIMER_REAL, 8));
    alarms = 0;
    timer.it_value.tv_usec = 20000;
    show_call(setitimer(ITIMER_REAL, &timer, NULL));
    int status;
    pid_t child = fork_clean();
    if (!child) {
        getitimer(ITIMER_REAL, &old);
        child_exit(old.it_value.tv_usec != 0);
    }
    while (waitpid(child, &status, 0) < 0)
        ;
    show_status("a child inherits no timer", status);
    while (!alarms)
        usleep(1000);
    show("once", alarms);
}

static void show_usage(void)
{
    struct rusage usage;
    struct tms tms;
    long start = now_ms(CLOCK_PROCESS_CPUTIME_ID);

    while (now_ms(CLOCK_PROCESS_CPUTIME_ID) - start < 30)
        ;
    show_call(getrusage(RUSAGE_SELF, &usage));
    show("used some time", usage.ru_utime.tv_usec + usage.ru_stime.tv_usec > 20000 || usage.ru_utime.tv_sec > 0);
    show_call(getrusage(RUSAGE_CHILDREN, &usage));
    show_call(getrusage(55, &usage));
    show("times", times(&tms) != -1);
    show("has memory", usage.ru_maxrss >= 0);
}

int main(void)
{
    show_clocks();
    show_sleeping();
    show_timers();
    show_usage();
    return 0;
}
