/*
 * What setting the clock does to those who wait for a real time.  Run as a sandbox's program or as a Linux's process 1:
 * nothing else there minds (tests/run/clock_step.py).  Prints decisions only.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "clock_settled.h"

#define show(what, value) printf("%s: %ld\n", (what), (long)(value))
#define show_call(call)                                                                                                \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long result_ = (long)(call);                                                                                   \
        printf("%s: %ld errno %d\n", #call, result_, result_ == -1 ? errno : 0);                                       \
    } while (0)

static volatile int signals, overruns;

static int64_t now_s(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return ts.tv_sec;
}

/* By so much, from now. */
static void step(long seconds)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += seconds;
    show_call(clock_settime(CLOCK_REALTIME, &ts));
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    signals++;
    overruns += info->si_overrun;
}

static void show_timerfds(void)
{
    int plain = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK), cancels = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    int relative = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK), alarm = timerfd_create(CLOCK_REALTIME_ALARM, TFD_NONBLOCK);
    struct itimerspec in_100 = {{10, 0}, {now_s(CLOCK_REALTIME) + 100, 0}}, hundred = {{0, 0}, {100, 0}}, left;
    struct pollfd p = {cancels, POLLIN, 0};
    uint64_t n = 0;

    timerfd_settime(plain, TFD_TIMER_ABSTIME, &in_100, NULL);
    timerfd_settime(alarm, TFD_TIMER_ABSTIME, &in_100, NULL);
    timerfd_settime(relative, 0, &hundred, NULL);
    show_call(timerfd_settime(cancels, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &in_100, NULL));
    show_call(poll(&p, 1, 0));
    step(155);
    usleep(100000);
    show_call(read(plain, &n, 8));
    show("of it and five later", n);
    show_call(read(alarm, &n, 8));
    show("the same", n);
    show_call(read(relative, &n, 8));
    timerfd_gettime(relative, &left);
    show("not moved", left.it_value.tv_sec >= 90 && left.it_value.tv_sec <= 100);
    show_call(poll(&p, 1, 0));
    show_call(read(cancels, &n, 8));
    show_call(read(cancels, &n, 8));
    in_100.it_value.tv_sec = now_s(CLOCK_REALTIME) + 100;
    show_call(timerfd_settime(cancels, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &in_100, NULL));
    timerfd_settime(plain, TFD_TIMER_ABSTIME, &in_100, NULL);
    step(-100);
    show_call(timerfd_settime(cancels, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &in_100, NULL));
    show_call(read(cancels, &n, 8));
    timerfd_gettime(plain, &left);
    show("further away", left.it_value.tv_sec >= 190 && left.it_value.tv_sec <= 200);
    close(plain), close(cancels), close(relative), close(alarm);
}

static void show_timers(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec in_100 = {{10, 0}, {now_s(CLOCK_REALTIME) + 100, 0}}, left, off = {{0, 0}, {0, 0}};
    int absolute, relative;

    sigaction(SIGUSR1, &action, NULL);
    syscall(SYS_timer_create, CLOCK_REALTIME, &event, &absolute);
    syscall(SYS_timer_create, CLOCK_REALTIME, &event, &relative);
    syscall(SYS_timer_settime, absolute, TIMER_ABSTIME, &in_100, NULL);
    in_100.it_value.tv_sec = 100;
    syscall(SYS_timer_settime, relative, 0, &in_100, NULL);
    step(155);
    for (int i = 0; i < 50 && !signals; i++)
        usleep(10000);
    show("one signal", signals);
    show("five more", overruns);
    syscall(SYS_timer_gettime, relative, &left);
    show("not moved", left.it_value.tv_sec >= 90 && left.it_value.tv_sec <= 100);
    syscall(SYS_timer_gettime, absolute, &left);
    show("the next", left.it_value.tv_sec <= 5);
    step(-100);
    syscall(SYS_timer_gettime, absolute, &left);
    show("further away", left.it_value.tv_sec >= 95 && left.it_value.tv_sec <= 105);
    syscall(SYS_timer_settime, absolute, 0, &off, NULL);
}

static void *stepper(void *argument)
{
    usleep(200000);
    step((long)argument);
    return NULL;
}

static void show_sleep(void)
{
    struct timespec ts = {now_s(CLOCK_REALTIME) + 100, 0};
    int64_t start = now_s(CLOCK_MONOTONIC);
    pthread_t thread;

    pthread_create(&thread, NULL, stepper, (void *)200L);
    int result = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL);
    bool soon = now_s(CLOCK_MONOTONIC) - start < 20;
    pthread_join(thread, NULL); /* it prints, too */
    printf("clock_nanosleep: %d, soon: %d\n", result, soon);
    pthread_create(&thread, NULL, stepper, (void *)-2L);
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += 1;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    result = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL);
    clock_gettime(CLOCK_MONOTONIC, &to);
    pthread_join(thread, NULL);
    show("clock_nanosleep", result);
    show("longer", (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 >= 2900);
}

