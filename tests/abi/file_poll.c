/*
 * poll, ppoll, select, pselect6: readiness, time, errors, masks.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/param.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>

#include "abi_test.h"

static int fds[2];
static volatile int caught;

static void on_signal(int sig)
{
    caught++;
}

static long elapsed_ms(struct timespec *from)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

static void polling(void)
{
    struct timespec start;
    int file = open("f", O_CREAT | O_RDWR, 0600), null = open("/dev/null", O_RDWR), path = open(".", O_PATH);
    struct pollfd p[] = {{fds[0], POLLIN, 5}, {fds[1], POLLOUT, 5}, {-1, POLLIN, 5}, {99, POLLIN, 5}, {file, POLLIN | POLLOUT, 5},
                         {null, POLLIN, 0}, {path, POLLIN, 0}};

    show_call(poll(p, 7, 1000));
    for (int i = 0; i < 7; i++)
        printf(" %x", p[i].revents);
    printf("\n");
    show_call(poll(p, 1, 0));
    clock_gettime(CLOCK_MONOTONIC, &start);
    show_call(poll(p, 1, 60));
    long ms = elapsed_ms(&start);
    printf("waited %d\n", ms >= 60 && ms < 2000);
    show_call(poll(NULL, 0, 10));
    show_call(poll((void *)1, 1, 0));
    show_call(poll(p, 1 << 30, 0));
    write(fds[1], "x", 1);
    show_call(poll(p, 1, -1));
    printf("%x\n", p[0].revents);
    p[0].events = 0;
    show_call(poll(p, 1, 0));
    char c;
    read(fds[0], &c, 1);
    p[0].events = POLLIN;
    fflush(stdout);
    if (!fork()) {
        nanosleep(&(struct timespec){0, 40000000}, NULL);
        write(fds[1], "y", 1);
        _exit(0);
    }
    show_call(poll(p, 1, 5000));
    wait(NULL);
    read(fds[0], &c, 1);
    alarm(0);
    caught = 0;
    ualarm(30000, 0);
    show_call(poll(p, 1, 5000));
    show("caught", caught);
    close(file), close(null), close(path);
}

static void ppolling(void)
{
    struct pollfd p = {fds[0], POLLIN, 0};
    struct timespec t = {0, 50000000}, bad = {0, 1000000000}, negative = {-1, 0};
    sigset_t blocked, old, empty;

    show_call(syscall(SYS_ppoll, &p, 1, &t, NULL, 0));
    printf("rest %ld.%ld\n", t.tv_sec, t.tv_nsec);
    show_call(syscall(SYS_ppoll, &p, 1, &bad, NULL, 0));
    show_call(syscall(SYS_ppoll, &p, 1, &negative, NULL, 0));
    show_call(syscall(SYS_ppoll, &p, 1, &t, &t, 4));
    show_call(syscall(SYS_ppoll, &p, 1, (void *)1, NULL, 0));
    sigemptyset(&blocked), sigemptyset(&empty);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, &old);
    caught = 0;
    kill(getpid(), SIGUSR1);
    show("caught", caught);
    t = (struct timespec){1, 0};
    show_call(syscall(SYS_ppoll, &p, 1, &t, &empty, 8));
    show("caught", caught);
    sigset_t now;
    sigprocmask(SIG_SETMASK, NULL, &now);
    show("blocked again", sigismember(&now, SIGUSR1));
    write(fds[1], "x", 1);
    kill(getpid(), SIGUSR1);
    t = (struct timespec){1, 0};
    show_call(syscall(SYS_ppoll, &p, 1, &t, &empty, 8));
    show("caught", caught);
    char c;
    read(fds[0], &c, 1);
    sigprocmask(SIG_SETMASK, &old, NULL);
    show("caught", caught);
}

static void selecting(void)
{
    fd_set r, w, e;
    struct timeval t = {0, 30000};

    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_ZERO(&e);
    FD_SET(fds[0], &r);
    FD_SET(fds[1], &w);
    FD_SET(fds[0], &e);
    show_call(select(fds[1] + 1, &r, &w, &e, &t));
    printf("%d %d %d rest %d\n", !!FD_ISSET(fds[0], &r), !!FD_ISSET(fds[1], &w), !!FD_ISSET(fds[0], &e), t.tv_usec > 0);
    FD_SET(fds[0], &r);
    t = (struct timeval){0, 30000};
    show_call(select(fds[0] + 1, &r, NULL, NULL, &t));
    printf("%d rest %ld\n", !!FD_ISSET(fds[0], &r), t.tv_usec);
    write(fds[1], "x", 1);
    FD_SET(fds[0], &r);
    show_call(select(fds[0] + 1, &r, NULL, NULL, NULL));
    FD_ZERO(&r);
    FD_SET(60, &r);
    t = (struct timeval){0, 0};
    show_call(select(61, &r, NULL, NULL, &t));
    show_call(select(-1, &r, NULL, NULL, &t));
    t.tv_usec = -1;
    show_call(select(0, NULL, NULL, NULL, &t));
    t = (struct timeval){0, 2000};
    show_call(select(0, NULL, NULL, NULL, &t));
    show_call(select(5, (void *)1, NULL, NULL, &t));
    show_call(syscall(SYS_select, 5, NULL, NULL, NULL, (void *)1));
    struct {
        void *mask;
        unsigned long size;
    } mask = {NULL, 8}, bad = {&mask, 7};
    struct timespec ts = {0, 1000000};
    show_call(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, &mask));
    show_call(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, &bad));
    show_call(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &ts, NULL));
    caught = 0;
    ualarm(20000, 0);
    FD_ZERO(&r);
    show_call(select(0, NULL, NULL, NULL, NULL));
    show("caught", caught);
}

/* --- a descriptor that another thread closes meanwhile --- */

