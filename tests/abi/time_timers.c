/*
 * POSIX timers: creation, expiry, overruns, what is refused.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "abi_test.h"

static volatile int count, code, value, overruns;
static volatile int last = -1, last_id; /* at that count the handler stops the timer, ALARM: the interval timer */

#define ALARM (-1)

static void on_timer(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    count++;
    code = info->si_code;
    value = info->si_value.sival_int;
    overruns += info->si_overrun;
    if (count != last)
        return;
    struct itimerspec off = {{0, 0}, {0, 0}};
    struct itimerval alarm_off = {{0, 0}, {0, 0}};
    if (last_id == ALARM)
        setitimer(ITIMER_REAL, &alarm_off, NULL);
    else
        syscall(SYS_timer_settime, last_id, 0, &off, NULL);
}

/* The bare calls: the C library's timers have numbers of its own. */
static int create(clockid_t clock, struct sigevent *event)
{
    int id = -1;

    return syscall(SYS_timer_create, clock, event, &id) ? -1 : id;
}

static int set(int id, int flags, long value_us, long interval_us)
{
    struct itimerspec s = {.it_value = {value_us / 1000000, value_us % 1000000 * 1000},
                           .it_interval = {interval_us / 1000000, interval_us % 1000000 * 1000}};

    return (int)syscall(SYS_timer_settime, id, flags, &s, NULL);
}

static void show_expiry(void)
{
    struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec now;

    event.sigev_value.sival_int = 42;
    sigaction(SIGUSR1, &action, NULL);
    int id = create(CLOCK_MONOTONIC, &event);
    show("first id", id);
    show_call(set(id, 0, 20000, 0));
    while (!count)
        pause();
    show("expired", count);
    show("code", code);
    show("value", value);
    show_call(syscall(SYS_timer_gettime, id, &now));
    show("off again", now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
    show_call(set(id, 0, 5000, 5000));
    while (count < 6)
        pause();
    show_call(syscall(SYS_timer_gettime, id, &now));
    show("interval", now.it_interval.tv_nsec);
    show_call(set(id, 0, 0, 0));
    show_call(syscall(SYS_timer_delete, id));
    show_call(syscall(SYS_timer_delete, id));
}

static void show_overruns(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    sigset_t mask;
    int id = create(CLOCK_MONOTONIC, &event);

    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    count = overruns = 0;
    show_call(set(id, 0, 1000, 1000));
    usleep(50000);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    show("many at once", count <= 3 && overruns >= 20);
    show("counted", syscall(SYS_timer_getoverrun, id) >= 0);
    show_call(syscall(SYS_timer_delete, id));
}

static void show_refusals(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99};
    struct itimerspec bad = {.it_value = {0, -1}};
    int id;

    show_call(create(99, NULL));
    show_call(create(CLOCK_REALTIME, &event));
    event.sigev_notify = 77;
    show_call(create(CLOCK_REALTIME, &event));
    show_call(syscall(SYS_timer_create, CLOCK_REALTIME, 8, &id));
    show_call(syscall(SYS_timer_create, CLOCK_REALTIME, NULL, 8));
    show_call(set(55, 0, 1, 1));
    show_call(syscall(SYS_timer_gettime, 55, &bad));
    show_call(syscall(SYS_timer_getoverrun, 55));
    event.sigev_notify = SIGEV_NONE;
    id = create(CLOCK_REALTIME, &event);
    show("silent timer", id >= 0);
    show_call(syscall(SYS_timer_settime, id, 0, &bad, NULL));
    show_call(syscall(SYS_timer_settime, id, 0, NULL, NULL));
    show_call(set(id, TIMER_ABSTIME, 1000, 0));
}

static void show_inheritance(void)
{
    struct itimerspec now;
    int status, id = create(CLOCK_MONOTONIC, NULL);
    pid_t child = fork_clean();

    if (!child)
        child_exit(syscall(SYS_timer_gettime, id, &now) == -1);
    waitpid(child, &status, 0);
    show_status("a child inherits none", status);
}

/*
 * The shortest interval may leave this program no time between its handler's runs, but it does the rest of the machine:
 * the next period begins when the signal is taken.
 */
