/*
 * The urgent byte of AF_UNIX streams (MSG_OOB): read by itself, in its place, left out; marks, POLLPRI, SIGURG.  Left
 * out is where Linux 6.1 and newer ones differ: reading on behind an urgent byte that was read before it was reached.
 */
#include "tests/abi/socket_test.h"

static int pair[2];
static volatile int got;

static void on_signal(int number)
{
    got++;
}

static void show_mark(void)
{
    int at = -1;

    show_call(ioctl(pair[1], SIOCATMARK, &at));
    show("at mark", at);
}

static void one(void)
{
    make_pair(SOCK_STREAM, pair);
    show_receive("none", pair[1], 1, MSG_OOB);
    show_call(send(pair[0], "", 0, MSG_OOB));
    show_call(send(pair[0], "abX", 3, MSG_OOB));
    show_poll("urgent", pair[1], POLLIN | POLLPRI);
    show_mark();
    show_receive("peek", pair[1], 1, MSG_OOB | MSG_PEEK);
    show_receive("no room", pair[1], 0, MSG_OOB);
    close_pair(pair);
    make_pair(SOCK_STREAM, pair);
    show_call(send(pair[0], "abX", 3, MSG_OOB));
    show_receive("urgent", pair[1], 9, MSG_OOB);
    show_receive("again", pair[1], 9, MSG_OOB);
    show_poll("not any more", pair[1], POLLPRI);
    show_receive("what was before", pair[1], 9, 0);
    close_pair(pair);
}

/* A read stops in front of it, the next one leaves it out. */
static void left_out(void)
{
    make_pair(SOCK_STREAM, pair);
    send(pair[0], "ab", 2, 0);
    send(pair[0], "X", 1, MSG_OOB);
    send(pair[0], "cd", 2, 0);
    show_receive("before", pair[1], 9, 0);
    show_mark();
    show_receive("behind", pair[1], 9, 0);
    show_receive("too late", pair[1], 1, MSG_OOB);
    show_mark();
    close_pair(pair);
}

static void inlined(void)
{
    make_pair(SOCK_STREAM, pair);
    set_option(pair[1], SO_OOBINLINE, 1);
    send(pair[0], "ab", 2, 0);
    send(pair[0], "X", 1, MSG_OOB);
    send(pair[0], "cd", 2, 0);
    show_receive("not by itself", pair[1], 1, MSG_OOB);
    show_receive("before", pair[1], 9, 0);
    show_mark();
    show_receive("with it", pair[1], 9, 0);
    close_pair(pair);
}

/* A second one makes the first an ordinary byte. */
static void two(void)
{
    make_pair(SOCK_STREAM, pair);
    send(pair[0], "a1", 2, MSG_OOB);
    send(pair[0], "b2", 2, MSG_OOB);
    show_receive("before the second", pair[1], 9, 0);
    show_receive("the second", pair[1], 1, MSG_OOB);
    show_call(send(pair[0], "c", 1, 0));
    close_pair(pair);
}

/* The owner gets SIGURG. */
static void signals(void)
{
    make_pair(SOCK_STREAM, pair);
    signal(SIGURG, on_signal);
    send(pair[0], "x", 1, MSG_OOB);
    show("without an owner", got);
    show("owner", fcntl(pair[1], F_GETOWN));
    show_call(fcntl(pair[1], F_SETOWN, 99999));
    show_call(fcntl(pair[1], F_SETOWN, getpid()));
    CHECK(fcntl(pair[1], F_GETOWN) == getpid());
    send(pair[0], "x", 1, MSG_OOB);
    show("got", got);
    show_call(fcntl(pair[1], F_SETOWN, 0));
    send(pair[0], "x", 1, MSG_OOB);
    show("got", got);
    int me = getpid(), owner = -1;
    show_call(ioctl(pair[1], SIOCSPGRP, &me));
    show_call(ioctl(pair[1], SIOCGPGRP, &owner));
    CHECK(owner == me);
    setpgid(0, 0);
    struct f_owner_ex x = {F_OWNER_PGRP, getpid()};
    show_call(fcntl(pair[1], F_SETOWN_EX, &x));
    send(pair[0], "x", 1, MSG_OOB);
    show("got", got);
    x = (struct f_owner_ex){F_OWNER_TID, 0};
    show_call(fcntl(pair[1], F_GETOWN_EX, &x));
    printf("type %d %s\n", x.type, x.pid == getpid() ? "own" : "other");
    x = (struct f_owner_ex){7, 0};
    show_call(fcntl(pair[1], F_SETOWN_EX, &x));
    show_call(fcntl(pair[1], F_SETSIG, 200));
    show_call(fcntl(pair[1], F_SETSIG, SIGUSR1));
    show_call(fcntl(pair[1], F_GETSIG));
    close_pair(pair);
}

int main(void)
{
    one();
    left_out();
    inlined();
    two();
    signals();
    make_pair(SOCK_DGRAM, pair);
    show_mark();
    close_pair(pair);
    return 0;
}
