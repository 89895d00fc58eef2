/*
 * Signals that tell of terminals and of the ends of sockets: O_ASYNC on both sides of a pair, room to write, hang-up.  A
 * signal that is to come is waited for, however long; that there are not more of them shows with the next one.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "tty_test.h"

static volatile int count, code[16], band[16], told_fd[16];
static char text[8192];

static void on_signal(int signal, siginfo_t *info, void *context)
{
    (void)signal;
    (void)context;
    if (count < 16) {
        code[count] = info->si_code;
        band[count] = (int)info->si_band;
        told_fd[count] = info->si_fd;
    }
    count++;
}

/* All that came until there were so many. */
static void show_signals(const char *what, int least, int fd)
{
    while (count < least)
        usleep(1000);
    printf("%s: %d", what, count);
    for (int i = 0; i < count && i < 16; i++)
        printf(", code %d band %x%s", code[i], band[i], told_fd[i] == fd ? "" : " of another");
    printf("\n");
    count = 0;
}

static void set_flag(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    fcntl(fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC);
}

static void enable(int fd)
{
    fcntl(fd, F_SETOWN, getpid());
    fcntl(fd, F_SETSIG, SIGRTMIN + 1);
    set_flag(fd, true);
    show("flag", (fcntl(fd, F_GETFL) & O_ASYNC) != 0);
}

static void lines(void)
{
    struct pair p = pair_open();

    set_flag(p.slave, true);
    show("owner by itself", fcntl(p.slave, F_GETOWN) == getpid());
    set_flag(p.slave, false);
    fcntl(p.slave, F_SETOWN, getppid());
    set_flag(p.slave, true);
    show("not if there is one", fcntl(p.slave, F_GETOWN) == getppid());
    set_flag(p.slave, false);
    enable(p.slave);
    write(p.master, "ab", 2);
    write(p.master, "\n", 1);
    show_signals("a line in two parts", 1, p.slave);
    show_read("it", p.slave, 10);
    write(p.master, "x\ny\n", 4);
    show_signals("two lines", 2, p.slave);
    show_read("one", p.slave, 10);
    show_read("the other", p.slave, 10);
    write(p.master, "\4", 1);
    show_signals("end of file", 1, p.slave);
    show_read("it", p.slave, 10);
    int other = open(ptsname(p.master), O_RDWR | O_NOCTTY);
    enable(other);
    write(p.master, "\n", 1);
    show_signals("two files", 2, -1);
    close(other);
    show_read("line", p.slave, 10);
    write(p.master, "\n", 1);
    show_signals("one again", 1, p.slave);
    pair_close(&p);
}

static void bytes(void)
{
    struct pair p = pair_open();
    struct termios t;

    tcgetattr(p.slave, &t);
    cfmakeraw(&t);
    t.c_cc[VMIN] = 4;
    tcsetattr(p.slave, TCSANOW, &t);
    enable(p.slave);
    write(p.master, "a", 1);
    show_signals("a byte of four", 1, p.slave);
    write(p.master, "bcd", 3);
    show_signals("the others", 1, p.slave);
    show_read("read", p.slave, 10);
    enable(p.master);
    write(p.slave, "x", 1);
    show_signals("to the master", 1, p.master);
    show_read("read", p.master, 10);
    set_flag(p.master, false);
    write(p.slave, "y", 1);
    show_read("no more", p.master, 10);
    write(p.master, "z", 1);
    show_signals("to the slave", 1, p.slave);
    fcntl(p.slave, F_SETFL, O_NONBLOCK | O_ASYNC);
    while (write(p.slave, text, sizeof text) > 0)
        ;
    fcntl(p.master, F_SETFL, O_NONBLOCK);
    while (!count) {
        if (read(p.master, text, sizeof text) < 0)
            usleep(1000);
    }
    show_signals("room", 1, p.slave);
    close(p.master);
    show("hung up", read(p.slave, text, 1));
    close(p.slave);
    show_signals("and nothing of it", 0, -1);
}

static void connections(int type)
{
    int s[2];

    printf("of type %d:\n", type);
    socketpair(AF_UNIX, type, 0, s);
    enable(s[0]);
    write(s[1], "x", 1);
    show_signals("in", 1, s[0]);
    write(s[0], "x", 1);
    read(s[1], text, 1);
    show_signals("out, though there was room", 0, s[0]);
    fcntl(s[0], F_SETFL, O_NONBLOCK | O_ASYNC);
    while (write(s[0], text, 4000) > 0)
        ;
    read(s[1], text, 4000);
    show_signals("little room", 0, s[0]);
    fcntl(s[1], F_SETFL, O_NONBLOCK);
    while (read(s[1], text, 4000) > 0)
        ;
    show_signals("much", 1, s[0]);
    shutdown(s[1], SHUT_WR);
    show_signals("its peer sends no more", type != SOCK_DGRAM, s[0]);
    shutdown(s[1], SHUT_RD);
    show_signals("nor takes any", 0, s[0]);
    shutdown(s[0], SHUT_WR);
    show_signals("it sends no more", 0, s[0]);
    close(s[1]);
    show_signals("its peer is gone", type != SOCK_DGRAM, s[0]);
    close(s[0]);
    socketpair(AF_UNIX, type, 0, s);
    enable(s[0]);
    shutdown(s[1], SHUT_RDWR);
    show_signals("its peer wants no more", type != SOCK_DGRAM, s[0]);
    close(s[0]), close(s[1]);
    show_signals("closed", 0, -1);
}

static void listeners(void)
{
    struct sockaddr_un name = {AF_UNIX, "\0tty_async"};
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);

    bind(l, (void *)&name, sizeof name), listen(l, 5);
    enable(l), enable(c);
    show_call(connect(c, (void *)&name, sizeof name));
    show_signals("connection", 1, l);
    int a = accept(l, NULL, NULL);
    enable(a);
    close(c);
    show_signals("its other end is closed", 1, a);
    close(a);
    c = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(c, (void *)&name, sizeof name);
    show_signals("another", 1, l);
    enable(c);
    close(l);
    show_signals("not accepted", 1, c);
    close(c);
}

static void others(void)
{
    int e = eventfd(0, 0), t = timerfd_create(CLOCK_MONOTONIC, 0), p = epoll_create1(0), n = open("/dev/null", O_RDWR);
    int f = open("f", O_CREAT | O_RDWR, 0600);

    puts("none of these:");
    enable(e), enable(t), enable(p), enable(n), enable(f);
    close(e), close(t), close(p), close(n), close(f);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

    sigaction(SIGRTMIN + 1, &action, NULL);
    sigaction(SIGIO, &action, NULL);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    lines();
    bytes();
    connections(SOCK_STREAM);
    connections(SOCK_SEQPACKET);
    connections(SOCK_DGRAM);
    listeners();
    others();
    return 0;
}
