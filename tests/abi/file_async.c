/*
 * Signals that tell of input and output: O_ASYNC, F_SETOWN, F_SETSIG on pipes and sockets.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "abi_test.h"

static volatile int count, code, band, fd_told, number;

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)context;
    count++;
    number = signal;
    code = info->si_code;
    band = (int)info->si_band;
    fd_told = info->si_fd;
}

static void handle(int signal)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

    sigaction(signal, &action, NULL);
}

static void show_signal(const char *what, int fd)
{
    printf("%s: %d signals", what, count);
    if (count && code == SI_KERNEL)
        printf(", %d from the kernel", number);
    else if (count)
        printf(", %s code %d band %x fd %s",
               number == SIGIO      ? "SIGIO"
               : number >= SIGRTMIN ? "real time"
                                    : "other",
               code, band, fd_told == fd ? "right" : "WRONG");
    printf("\n");
    count = number = code = band = 0;
}

static void enable(int fd)
{
    show_call(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC));
    show("flag", (fcntl(fd, F_GETFL) & O_ASYNC) != 0);
}

static void pipes(void)
{
    int p[2];
    char text[65536];

    handle(SIGIO), handle(SIGRTMIN + 3), handle(SIGUSR1), handle(SIGCHLD);
    pipe(p);
    enable(p[0]);
    write(p[1], "x", 1);
    show_signal("without an owner", p[0]);
    show_call(fcntl(p[0], F_SETOWN, getpid()));
    write(p[1], "x", 1);
    show_signal("plain", p[0]);
    write(p[1], "y", 1);
    show_signal("again", p[0]);
    show_call(fcntl(p[0], F_SETSIG, SIGIO));
    write(p[1], "x", 1);
    show_signal("with siginfo", p[0]);
    show_call(fcntl(p[0], F_SETSIG, SIGRTMIN + 3));
    write(p[1], "x", 1);
    show_signal("real time", p[0]);
    show_call(fcntl(p[0], F_SETSIG, SIGUSR1));
    write(p[1], "x", 1);
    show_signal("another", p[0]);
    show_call(fcntl(p[0], F_SETSIG, SIGCHLD));
    write(p[1], "x", 1);
    show_signal("with codes of its own", p[0]);
    fcntl(p[0], F_SETSIG, 0);
    read(p[0], text, 3);
    show_signal("reading", p[0]);
    fcntl(p[1], F_SETOWN, getpid());
    enable(p[1]);
    read(p[0], text, 1);
    show_signal("room", p[1]);
    fcntl(p[1], F_SETFL, O_NONBLOCK);
    show("flag", (fcntl(p[1], F_GETFL) & O_ASYNC) != 0);
    read(p[0], text, 1);
    show_signal("no more", p[1]);
    int copy = dup(p[0]);
    close(p[0]);
    write(p[1], "x", 1);
    show_signal("by its copy", copy);
    close(p[1]);
    show_signal("the writers are gone", copy);
    close(copy);
    show_signal("closed", copy);
}

static void owners(void)
{
    int p[2], status;
    struct f_owner_ex owner = {F_OWNER_TID, (int)syscall(SYS_gettid)};

    handle(SIGIO);
    signal(SIGCHLD, SIG_DFL);
    pipe(p);
    enable(p[0]);
    show_call(fcntl(p[0], F_SETOWN_EX, &owner));
    write(p[1], "x", 1);
    show_signal("thread", p[0]);
    owner = (struct f_owner_ex){F_OWNER_PGRP, getpgrp()};
    show_call(fcntl(p[0], F_SETOWN, -getpgrp()));
    write(p[1], "x", 1);
    show_signal("group", p[0]);
    pid_t child = fork_clean();
    if (!child) {
        signal(SIGIO, SIG_DFL);
        for (;;)
            pause();
    }
    usleep(50000);
    show_call(fcntl(p[0], F_SETOWN, child));
    write(p[1], "x", 1);
    waitpid(child, &status, 0);
    show_status("another process", status);
    write(p[1], "x", 1);
    show_signal("it is gone", p[0]);
    close(p[0]), close(p[1]);
}

static void sockets(void)
{
    int s[2], on = 1;
    char text[64];

    handle(SIGIO);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    fcntl(s[0], F_SETOWN, getpid());
    show_call(ioctl(s[0], FIOASYNC, &on));
    show("flag", (fcntl(s[0], F_GETFL) & O_ASYNC) != 0);
    write(s[1], "x", 1);
    show_signal("stream", s[0]);
    fcntl(s[0], F_SETSIG, SIGIO);
    write(s[1], "x", 1);
    show_signal("with siginfo", s[0]);
    write(s[0], "x", 1);
    show_signal("the other way", s[0]);
    on = 0;
    show_call(ioctl(s[0], FIOASYNC, &on));
    write(s[1], "x", 1);
    show_signal("off", s[0]);
    close(s[0]), close(s[1]);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    fcntl(s[0], F_SETOWN, getpid());
    enable(s[0]);
    send(s[1], "x", 1, 0);
    show_signal("datagram", s[0]);
    read(s[0], text, 1);
    close(s[0]), close(s[1]);
    struct sockaddr_un name = {AF_UNIX, "listener"};
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(l, (void *)&name, sizeof name), listen(l, 5);
    fcntl(l, F_SETOWN, getpid());
    enable(l);
    show_call(connect(c, (void *)&name, sizeof name));
    show_signal("connection", l);
    close(l), close(c);
}

static void others(void)
{
    int file = open("f", O_CREAT | O_RDWR, 0600), on = 1, off = 0;

    show_call(ioctl(file, FIOASYNC, &off));
    show_call(ioctl(file, FIOASYNC, &on));
    show_call(ioctl(file, FIOASYNC, 8));
    show_call(fcntl(file, F_SETSIG, 65));
    show_call(fcntl(file, F_SETSIG, 64));
    show_call(fcntl(file, F_GETSIG));
    close(file);
}

int main(void)
{
    pipes();
    owners();
    sockets();
    others();
    return 0;
}
