/*
 * AF_UNIX datagrams: to names and to a peer, cut, empty, peeked at; connecting and disconnecting; full queues.
 */
#include "tests/abi/socket_test.h"

static int datagram(void)
{
    return socket(AF_UNIX, SOCK_DGRAM, 0);
}

static ssize_t send_to(int fd, const char *text, const char *name)
{
    struct sockaddr_un a;
    socklen_t n = set_name(&a, name);

    return sendto(fd, text, strlen(text), 0, ADDRESS(a), n);
}

static void show_from(const char *what, int fd, size_t n, int flags)
{
    char buffer[256];
    struct sockaddr_un a;
    socklen_t length = sizeof a;
    ssize_t got;

    memset(&a, 'x', sizeof a);
    got = recvfrom(fd, buffer, n, flags, ADDRESS(a), &length);
    if (got < 0) {
        printf("%s: errno %d\n", what, errno);
        return;
    }
    printf("%s: %zd ", what, got);
    show_bytes("bytes", buffer, got < (ssize_t)n ? got : (ssize_t)n);
    show_name("  from", &a, length);
}

static void messages(void)
{
    int pair[2], n;
    char buffer[8];

    make_pair(SOCK_DGRAM, pair);
    show_call(send(pair[0], "one", 3, 0));
    show_call(send(pair[0], "two!", 4, 0));
    show_call(send(pair[0], "", 0, 0));
    show_call(write(pair[0], "", 0));
    show_call(send(pair[0], "last", 4, MSG_EOR));
    show_call(ioctl(pair[1], FIONREAD, &n));
    show("unread of the first", n);
    show_receive("cut", pair[1], 2, 0);
    show_receive("peek", pair[1], 2, MSG_PEEK);
    show_receive("peek with length", pair[1], 2, MSG_PEEK | MSG_TRUNC);
    show_receive("with length", pair[1], 2, MSG_TRUNC);
    show_receive("empty", pair[1], 8, 0);
    show_call(read(pair[1], buffer, 0));
    show_receive("empty again", pair[1], 8, 0);
    show_receive("last", pair[1], 8, MSG_WAITALL);
    show_receive("nothing", pair[1], 8, MSG_DONTWAIT);
    show_call(send(pair[0], "oob", 3, MSG_OOB));
    show_call(recv(pair[1], buffer, 8, MSG_OOB));
    show_call(send(pair[0], "drop", 4, 0));
    show_receive("no room", pair[1], 0, 0);
    show_receive("nothing", pair[1], 8, MSG_DONTWAIT);
    show_call(send(pair[0], "fault", 5, 0));
    show_call(recv(pair[1], (void *)8, 5, 0));
    show_receive("gone with the fault", pair[1], 8, MSG_DONTWAIT);
    show_call(listen(pair[0], 1));
    show_call(accept(pair[0], NULL, NULL));
    close_pair(pair);
}

static void sizes(void)
{
    int pair[2];
    static char big[300000], back[300000];

    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 7 + i / 251);
    make_pair(SOCK_DGRAM, pair);
    show_call(send(pair[0], big, 1944, 0) == 1944 && recv(pair[1], back, 3000, 0) == 1944 && !memcmp(big, back, 1944));
    show_call(send(pair[0], big, 1945, 0) == 1945 && recv(pair[1], back, 3000, 0) == 1945 && !memcmp(big, back, 1945));
    show_call(send(pair[0], big, 100001, 0) == 100001 && recv(pair[1], back, sizeof back, 0) == 100001 &&
              !memcmp(big, back, 100001));
    show_call(set_option(pair[0], SO_SNDBUF, 50000));
    show_call(send(pair[0], big, 99968, MSG_DONTWAIT));
    show_call(send(pair[0], big, 99969, MSG_DONTWAIT));
    show_call(send(pair[0], big, 1, MSG_DONTWAIT));
    show_call(recv(pair[1], back, sizeof back, MSG_DONTWAIT));
    show_call(send(pair[0], big, 1, MSG_DONTWAIT));
    close_pair(pair);
}