static void show_shortest_interval(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec s = {.it_value = {0, 1}, .it_interval = {0, 1}}, now;
    int id = create(CLOCK_MONOTONIC, &event);

    count = overruns = 0;
    last_id = id;
    last = 1000;
    show_call(syscall(SYS_timer_settime, id, 0, &s, NULL));
    while (count < 1000)
        usleep(1000);
    show("overruns", overruns > 1000);
    show_call(syscall(SYS_timer_delete, id));
    signal(SIGUSR2, SIG_IGN);
    event.sigev_signo = SIGUSR2;
    id = create(CLOCK_MONOTONIC, &event);
    s.it_value.tv_nsec = 1;
    show_call(syscall(SYS_timer_settime, id, 0, &s, NULL));
    usleep(50000);
    show_call(syscall(SYS_timer_gettime, id, &now));
    show("runs, ignored", now.it_value.tv_nsec > 0 || now.it_value.tv_sec > 0);
    show_call(syscall(SYS_timer_delete, id));
}

/* A SIGALRM that is ignored is not taken: the interval timer does not go on. */
static void show_alarm(void)
{
    struct itimerval s = {{0, 1}, {0, 1}}, now;
    struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO};

    sigaction(SIGALRM, &action, NULL);
    count = 0;
    last_id = ALARM;
    show_call(setitimer(ITIMER_REAL, &s, NULL));
    while (count < 1000)
        usleep(1000);
    signal(SIGALRM, SIG_IGN);
    s.it_value.tv_usec = s.it_interval.tv_usec = 1000;
    show_call(setitimer(ITIMER_REAL, &s, NULL));
    usleep(20000);
    show_call(getitimer(ITIMER_REAL, &now));
    show("stopped", now.it_value.tv_usec == 0);
    show("interval", now.it_interval.tv_usec);
    sigaction(SIGALRM, &action, NULL);
    count = 0;
    last = 5;
    kill(getpid(), SIGALRM); /* taking this one starts it again */
    while (count < 5)
        usleep(1000);
    show("went on", count >= 5); /* one may have been on its way when the handler stopped it */
    last = -1;
}

/* Each timer holds the memory of its signal, which counts from its creation on. */
static void run_into_limit(void)
{
    struct rlimit r = {0, 0};
    struct itimerspec s = {.it_value = {0, 1000000}};

    int id = create(CLOCK_MONOTONIC, NULL);
    sigset_t mask;
    setrlimit(RLIMIT_SIGPENDING, &r);
    show_call(create(CLOCK_MONOTONIC, NULL));
    sigemptyset(&mask);
    sigaddset(&mask, SIGALRM);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    show_call(syscall(SYS_timer_settime, id, 0, &s, NULL));
    siginfo_t info;
    show("taken", sigwaitinfo(&mask, &info));
    show("code", info.si_code);
}

/* Looks like a timer's, but is not. */
static void show_forged_signal(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_TIMER};
    int id = create(CLOCK_MONOTONIC, &event);

    info.si_timerid = id;
    info.si_overrun = 77;
    count = overruns = 0;
    show_call(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
    show("came", count);
    show("as it was sent", overruns);
    show_call(syscall(SYS_timer_getoverrun, id));
    show_call(syscall(SYS_timer_delete, id));
}

static void show_silent(void)
{
    struct sigevent event = {.sigev_notify = SIGEV_NONE};
    struct itimerspec now;
    int id = create(CLOCK_MONOTONIC, &event);

    show_call(set(id, 0, 5000, 0));
    usleep(10000);
    show_call(syscall(SYS_timer_gettime, id, &now));
    show("over", now.it_value.tv_nsec == 0);
    show_call(set(id, 0, 5000, 20000000));
    usleep(10000);
    show_call(syscall(SYS_timer_gettime, id, &now));
    show("in its next period", now.it_value.tv_sec == 19);
    show_call(syscall(SYS_timer_delete, id));
}

/* Clocks that would wake the machine: there is nothing here that does. */
static void show_alarm_clocks(void)
{
    struct timespec ts = {0, 0};

    for (clockid_t clock = CLOCK_REALTIME_ALARM; clock <= CLOCK_BOOTTIME_ALARM; clock++) {
        show_call(create(clock, NULL));
        show_call(syscall(SYS_clock_gettime, clock, &ts));
        show_call(syscall(SYS_clock_getres, clock, &ts));
        show_call(syscall(SYS_clock_settime, clock, &ts));
        show_call(syscall(SYS_clock_nanosleep, clock, 0, &ts, NULL));
    }
}

int main(void)
{
    show_expiry();
    show_overruns();
    show_refusals();
    show_inheritance();
    show_shortest_interval();
    show_alarm();
    show_child("limit", run_into_limit);
    show_forged_signal();
    show_silent();
    show_alarm_clocks();
    return 0;
}
