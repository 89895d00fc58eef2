/*
 * epoll and eventfd: levels, edges, one-shot, several descriptors, nesting, closing, waiting.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "abi_test.h"

static int set, fds[2];
static char c;

static int compare(const void *a, const void *b)
{
    return ((struct epoll_event *)a)->data.u64 < ((struct epoll_event *)b)->data.u64 ? -1 : 1;
}

static void look(const char *what, int max, int timeout)
{
    struct epoll_event e[10];

    errno = 0;
    int n = epoll_wait(set, e, max, timeout);
    printf("%s: %d", what, n);
    if (n < 0)
        printf(" errno %d", errno);
    else
        qsort(e, n, sizeof *e, compare);
    for (int i = 0; i < n; i++)
        printf(" %x/%ld", e[i].events, (long)e[i].data.u64);
    printf("\n");
}

static long control(int op, int fd, unsigned events, uint64_t data)
{
    struct epoll_event e = {.events = events, .data.u64 = data};

    return epoll_ctl(set, op, fd, &e);
}

static void nap(int ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000L}, NULL);
}

static void errors(void)
{
    int file = open("f", O_CREAT | O_RDWR, 0600), dir = open(".", O_RDONLY), null = open("/dev/null", O_RDWR);
    int path = open("f", O_PATH);
    struct stat st;

    show_call(epoll_create(0));
    show_call(epoll_create1(1));
    show_call(control(EPOLL_CTL_ADD, file, EPOLLIN, 1));
    show_call(control(EPOLL_CTL_ADD, dir, EPOLLIN, 1));
    show_call(control(EPOLL_CTL_ADD, null, EPOLLIN, 1));
    show_call(control(EPOLL_CTL_ADD, path, EPOLLIN, 1));
    show_call(control(EPOLL_CTL_ADD, set, EPOLLIN, 1));
    show_call(control(EPOLL_CTL_ADD, 99, EPOLLIN, 1));
    show_call(control(EPOLL_CTL_DEL, fds[0], 0, 0));
    show_call(control(EPOLL_CTL_MOD, fds[0], 0, 0));
    show_call(control(77, fds[0], 0, 0));
    show_call(epoll_ctl(set, EPOLL_CTL_ADD, fds[0], NULL));
    show_call(epoll_ctl(file, EPOLL_CTL_ADD, fds[0], NULL));
    show_call(epoll_ctl(99, EPOLL_CTL_DEL, fds[0], NULL));
    look("none", 0, 0);
    look("negative", -1, 0);
    show_call(epoll_wait(file, NULL, 1, 0));
    fstat(set, &st);
    printf("mode %o\n", st.st_mode);
    show_call(read(set, &c, 1));
    show_call(lseek(set, 0, SEEK_CUR));
    close(file), close(dir), close(null), close(path);
}

static void triggers(void)
{
    show_call(control(EPOLL_CTL_ADD, fds[0], EPOLLIN, 10));
    show_call(control(EPOLL_CTL_ADD, fds[0], EPOLLIN, 10));
    show_call(control(EPOLL_CTL_ADD, fds[1], EPOLLOUT, 11));
    look("writable", 10, 0);
    write(fds[1], "ab", 2);
    look("both", 10, 0);
    look("again", 10, 0);
    read(fds[0], &c, 1);
    look("one left", 10, 0);
    show_call(control(EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLET, 12));
    look("edge", 10, 0);
    look("no edge", 10, 0);
    write(fds[1], "c", 1);
    look("edge again", 10, 0);
    show_call(control(EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLONESHOT, 13));
    look("shot", 10, 0);
    look("gone", 10, 0);
    write(fds[1], "d", 1);
    look("still gone", 10, 0);
    show_call(control(EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLONESHOT, 13));
    look("loaded", 10, 0);
    show_call(control(EPOLL_CTL_MOD, fds[0], 0, 14));
    look("nothing wanted", 10, 0);
    show_call(control(EPOLL_CTL_DEL, fds[1], 0, 0));
    look("deleted", 10, 0);
    int second = dup(fds[0]);
    show_call(control(EPOLL_CTL_ADD, second, EPOLLIN, 15));
    look("dup", 10, 0);
    close(second);
    look("dup closed, file open", 10, 0);
    show_call(control(EPOLL_CTL_MOD, second, EPOLLIN, 15));
    close(fds[1]);
    look("hang-up", 10, 0);
    close(fds[0]);
    look("all closed", 10, 0);
}

static void waiting(void)
{
    struct timespec from, to;

    pipe(fds);
    control(EPOLL_CTL_ADD, fds[0], EPOLLIN, 1);
    clock_gettime(CLOCK_MONOTONIC, &from);
    look("timeout", 10, 50);
    clock_gettime(CLOCK_MONOTONIC, &to);
    long ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
    show("waited", ms >= 49 && ms < 3000);
    fflush(stdout);
    if (!fork()) {
        nap(30);
        write(fds[1], "x", 1);
        _exit(0);
    }
    look("woken", 10, -1);
    wait(NULL);
    read(fds[0], &c, 1);
    struct epoll_event e;
    struct timespec t = {0, 20000000};
    show_call(syscall(SYS_epoll_pwait2, set, &e, 1, &t, NULL, 0));
    show_call(syscall(SYS_epoll_pwait, set, &e, 1, 10, NULL, 0));
    show_call(syscall(SYS_epoll_pwait, set, &e, 1, 10, &t, 3));
    close(fds[0]), close(fds[1]);
}

static void on_alarm(int sig)
{
}

static void interrupted(void)
{
    struct sigaction a = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

    sigaction(SIGALRM, &a, NULL);
    ualarm(30000, 0);
    look("interrupted", 10, -1);
}

static void nested(void)
{
    int inner = set, middle = epoll_create1(EPOLL_CLOEXEC), outer;

    pipe(fds);
    control(EPOLL_CTL_ADD, fds[0], EPOLLIN, 1);
    set = middle;
    show_call(control(EPOLL_CTL_ADD, inner, EPOLLIN, 2));
    look("quiet", 10, 0);
    write(fds[1], "x", 1);
    look("through", 10, 0);
    struct pollfd p = {middle, POLLIN, 0};
    show_call(poll(&p, 1, 0));
    printf("%x\n", p.revents);
    set = inner;
    show_call(control(EPOLL_CTL_ADD, middle, EPOLLIN, 3));
    read(fds[0], &c, 1);
    set = middle;
    look("quiet again", 10, 0);
    show_call(poll(&p, 1, 0));
    /* too deep */
    outer = middle;
    for (int i = 0; i < 6; i++) {
        int next = epoll_create1(0);
        set = next;
        show_call(control(EPOLL_CTL_ADD, outer, EPOLLIN, 4));
        outer = next;
    }
    set = inner;
}