static void by_name(void)
{
    int a = datagram(), b = datagram(), c = datagram();

    show_call(bind_to(a, "@a"));
    show_call(bind_to(b, "b"));
    show_call(send(c, "x", 1, 0));
    show_call(send_to(c, "to a", "@a"));
    show_call(send_to(b, "from b", "@a"));
    show_call(send_to(a, "to b", "b"));
    show_call(send_to(a, "self", "@a"));
    show_from("unnamed sender", a, 20, 0);
    show_from("sender with a path", a, 20, 0);
    show_from("to itself", a, 20, 0);
    show_from("to the path", b, 20, MSG_PEEK);
    show_from("to the path", b, 2, 0);
    show_call(send_to(c, "x", "@nobody"));
    show_call(send_to(c, "x", "no-file"));
    show_call(send_to(c, "x", "."));
    /* A name taken later counts. */
    show_call(send_to(c, "before", "@a"));
    show_call(bind_to(c, "@c"));
    show_from("name of now", a, 20, 0);
    close(c);
    show_call(send_to(a, "x", "@c"));
    close(a);
    show_call(send_to(b, "x", "@a"));
    close(b);
    show_call(send_to(datagram(), "x", "b"));
    unlink("b");
}

static void connected(void)
{
    int server = datagram(), client = datagram(), other = datagram();
    struct sockaddr_un none = {.sun_family = AF_UNSPEC}, a;
    socklen_t n;

    bind_to(server, "@server");
    bind_to(client, "@client");
    show_call(connect_to(client, "@server"));
    show_names("client", client);
    show_names("server", server);
    show_call(send(client, "1", 1, 0));
    show_from("server", server, 9, 0);
    show_call(send_to(other, "2", "@server"));
    show_call(connect_to(server, "@client"));
    show_call(send_to(other, "3", "@server"));
    show_call(connect_to(other, "@server"));
    show_from("kept", server, 9, 0);
    show_from("refused", server, 9, MSG_DONTWAIT);
    show_call(connect_to(client, "@client"));
    show_call(send(client, "self", 4, 0));
    show_from("to itself", client, 9, MSG_DONTWAIT);
    show_call(connect(client, ADDRESS(none), 1));
    show_call(connect(client, ADDRESS(none), 2));
    show_names("disconnected", client);
    show_call(send(client, "x", 1, 0));
    show_call(connect(client, ADDRESS(none), 16));
    n = set_name(&a, "@server");
    show_call(sendto(client, "by name", 7, 0, ADDRESS(a), n));
    show_from("server", server, 9, MSG_DONTWAIT);
    close(server);
    show_call(sendto(client, "x", 1, 0, ADDRESS(a), n));
    close(client);
    close(other);
}

/* What a peer sent is forgotten when it is left, and a peer that was connected to us is told. */
static void leaving(void)
{
    int pair[2], other = datagram();
    struct sockaddr_un none = {.sun_family = AF_UNSPEC};

    make_pair(SOCK_DGRAM, pair);
    send(pair[0], "forgotten", 9, 0);
    show_call(connect(pair[1], ADDRESS(none), 2));
    show_from("left", pair[1], 9, MSG_DONTWAIT);
    show("error of the other", get_option(pair[0], SO_ERROR));
    show_call(send(pair[0], "may still", 9, 0));
    show_from("as anybody", pair[1], 9, MSG_DONTWAIT);
    close_pair(pair);

    make_pair(SOCK_DGRAM, pair);
    send(pair[0], "kept", 4, 0);
    show_call(bind_to(other, "@elsewhere"));
    show_call(connect_to(pair[0], "@elsewhere"));
    show_from("of a peer that left", pair[1], 9, MSG_DONTWAIT);
    show_call(send(pair[1], "x", 1, 0));
    show("error", get_option(pair[1], SO_ERROR));
    close(other);
    show_call(send(pair[0], "x", 1, 0));
    show_call(send(pair[0], "x", 1, 0));
    close(pair[0]);
    show_call(send(pair[1], "x", 1, 0));
    show_names("peer gone", pair[1]);
    show_from("no end of file", pair[1], 9, MSG_DONTWAIT);
    close(pair[1]);
}