/* Who waits at a futex for a real time: woken by the clock that jumps past it. */
static void show_futex(const char *what, int operation, uint32_t *word)
{
    struct timespec ts = {now_s(CLOCK_REALTIME) + 100, 0};
    int64_t start = now_s(CLOCK_MONOTONIC);
    pthread_t thread;
    uint32_t other = 0;

    pthread_create(&thread, NULL, stepper, (void *)200L);
    errno = 0;
    long result = syscall(SYS_futex, word, operation, *word, &ts, &other, FUTEX_BITSET_MATCH_ANY);
    int error = errno;
    bool soon = now_s(CLOCK_MONOTONIC) - start < 20;
    pthread_join(thread, NULL); /* it prints, too */
    printf("%s: %ld errno %d, soon: %d\n", what, result, error, soon);
}

static void *pi_owner(void *argument)
{
    syscall(SYS_futex, argument, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
    pause();
    return NULL;
}

static void show_futexes(void)
{
    static uint32_t word, lock;
    struct futex_waitv wait = {.uaddr = (uintptr_t)&word, .flags = FUTEX_32};
    struct timespec ts, from, to;
    pthread_t thread;

    show_futex("FUTEX_WAIT_BITSET", FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, &word);
    show_futex("FUTEX_WAIT_REQUEUE_PI", FUTEX_WAIT_REQUEUE_PI | FUTEX_CLOCK_REALTIME, &word);
    pthread_create(&thread, NULL, pi_owner, &lock);
    while (!__atomic_load_n(&lock, __ATOMIC_ACQUIRE))
        usleep(1000);
    show_futex("FUTEX_LOCK_PI", FUTEX_LOCK_PI, &lock);
    clock_gettime(CLOCK_REALTIME, &ts);
    ts.tv_sec += 1;
    clock_gettime(CLOCK_MONOTONIC, &from);
    pthread_create(&thread, NULL, stepper, (void *)-2L);
    errno = 0;
    long result = syscall(SYS_futex_waitv, &wait, 1, 0, &ts, CLOCK_REALTIME);
    int error = errno;
    clock_gettime(CLOCK_MONOTONIC, &to);
    pthread_join(thread, NULL);
    printf("futex_waitv: %ld errno %d\n", result, error);
    show("longer", (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 >= 2900);
    pthread_join(thread, NULL);
}

static void show_adjustments(void)
{
    struct timex x = {.modes = ADJ_SETOFFSET | ADJ_NANO, .time = {-30, 500000000}};
    int64_t before = now_s(CLOCK_REALTIME);

    show("set", adjtimex(&x) >= 0);
    show("back", before - now_s(CLOCK_REALTIME) >= 28 && before - now_s(CLOCK_REALTIME) <= 30);
    x = (struct timex){.modes = ADJ_TAI, .constant = 37};
    show("tai", adjtimex(&x) >= 0);
    show("its offset", x.tai);
    show("its clock", now_s(CLOCK_TAI) - now_s(CLOCK_REALTIME));
    x = (struct timex){.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR | ADJ_TIMECONST | ADJ_MICRO, .status = STA_PLL | STA_CLOCKERR,
                       .maxerror = 100, .esterror = 99999999, .constant = 3};
    show_call(adjtimex(&x));
    printf("status %x maxerror %ld esterror %ld constant %ld\n", x.status, x.maxerror, x.esterror, x.constant);
    x = (struct timex){.modes = ADJ_STATUS | ADJ_NANO | ADJ_TIMECONST, .constant = 30};
    show_call(adjtimex(&x));
    printf("status %x constant %ld\n", x.status, x.constant);
    x = (struct timex){.modes = ADJ_SETOFFSET, .time = {-4000000000L, 0}};
    show_call(adjtimex(&x));
    x = (struct timex){.modes = ADJ_STATUS, .status = STA_UNSYNC};
    show_call(adjtimex(&x));
}

static void show_zone(void)
{
    struct timezone zone = {120, 1}, seen = {0, 0};
    int64_t before = now_s(CLOCK_REALTIME);
    struct timeval tv;

    show_call(syscall(SYS_settimeofday, NULL, &zone));
    show("the first warps", now_s(CLOCK_REALTIME) - before >= 7200 && now_s(CLOCK_REALTIME) - before <= 7202);
    show_call(syscall(SYS_gettimeofday, &tv, &seen));
    printf("zone %d %d\n", seen.tz_minuteswest, seen.tz_dsttime);
    seen = (struct timezone){0, 0};
    gettimeofday(&tv, &seen);
    printf("zone %d %d\n", seen.tz_minuteswest, seen.tz_dsttime);
    before = now_s(CLOCK_REALTIME);
    zone = (struct timezone){-60, 0};
    show_call(syscall(SYS_settimeofday, NULL, &zone));
    show("no other", now_s(CLOCK_REALTIME) - before <= 2);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    clock_wait_settled();
    puts("== begin");
    show_timerfds();
    show_timers();
    show_sleep();
    show_futexes();
    show_adjustments();
    show_zone();
    puts("== end");
    sync();
    if (getpid() == 1)
        reboot(RB_POWER_OFF);
    return 0;
}
