/*
 * Timers on CPU time: interval timers, POSIX timers on the clocks of processes and threads, sleeping on them, and the
 * limits RLIMIT_CPU and RLIMIT_RTTIME.  Linux looks at its ticks: what expires comes up to some milliseconds late.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "abi_test.h"

static volatile int count, code, overruns, value;

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)context;
    count++;
    code = info->si_code;
    overruns += info->si_overrun;
    value = info->si_value.sival_int;
    (void)signal;
}

static void handle(int signal)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

    sigaction(signal, &action, NULL);
    count = overruns = 0;
}

static int64_t clock_us(clockid_t clock)
{
    struct timespec ts = {0, 0};

    syscall(SYS_clock_gettime, clock, &ts);
    return ts.tv_sec * 1000000LL + ts.tv_nsec / 1000;
}

static void burn_us(int64_t us)
{
    int64_t start = clock_us(CLOCK_THREAD_CPUTIME_ID);

    while (clock_us(CLOCK_THREAD_CPUTIME_ID) - start < us)
        for (volatile int i = 0; i < 1000; i++)
            ;
}

/* Until `count` is there, in user mode; no endless loop where nothing comes. */
static void burn_until(int wanted)
{
    int64_t start = clock_us(CLOCK_THREAD_CPUTIME_ID);

    while (count < wanted && clock_us(CLOCK_THREAD_CPUTIME_ID) - start < 5000000)
        for (volatile int i = 0; i < 100000; i++)
            ;
}

static void show_itimer(int which, int signal)
{
    struct itimerval s = {{0, 20000}, {0, 30000}}, old;
    int64_t start = clock_us(CLOCK_PROCESS_CPUTIME_ID);

    handle(signal);
    show_call(setitimer(which, &s, &old));
    show("it was off", old.it_value.tv_usec == 0 && old.it_value.tv_sec == 0);
    burn_until(1);
    int64_t took = clock_us(CLOCK_PROCESS_CPUTIME_ID) - start;
    show("not early", took >= 25000);
    show("not late", took < 500000);
    show("code", code);
    burn_until(3);
    show("again", count >= 3);
    show_call(getitimer(which, &old));
    show("interval", old.it_interval.tv_usec);
    show("runs", old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 40000);
    s = (struct itimerval){{0, 0}, {0, 0}};
    show_call(setitimer(which, &s, &old));
    show_call(getitimer(which, &old));
    show("off", old.it_value.tv_usec == 0 && old.it_interval.tv_usec == 0);
    count = 0;
    burn_us(60000);
    show("nothing more", count);
}

static void show_sleeping_does_not_count(void)
{
    struct itimerval s = {{0, 0}, {0, 30000}};

    handle(SIGPROF);
    setitimer(ITIMER_PROF, &s, NULL);
    usleep(100000);
    show("asleep", count);
    burn_until(1);
    show("awake", count);
    int status;
    setitimer(ITIMER_PROF, &s, NULL);
    pid_t child = fork_clean();
    if (!child) {
        getitimer(ITIMER_PROF, &s);
        child_exit(s.it_value.tv_usec != 0);
    }
    while (waitpid(child, &status, 0) < 0)
        ;
    show_status("a child has none", status);
    s.it_value.tv_usec = 0;
    setitimer(ITIMER_PROF, &s, NULL);
}

static int create(clockid_t clock, int signal, int tid)
{
    struct sigevent event = {.sigev_notify = tid      ? SIGEV_THREAD_ID
                                             : signal ? SIGEV_SIGNAL
                                                      : SIGEV_NONE,
                             .sigev_signo = signal ? signal : SIGUSR1};
    int id = -1;

    event.sigev_value.sival_int = 7;
    ((int *)&event)[4] = tid;
    return syscall(SYS_timer_create, clock, &event, &id) ? -1 : id;
}

static long set(int id, int flags, int64_t value_us, int64_t interval_us)
{
    struct itimerspec s = {.it_value = {value_us / 1000000, value_us % 1000000 * 1000},
                           .it_interval = {interval_us / 1000000, interval_us % 1000000 * 1000}};

    return syscall(SYS_timer_settime, id, flags, &s, NULL);
}