static void shut(void)
{
    int pair[2];

    make_pair(SOCK_DGRAM, pair);
    send(pair[0], "before", 6, 0);
    show_call(shutdown(pair[0], SHUT_WR));
    show_call(send(pair[0], "x", 1, 0));
    show_from("before", pair[1], 9, 0);
    show_from("no end", pair[1], 9, MSG_DONTWAIT);
    show_call(shutdown(pair[1], SHUT_RD));
    show_from("own end", pair[1], 9, 0);
    show_from("own end, not waiting", pair[1], 9, MSG_DONTWAIT);
    close_pair(pair);
    make_pair(SOCK_DGRAM, pair);
    shutdown(pair[1], SHUT_RD);
    show_call(send(pair[0], "x", 1, 0));
    show_call(send(pair[0], "x", 1, MSG_NOSIGNAL));
    close_pair(pair);
}

/* Eleven messages wait at a socket that is not connected to the sender; then it is full. */
static void full_queue(void)
{
    int server = datagram(), client = datagram(), pair[2], count = 0;

    bind_to(server, "@full");
    connect_to(client, "@full");
    set_nonblocking(client, true);
    while (send(client, "x", 1, 0) == 1)
        count++;
    printf("%d messages, errno %d\n", count, errno);
    show_call(send_to(client, "x", "@full"));
    show_poll("full", client, POLLIN | POLLOUT);
    show_from("one", server, 9, 0);
    show_poll("room", client, POLLIN | POLLOUT);
    show_call(send(client, "x", 1, 0));
    show_call(send(client, "x", 1, 0));
    close(server);
    show_poll("gone", client, POLLIN | POLLOUT);
    show_call(send(client, "x", 1, 0));
    close(client);

    make_pair(SOCK_DGRAM, pair); /* connected to each other: the send buffer alone limits */
    set_nonblocking(pair[0], true);
    for (count = 0; send(pair[0], "x", 1, 0) == 1;)
        count++;
    CHECK(count > 200 && count < 400 && errno == EAGAIN);
    show_poll("full", pair[0], POLLIN | POLLOUT);
    for (int n = 0; n < count / 2; n++)
        recv(pair[1], &server, 1, 0);
    show_poll("half", pair[0], POLLIN | POLLOUT);
    for (int n = 0; n < count / 3; n++)
        recv(pair[1], &server, 1, 0);
    show_poll("a quarter", pair[0], POLLIN | POLLOUT);
    close_pair(pair);
}

static void peek_offset(void)
{
    int pair[2];

    make_pair(SOCK_DGRAM, pair);
    send(pair[0], "0123", 4, 0);
    send(pair[0], "", 0, 0);
    send(pair[0], "4567", 4, 0);
    show("off", get_option(pair[1], SO_PEEK_OFF));
    show_call(set_option(pair[1], SO_PEEK_OFF, 1));
    show_receive("peek", pair[1], 2, MSG_PEEK);
    show_receive("peek", pair[1], 9, MSG_PEEK | MSG_TRUNC);
    show("offset", get_option(pair[1], SO_PEEK_OFF));
    show_receive("empty", pair[1], 9, MSG_PEEK);
    show_receive("peek", pair[1], 3, MSG_PEEK);
    show_receive("peek", pair[1], 9, MSG_PEEK);
    show_receive("peek beyond", pair[1], 9, MSG_PEEK | MSG_DONTWAIT);
    show_receive("read", pair[1], 9, 0);
    show("offset", get_option(pair[1], SO_PEEK_OFF));
    show_call(set_option(pair[1], SO_PEEK_OFF, -1));
    show_receive("peek", pair[1], 9, MSG_PEEK);
    close_pair(pair);
}

int main(void)
{
    messages();
    sizes();
    by_name();
    connected();
    leaving();
    shut();
    full_queue();
    peek_offset();
    return 0;
}
