/*
 * signalfd and pidfds: signals and processes as descriptors.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>

#include "abi_test.h"

#define P_PIDFD_TYPE 3

static int ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1 ? p.revents : 0;
}

static sigset_t set_of(int a, int b)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, a);
    if (b)
        sigaddset(&set, b);
    return set;
}

static void show_signalfd(void)
{
    struct signalfd_siginfo info[3];
    sigset_t set = set_of(SIGUSR1, SIGRTMIN + 2);
    union sigval value = {.sival_int = 77};

    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    show("made", fd >= 0);
    show("close on exec", fcntl(fd, F_GETFD));
    show("ready", ready(fd));
    show_call(read(fd, info, sizeof(info)));
    show_call(read(fd, info, 10));
    raise(SIGUSR1);
    sigqueue(getpid(), SIGRTMIN + 2, value);
    show("ready", ready(fd));
    memset(info, 0, sizeof(info));
    show("bytes", read(fd, info, sizeof(info)));
    show("signal", info[0].ssi_signo);
    show("code", info[0].ssi_code);
    show("from here", info[0].ssi_pid == (uint32_t)getpid());
    show("second is the real-time one", info[1].ssi_signo == (uint32_t)SIGRTMIN + 2);
    show("its code", info[1].ssi_code);
    show("its value", info[1].ssi_int);
    show("empty again", ready(fd));
    set = set_of(SIGUSR2, 0);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR2);
    show("not in the set", ready(fd));
    show("changed", signalfd(fd, &set, 0) == fd);
    show("now it is", ready(fd));
    show("bytes", read(fd, info, sizeof(info)));
    show("signal", info[0].ssi_signo);
    show_call(signalfd(0x7fff, &set, 0));
    show_call(signalfd(-1, &set, 0x100));
    show_call(syscall(SYS_signalfd4, -1, &set, 4, 0));
    show_call(syscall(SYS_signalfd4, -1, 8, 8, 0));
    show_call(write(fd, info, sizeof(info)));
    close(fd);
}

static void show_blocking_read(void)
{
    struct signalfd_siginfo info;
    sigset_t set = set_of(SIGCHLD, 0);
    struct epoll_event event = {.events = EPOLLIN};

    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, 0), epoll = epoll_create1(0);
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    pid_t child = fork_clean();
    if (!child) {
        usleep(30000);
        child_exit(9);
    }
    show("epoll", epoll_wait(epoll, &event, 1, 5000));
    show("bytes", read(fd, &info, sizeof(info)));
    show("SIGCHLD", info.ssi_signo);
    show("exited", info.ssi_code);
    show("status", info.ssi_status);
    show("the child", info.ssi_pid == (uint32_t)child);
    waitpid(child, NULL, 0);
    close(fd);
    close(epoll);
}

static void show_pidfd(void)
{
    struct pollfd p = {.events = POLLIN};
    siginfo_t info = {0};

    pid_t child = fork_clean();
    if (!child) {
        pause();
        child_exit(0);
    }
    int fd = (int)syscall(SYS_pidfd_open, child, 0);
    show("opened", fd >= 0);
    show("close on exec", fcntl(fd, F_GETFD));
    p.fd = fd;
    show_call(poll(&p, 1, 0));
    show_call(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    show_call(syscall(SYS_pidfd_send_signal, fd, 99, NULL, 0));
    show_call(syscall(SYS_pidfd_send_signal, 0x7fff, SIGTERM, NULL, 0));
    show_call(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    show_call(poll(&p, 1, 5000));
    show("events", p.revents);
    show_call(waitid(P_PIDFD_TYPE, fd, &info, WEXITED));
    show("code", info.si_code);
    show("status", info.si_status);
    show_call(waitid(P_PIDFD_TYPE, fd, &info, WEXITED));
    show_call(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    show_call(poll(&p, 1, 0));
    show_call(waitid(P_PIDFD_TYPE, 0x7fff, &info, WEXITED));
    show_call(waitid(P_PIDFD_TYPE, 1, &info, WEXITED));
    close(fd);
    show_call(syscall(SYS_pidfd_open, 99999999, 0));
    show_call(syscall(SYS_pidfd_open, 0, 0));
    show_call(syscall(SYS_pidfd_open, getpid(), 1));
}

static void show_clone_pidfd(void)
{
    int fd = -1, status;
    struct clone_args args = {.flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&fd, .exit_signal = SIGCHLD};

    fflush(stdout);
    pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (!child)
        _exit(fcntl(fd, F_GETFD) == -1 ? 5 : 6); /* the child has no such descriptor */
    struct pollfd p = {.fd = fd, .events = POLLIN};
    show("has a descriptor", fd >= 0);
    show_call(poll(&p, 1, 5000));
    waitpid(child, &status, 0);
    show_status("child", status);
    close(fd);
}

static void show_getfd(void)
{
    int fds[2], ends[2];
    char byte = 0;

    if (pipe(fds) || pipe(ends))
        exit(1);
    pid_t child = fork_clean();
    if (!child) {
        dup2(fds[1], 60);
        if (write(ends[1], "r", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    if (read(ends[0], &byte, 1) != 1)
        exit(1);
    int fd = (int)syscall(SYS_pidfd_open, child, 0), theirs = (int)syscall(SYS_pidfd_getfd, fd, 60, 0);
    show("got it", theirs >= 0);
    show_call(write(theirs, "y", 1));
    show_call(read(fds[0], &byte, 1));
    show("byte", byte);
    show_call(syscall(SYS_pidfd_getfd, fd, 61, 0));
    show_call(syscall(SYS_pidfd_getfd, fd, 60, 1));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    show_call(syscall(SYS_pidfd_getfd, fd, 60, 0));
}

int main(void)
{
    show_signalfd();
    show_blocking_read();
    show_pidfd();
    show_clone_pidfd();
    show_getfd();
    return 0;
}