static void show_posix_timer(clockid_t clock)
{
    struct itimerspec now;
    int64_t start = clock_us(clock);
    int id = create(clock, SIGUSR1, 0);

    handle(SIGUSR1);
    show_call(set(id, 0, 30000, 0));
    show_call(syscall(SYS_timer_gettime, id, &now));
    show("runs", now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 30000000);
    burn_until(1);
    int64_t took = clock_us(clock) - start;
    show("not early", took >= 30000);
    show("not late", took < 500000);
    show("code", code);
    show("value", value);
    show_call(syscall(SYS_timer_gettime, id, &now));
    show("off", now.it_value.tv_nsec == 0 && now.it_value.tv_sec == 0);
    show_call(set(id, TIMER_ABSTIME, 1, 0));
    burn_until(2);
    show("long past", count);
    count = overruns = 0;
    show_call(set(id, 0, 10000, 1000));
    burn_until(3);
    show("overruns", overruns > 0);
    show_call(syscall(SYS_timer_gettime, id, &now));
    show("interval", now.it_interval.tv_nsec);
    show_call(syscall(SYS_timer_delete, id));
}

static void show_silent_timer(void)
{
    struct itimerspec now;
    int id = create(CLOCK_PROCESS_CPUTIME_ID, 0, 0);

    show_call(set(id, 0, 20000, 0));
    burn_us(40000);
    show_call(syscall(SYS_timer_gettime, id, &now));
    show("over", now.it_value.tv_nsec <= 1 && now.it_value.tv_sec == 0);
    show_call(syscall(SYS_timer_delete, id));
}

static int other_tid;
static volatile bool stop;

static void *other(void *argument)
{
    (void)argument;
    __atomic_store_n(&other_tid, (int)syscall(SYS_gettid), __ATOMIC_RELEASE);
    while (!stop)
        burn_us(1000);
    return NULL;
}

static clockid_t clock_of(int id, int bits)
{
    return (clockid_t)((~(unsigned)id << 3) | bits);
}

static void show_threads(void)
{
    pthread_t thread;
    struct itimerspec now;
    struct timespec ts = {0, 30000000};
    int64_t start;

    stop = false;
    other_tid = 0;
    handle(SIGUSR1);
    pthread_create(&thread, NULL, other, NULL);
    while (!__atomic_load_n(&other_tid, __ATOMIC_ACQUIRE))
        sched_yield();
    clockid_t clock = clock_of(other_tid, 6);
    int id = create(clock, SIGUSR1, other_tid);
    show("on another thread's clock", id >= 0);
    start = clock_us(clock);
    show_call(set(id, 0, 30000, 0));
    while (!count)
        usleep(1000);
    show("it came", clock_us(clock) - start >= 30000);
    show_call(syscall(SYS_clock_nanosleep, clock, 0, &ts, NULL));
    show_call(syscall(SYS_clock_nanosleep, clock, TIMER_ABSTIME, &ts, NULL));
    start = clock_us(CLOCK_PROCESS_CPUTIME_ID);
    show_call(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &ts, NULL));
    show("slept", clock_us(CLOCK_PROCESS_CPUTIME_ID) - start >= 30000);
    show_call(set(id, 0, 60000000, 0));
    stop = true;
    pthread_join(thread, NULL);
    while (syscall(SYS_clock_gettime, clock, &ts) == 0) /* joined, but not quite gone */
        usleep(1000);
    show_call(syscall(SYS_timer_gettime, id, &now));
    show("gone", now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
    show_call(set(id, 0, 1000, 0));
    show_call(syscall(SYS_timer_delete, id));
}

static void show_other_process(void)
{
    struct itimerspec now;
    struct timespec ts = {0, 20000000};
    int status;
    pid_t child = fork_clean();

    if (!child)
        for (;;)
            burn_us(1000);
    handle(SIGUSR1);
    clockid_t clock = clock_of(child, 2);
    show_call(syscall(SYS_clock_gettime, clock, &now));
    show_call(syscall(SYS_clock_getres, clock, &ts));
    show("resolution", ts.tv_nsec);
    show_call(syscall(SYS_clock_settime, clock, &ts));
    int id = create(clock, SIGUSR1, 0);
    show("on another process's clock", id >= 0);
    show_call(set(id, 0, 20000, 10000));
    while (count < 2)
        usleep(1000);
    show_call(set(id, 0, 0, 0));
    ts = (struct timespec){0, 20000000};
    show_call(syscall(SYS_clock_nanosleep, clock, 0, &ts, NULL));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    show_call(syscall(SYS_clock_gettime, clock, &now));
    show_call(syscall(SYS_timer_gettime, id, &now));
    show("gone", now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
    show_call(set(id, 0, 1000, 0));
    show_call(syscall(SYS_timer_delete, id));
}

static void on_alarm(int signal)
{
    (void)signal;
}

static void show_interrupted_sleep(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct timespec ts = {10, 0}, rest = {0, 0};

    sigaction(SIGALRM, &action, NULL);
    ualarm(50000, 0);
    show_call(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, &ts, &rest));
    show("rest", rest.tv_sec >= 9 && rest.tv_sec <= 10);
    ts.tv_sec = 1000;
    rest.tv_sec = 77;
    ualarm(50000, 0);
    show_call(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, TIMER_ABSTIME, &ts, &rest));
    show("untouched", rest.tv_sec);
}

