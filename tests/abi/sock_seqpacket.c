/*
 * AF_UNIX sequenced packets: connections like a stream's, messages like a datagram's.
 */
#include "tests/abi/socket_test.h"

static int seqpacket(void)
{
    return socket(AF_UNIX, SOCK_SEQPACKET, 0);
}

static void packets(void)
{
    int pair[2], n;
    struct sockaddr_un a;
    socklen_t length = set_name(&a, "@anybody");

    make_pair(SOCK_SEQPACKET, pair);
    show("type", get_option(pair[0], SO_TYPE));
    show_call(send(pair[0], "one", 3, 0));
    show_call(write(pair[0], "two!", 4));
    show_call(send(pair[0], "", 0, 0));
    show_call(sendto(pair[0], "to the peer all the same", 5, 0, ADDRESS(a), length));
    show_call(ioctl(pair[1], FIONREAD, &n));
    show("unread", n);
    show_receive("cut", pair[1], 2, 0);
    show_receive("length", pair[1], 2, MSG_TRUNC);
    show_receive("empty", pair[1], 9, 0);
    show_receive("peek", pair[1], 9, MSG_PEEK);
    show_receive("read", pair[1], 9, 0);
    show_receive("nothing", pair[1], 9, MSG_DONTWAIT);
    show_call(send(pair[0], "x", 1, MSG_OOB));
    show_call(recv(pair[0], &n, 1, MSG_OOB));
    close_pair(pair);
}

/* msg_flags: MSG_EOR is not told, MSG_TRUNC is. */
static void flags(void)
{
    int pair[2];
    char buffer[8];
    struct iovec v = {buffer, 2};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

    make_pair(SOCK_SEQPACKET, pair);
    send(pair[0], "abc", 3, MSG_EOR);
    show_call(recvmsg(pair[1], &m, 0));
    printf("flags %#x\n", m.msg_flags);
    send(pair[0], "ab", 2, MSG_EOR);
    show_call(recvmsg(pair[1], &m, MSG_CMSG_CLOEXEC));
    printf("flags %#x\n", m.msg_flags);
    close_pair(pair);
}

static void ends(void)
{
    int pair[2];

    signal(SIGPIPE, SIG_IGN);
    make_pair(SOCK_SEQPACKET, pair);
    send(pair[0], "last", 4, 0);
    close(pair[0]);
    show_receive("after close", pair[1], 9, 0);
    show_receive("end", pair[1], 9, 0);
    show_receive("end, not waiting", pair[1], 9, MSG_DONTWAIT);
    show_call(send(pair[1], "x", 1, 0));
    close(pair[1]);
    make_pair(SOCK_SEQPACKET, pair);
    send(pair[0], "unread", 6, 0);
    close(pair[1]);
    show_call(send(pair[0], "x", 1, 0));
    show_call(send(pair[0], "x", 1, 0));
    show_receive("end", pair[0], 9, 0);
    close(pair[0]);
    make_pair(SOCK_SEQPACKET, pair);
    send(pair[0], "", 0, 0);
    close(pair[1]);
    show("error after an empty packet", get_option(pair[0], SO_ERROR));
    close(pair[0]);
    make_pair(SOCK_SEQPACKET, pair);
    show_call(shutdown(pair[0], SHUT_WR));
    show_call(send(pair[0], "x", 1, 0));
    show_receive("end", pair[1], 9, 0);
    show_call(send(pair[1], "y", 1, 0));
    show_receive("other way", pair[0], 9, 0);
    close_pair(pair);
}

static void broken_pipe(void)
{
    int pair[2];

    signal(SIGPIPE, SIG_DFL);
    make_pair(SOCK_SEQPACKET, pair);
    close(pair[1]);
    show_call(send(pair[0], "no signal for packets", 1, 0));
}

static void connections(void)
{
    int listener = seqpacket(), client = seqpacket(), server;

    show_call(send(client, "x", 1, 0));
    show_receive("not connected", client, 1, 0);
    bind_to(listener, "@packets");
    show_call(connect_to(client, "@packets"));
    show_call(listen(listener, 1));
    show_call(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "@packets"));
    show_call(connect_to(client, "@packets"));
    show_call(connect_to(client, "@packets"));
    show_call(send(client, "early", 5, 0));
    show_ok(server = accept(listener, NULL, NULL));
    show_names("server", server);
    show_receive("early", server, 9, 0);
    show_call(send(server, "back", 4, 0));
    show_receive("back", client, 9, 0);
    show_receive("of a listener", listener, 9, 0);
    show_call(send(listener, "x", 1, 0));
    close(listener);
    close(client);
    close(server);
}

/* The send buffer alone limits, however many packets. */
static void full(void)
{
    int pair[2], count = 0;
    char byte;

    make_pair(SOCK_SEQPACKET | SOCK_NONBLOCK, pair);
    while (send(pair[0], "x", 1, 0) == 1)
        count++;
    CHECK(count > 200 && errno == EAGAIN);
    show_poll("full", pair[0], POLLOUT);
    while (recv(pair[1], &byte, 1, 0) == 1)
        count--;
    show("left", count);
    show_poll("empty", pair[0], POLLOUT);
    close_pair(pair);
}

int main(void)
{
    packets();
    flags();
    ends();
    show_child("broken pipe", broken_pipe);
    connections();
    full();
    return 0;
}
