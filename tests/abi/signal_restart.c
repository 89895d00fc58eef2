/*
 * Which calls go on after a handler, and which end with EINTR (signal(7), "Interruption of system calls").
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "abi_test.h"

static volatile int count;

static void on_alarm(int signal)
{
    (void)signal;
    count++;
}

static void arm(int flags, long usec)
{
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = flags};
    struct itimerval timer = {.it_value = {.tv_usec = usec}};

    sigaction(SIGALRM, &action, NULL);
    count = 0;
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* A child that ends the wait after a while. */
static pid_t writer(int fd, long usec)
{
    pid_t child = fork_clean();

    if (child)
        return child;
    usleep((unsigned)usec);
    if (fd >= 0 && write(fd, "x", 1) != 1)
        _exit(1);
    _exit(3);
}

static void show_read(int flags)
{
    int fds[2], status;
    char byte;

    if (pipe(fds))
        exit(1);
    pid_t child = writer(fds[1], 120000);
    arm(flags, 30000);
    show_call(read(fds[0], &byte, 1));
    show("handled", count);
    waitpid(child, &status, 0);
    close(fds[0]);
    close(fds[1]);
}

static void show_wait(int flags)
{
    int status;
    pid_t child = writer(-1, 120000);

    arm(flags, 30000);
    show("waited", waitpid(child, &status, 0) == child);
    show("handled", count);
    while (waitpid(-1, &status, 0) > 0)
        ;
}

static void show_sleeps(void)
{
    struct timespec ts = {0, 150000000}, left = {9, 9}, start, end;
    struct pollfd none = {.fd = -1};
    struct timeval tv = {0, 150000};

    arm(SA_RESTART, 30000);
    show_call(nanosleep(&ts, &left));
    show("time is left", left.tv_sec == 0 && left.tv_nsec > 0 && left.tv_nsec < 150000000);
    arm(SA_RESTART, 30000);
    show_call(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &left));
    arm(SA_RESTART, 30000);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec++;
    show_call(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL));
    arm(SA_RESTART, 30000);
    show_call(poll(&none, 1, 150));
    arm(SA_RESTART, 30000);
    show_call(select(0, NULL, NULL, NULL, &tv));
    arm(SA_RESTART, 30000);
    show_call(pause());
    /* Stopped and continued, a sleep goes on and is not shorter. */
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t me = getpid(), child = fork_clean();
    if (!child) {
        usleep(20000);
        kill(me, SIGSTOP);
        usleep(20000);
        kill(me, SIGCONT);
        child_exit(0);
    }
    show_call(nanosleep(&ts, NULL));
    clock_gettime(CLOCK_MONOTONIC, &end);
    long ms = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
    show("slept long enough", ms >= 149);
    waitpid(child, NULL, 0);
}

static void show_futex(void)
{
    struct timespec ts = {0, 150000000};
    int word = 1;

    arm(SA_RESTART, 30000);
    show_call(syscall(SYS_futex, &word, 0, 1, &ts, NULL, 0));
    arm(0, 30000);
    show_call(syscall(SYS_futex, &word, 0, 1, NULL, NULL, 0));
    show_call(syscall(SYS_futex, &word, 0, 2, NULL, NULL, 0));
    show_call(syscall(SYS_futex, &word, 1, 5, NULL, NULL, 0));
    show_call(syscall(SYS_futex, (char *)&word + 1, 0, 2, NULL, NULL, 0));
    show_call(syscall(SYS_futex, &word, 99, 2, NULL, NULL, 0));
}

int main(void)
{
    show_read(0);
    show_read(SA_RESTART);
    show_wait(0);
    show_wait(SA_RESTART);
    show_sleeps();
    show_futex();
    return 0;
}