static void show_refusals(void)
{
    struct timespec ts = {0, 0};
    int id, tid = (int)syscall(SYS_gettid), parent = getppid();

    show_call(create(clock_of(0, 3), SIGUSR1, 0));
    show_call(create(clock_of(0, 7), SIGUSR1, 0));
    show_call(create(clock_of(999999, 2), SIGUSR1, 0));
    show_call(create(clock_of(parent, 6), SIGUSR1, 0));
    show("own thread", create(clock_of(tid, 6), SIGUSR1, 0) >= 0);
    show("own process", create(clock_of(tid, 2), SIGUSR1, 0) >= 0);
    show("parent", create(clock_of(parent, 2), SIGUSR1, 0) >= 0);
    show_call(syscall(SYS_clock_nanosleep, clock_of(tid, 6), 0, &ts, NULL));
    show_call(syscall(SYS_clock_nanosleep, clock_of(0, 6), 0, &ts, NULL));
    show_call(syscall(SYS_clock_nanosleep, clock_of(0, 7), 0, &ts, NULL));
    show_call(syscall(SYS_clock_nanosleep, clock_of(999999, 2), 0, &ts, NULL));
    show_call(syscall(SYS_clock_nanosleep, CLOCK_PROCESS_CPUTIME_ID, 0, 8, NULL));
    show_call(syscall(SYS_clock_settime, clock_of(0, 2), &ts));
    show_call(syscall(SYS_clock_settime, clock_of(0, 3), &ts));
    show_call(syscall(SYS_clock_settime, CLOCK_PROCESS_CPUTIME_ID, &ts));
    show_call(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, NULL, &id));
    show_call(syscall(SYS_timer_create, CLOCK_REALTIME_COARSE, NULL, &id));
    show_call(syscall(SYS_timer_create, 10, NULL, &id));
    show_call(getitimer(3, NULL));
    show_call(syscall(SYS_getitimer, ITIMER_PROF, 8));
    show_call(syscall(SYS_setitimer, ITIMER_VIRTUAL, 8, NULL));
}

static void limit(int resource, unsigned long soft, unsigned long hard)
{
    struct rlimit r = {soft, hard};

    show_call(setrlimit(resource, &r));
}

static void die_of_soft_limit(void)
{
    limit(RLIMIT_CPU, 1, RLIM_INFINITY);
    burn_us(4000000);
}

static void die_of_hard_limit(void)
{
    struct rlimit r;

    handle(SIGXCPU);
    limit(RLIMIT_CPU, 1, 2);
    burn_until(1);
    show("warned", count);
    show("code", code);
    getrlimit(RLIMIT_CPU, &r);
    show("soft limit now", (long)r.rlim_cur);
    fflush(stdout);
    burn_us(4000000);
}

static void die_of_real_time(void)
{
    struct sched_param p = {.sched_priority = 1};

    handle(SIGXCPU);
    show_call(sched_setscheduler(0, SCHED_FIFO, &p));
    limit(RLIMIT_RTTIME, 50000, 1200000);
    for (int i = 0; i < 20; i++) { /* sleeping begins anew */
        burn_us(5000);
        usleep(1000);
    }
    show("with pauses", count);
    burn_until(1);
    show("without", count);
    fflush(stdout);
    burn_us(3000000);
}

int main(void)
{
    show_itimer(ITIMER_VIRTUAL, SIGVTALRM);
    show_itimer(ITIMER_PROF, SIGPROF);
    show_sleeping_does_not_count();
    show_posix_timer(CLOCK_PROCESS_CPUTIME_ID);
    show_posix_timer(CLOCK_THREAD_CPUTIME_ID);
    show_silent_timer();
    show_threads();
    show_other_process();
    show_interrupted_sleep();
    show_refusals();
    show_child("soft limit", die_of_soft_limit);
    show_child("hard limit", die_of_hard_limit);
    show_child("real time", die_of_real_time);
    return 0;
}