struct sleeper {
    pthread_t thread;
    atomic_int tid;
    int number, wake; /* waits for both */
    bool selects;
    int result, woken;
};

static void sleeper_select(struct sleeper *s)
{
    fd_set r;

    FD_ZERO(&r);
    FD_SET(s->number, &r);
    FD_SET(s->wake, &r);
    s->result = select(MAX(s->number, s->wake) + 1, &r, NULL, NULL, NULL);
    s->woken = FD_ISSET(s->number, &r) | FD_ISSET(s->wake, &r) << 1;
}

static void sleeper_poll(struct sleeper *s)
{
    struct pollfd set[] = {{.fd = s->number, .events = POLLIN}, {.fd = s->wake, .events = POLLIN}};

    s->result = poll(set, 2, -1);
    s->woken = set[0].revents | set[1].revents << 1;
}

static void *sleeper_body(void *argument)
{
    struct sleeper *s = argument;

    s->tid = gettid();
    if (s->selects)
        sleeper_select(s);
    else
        sleeper_poll(s);
    return NULL;
}

static void sleeper_start(struct sleeper *s, int number, bool selects)
{
    *s = (struct sleeper){.number = number, .wake = eventfd(0, 0), .selects = selects};
    pthread_create(&s->thread, NULL, sleeper_body, s);
    while (!s->tid)
        usleep(1000);
    wait_asleep(s->tid);
}

static void sleeper_end(struct sleeper *s, int fd)
{
    eventfd_write(fd, 1);
    pthread_join(s->thread, NULL);
    printf("%s: %d, ready %d\n", s->selects ? "select" : "poll", s->result, s->woken);
    close(s->wake);
}

/* The file that the first waits for lives on until it has left, and its memory is not that of another's queue. */
static void closed_meanwhile(bool selects)
{
    struct sleeper first, second;
    int number = eventfd(0, 0), idle = eventfd(0, 0);

    sleeper_start(&first, number, selects);
    dup2(idle, number);
    int next = eventfd(0, 0);
    sleeper_start(&second, next, selects);
    sleeper_end(&first, first.wake);
    sleeper_end(&second, next);
    close(next);
    close(number);
    close(idle);
}

int main(void)
{
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

    sigaction(SIGALRM, &a, NULL);
    sigaction(SIGUSR1, &a, NULL);
    pipe(fds);
    polling();
    ppolling();
    selecting();
    closed_meanwhile(false);
    closed_meanwhile(true);
    return 0;
}