static void events(void)
{
    uint64_t v = 3;
    int e = eventfd(2, EFD_NONBLOCK | EFD_CLOEXEC), s = eventfd(2, EFD_NONBLOCK | EFD_SEMAPHORE);
    char text[64] = "", path[32];

    printf("flags %x %x\n", fcntl(e, F_GETFL), fcntl(e, F_GETFD));
    sprintf(path, "/proc/self/fd/%d", e);
    readlink(path, text, 60);
    printf("%s\n", text);
    show_ok(open(path, O_RDWR));
    show_call(write(e, &v, 8));
    show_call(read(e, &v, 8));
    show("value", v);
    show_call(read(e, &v, 8));
    show_call(read(e, &v, 7));
    show_call(write(e, &v, 7));
    show_call(read(s, &v, 8));
    show("value", v);
    show_call(read(s, &v, 8));
    show_call(read(s, &v, 8));
    v = -1;
    show_call(write(e, &v, 8));
    v = -2;
    show_call(write(e, &v, 8));
    v = 1;
    show_call(write(e, &v, 8));
    struct pollfd p = {e, POLLIN | POLLOUT, 0};
    show_call(poll(&p, 1, 0));
    printf("%x\n", p.revents);
    read(e, &v, 8);
    printf("%lx\n", (long)v);
    show_call(poll(&p, 1, 0));
    printf("%x\n", p.revents);
    show_call(syscall(SYS_eventfd2, 0, 2));
    show_call(lseek(e, 0, SEEK_SET));
    show_call(pread(e, &v, 8, 0));
    int b = eventfd(0, 0);
    fflush(stdout);
    if (!fork()) {
        nap(30);
        v = 9;
        write(b, &v, 8);
        _exit(0);
    }
    show_call(read(b, &v, 8));
    show("value", v);
    wait(NULL);
    control(EPOLL_CTL_ADD, e, EPOLLIN | EPOLLET, 7);
    look("0", 10, 0);
    v = 1;
    write(e, &v, 8);
    look("1", 10, 0);
    look("no edge", 10, 0);
    write(e, &v, 8);
    look("2", 10, 0);
}

static void many(void)
{
    int pipes[100][2], seen = 0;
    struct epoll_event e[7];

    for (int i = 0; i < 100; i++) {
        pipe(pipes[i]);
        control(EPOLL_CTL_ADD, pipes[i][0], EPOLLIN, i);
        write(pipes[i][1], "x", 1);
    }
    for (int n, rounds = 0; rounds < 100 && (n = epoll_wait(set, e, 7, 0)) > 0; rounds++) {
        for (int i = 0; i < n; i++) {
            if (e[i].events & EPOLLIN && e[i].data.u64 < 100)
                seen += read(pipes[e[i].data.u64][0], &c, 1);
        }
    }
    show("seen", seen);
    for (int i = 0; i < 100; i++)
        close(pipes[i][0]), close(pipes[i][1]);
    look("empty", 7, 0);
}

int main(void)
{
    set = epoll_create1(0);
    pipe(fds);
    errors();
    triggers();
    waiting();
    interrupted();
    nested();
    set = epoll_create1(0);
    events();
    set = epoll_create1(0);
    many();
    return 0;
}
