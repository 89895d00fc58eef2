/*
 * POSIX timers: creation, expiry, overruns, what is refused.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "abi_test.h"

static volatile int count, code, value, overruns;

static void on_timer(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    count++;
    code = info->si_code;
    value = info->si_value.sival_int;
    overruns += info->si_overrun;
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

int main(void)
{
    show_expiry();
    show_overruns();
    show_refusals();
    show_inheritance();
    return 0;
}
