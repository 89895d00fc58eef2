/*
 * Options of AF_UNIX sockets: what they are at first, limits and doubling, sizes, and whom SO_PEERCRED names.
 * Left out: those in which this machine's Linux is newer than 6.1 (SO_REUSEPORT with a value, SO_RCVMARK, ...).
 */
#include "tests/abi/socket_test.h"

#include <grp.h>

#define LINGER_OFF ((struct linger){0, 0})

static void first_values(int type)
{
    static const struct {
        int name;
        const char *text;
    } options[] = {{SO_TYPE, "TYPE"},
                   {SO_DOMAIN, "DOMAIN"},
                   {SO_PROTOCOL, "PROTOCOL"},
                   {SO_ERROR, "ERROR"},
                   {SO_ACCEPTCONN, "ACCEPTCONN"},
                   {SO_SNDBUF, "SNDBUF"},
                   {SO_RCVBUF, "RCVBUF"},
                   {SO_RCVLOWAT, "RCVLOWAT"},
                   {SO_SNDLOWAT, "SNDLOWAT"},
                   {SO_PASSCRED, "PASSCRED"},
                   {SO_PASSSEC, "PASSSEC"},
                   {SO_DEBUG, "DEBUG"},
                   {SO_REUSEADDR, "REUSEADDR"},
                   {SO_REUSEPORT, "REUSEPORT"},
                   {SO_DONTROUTE, "DONTROUTE"},
                   {SO_BROADCAST, "BROADCAST"},
                   {SO_KEEPALIVE, "KEEPALIVE"},
                   {SO_OOBINLINE, "OOBINLINE"},
                   {SO_NO_CHECK, "NO_CHECK"},
                   {SO_PRIORITY, "PRIORITY"},
                   {SO_TIMESTAMP, "TIMESTAMP"},
                   {SO_TIMESTAMPNS, "TIMESTAMPNS"},
                   {SO_MARK, "MARK"},
                   {SO_RXQ_OVFL, "RXQ_OVFL"},
                   {SO_PEEK_OFF, "PEEK_OFF"},
                   {SO_LOCK_FILTER, "LOCK_FILTER"},
                   {SO_INCOMING_CPU, "INCOMING_CPU"},
                   {SO_SELECT_ERR_QUEUE, "SELECT_ERR_QUEUE"},
                   {SO_BSDCOMPAT, "BSDCOMPAT"},
                   {999, "999"}};
    int fd = socket(AF_UNIX, type, 0);

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        printf("%d %s: %d\n", type, options[i].text, get_option(fd, options[i].name));
    close(fd);
}

static void flags(void)
{
    static const int names[] = {SO_DEBUG,     SO_REUSEADDR, SO_DONTROUTE,        SO_BROADCAST,
                                SO_KEEPALIVE, SO_OOBINLINE, SO_NO_CHECK,         SO_PASSCRED,
                                SO_PASSSEC,   SO_RXQ_OVFL,  SO_SELECT_ERR_QUEUE, SO_LOCK_FILTER};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int on = set_option(fd, names[i], 5), is = get_option(fd, names[i]), off = set_option(fd, names[i], 0);
        printf("%d: %d %d %d %d\n", names[i], on, is, off, get_option(fd, names[i]));
    }
    show_call(set_option(fd, SO_TYPE, 1));
    show_call(set_option(fd, SO_DOMAIN, 1));
    show_call(set_option(fd, SO_PROTOCOL, 1));
    show_call(set_option(fd, SO_ERROR, 1));
    show_call(set_option(fd, SO_ACCEPTCONN, 1));
    show_call(set_option(fd, SO_PEERCRED, 1));
    show_call(set_option(fd, SO_SNDLOWAT, 1));
    show_call(set_option(fd, SO_ZEROCOPY, 1));
    show_call(set_option(fd, 999, 1));
    show_call(set_option(fd, SO_PRIORITY, 6));
    show("priority", get_option(fd, SO_PRIORITY));
    show_call(set_option(fd, SO_PRIORITY, 1000));
    show_call(set_option(fd, SO_MARK, 77));
    show("mark", get_option(fd, SO_MARK));
    show_call(set_option(fd, SO_INCOMING_CPU, 3));
    show("cpu", get_option(fd, SO_INCOMING_CPU));
    show_call(set_option(fd, SO_RCVLOWAT, 9));
    show("low", get_option(fd, SO_RCVLOWAT));
    show_call(set_option(fd, SO_RCVLOWAT, 0));
    show("low", get_option(fd, SO_RCVLOWAT));
    show_call(set_option(fd, SO_RCVLOWAT, -1));
    show("low", get_option(fd, SO_RCVLOWAT));
    show_call(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
    show_call(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "no-such", 8));
    close(fd);
}

static void unprivileged(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    setuid(1000);
    show_call(set_option(fd, SO_DEBUG, 1));
    show_call(set_option(fd, SO_DEBUG, 0));
    show_call(set_option(fd, SO_PRIORITY, 6));
    show_call(set_option(fd, SO_PRIORITY, 7));
    show_call(set_option(fd, SO_PRIORITY, -1));
    show_call(set_option(fd, SO_MARK, 1));
    show_call(set_option(fd, SO_SNDBUFFORCE, 10000));
    show_call(set_option(fd, SO_RCVBUFFORCE, 10000));
    show_call(set_option(fd, SO_SNDBUF, 10000));
    show("buffer", get_option(fd, SO_SNDBUF));
}

static void buffers(void)
{
    static const int sizes[] = {0, 1, 1000, 2303, 2304, 10000, 106496, 212992};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        printf("%d: %d", sizes[i], set_option(fd, SO_SNDBUF, sizes[i]));
        printf(" %d", get_option(fd, SO_SNDBUF));
        printf(" %d", set_option(fd, SO_RCVBUF, sizes[i]));
        printf(" %d\n", get_option(fd, SO_RCVBUF));
    }
    show_call(set_option(fd, SO_SNDBUFFORCE, 1000000));
    show("forced", get_option(fd, SO_SNDBUF));
    show_call(set_option(fd, SO_SNDBUFFORCE, -1));
    show("forced", get_option(fd, SO_SNDBUF));
    show_call(set_option(fd, SO_RCVBUFFORCE, 1000000));
    show("forced", get_option(fd, SO_RCVBUF));
    close(fd);
}

static void sizes(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), value = -1;
    char bytes[16];
    socklen_t n;

    show_call(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 3));
    show_call(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 0));
    show_call(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, -1));
    show_call(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 1000));
    show_call(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, NULL, 4));
    show_call(setsockopt(fd, 0, SO_KEEPALIVE, &value, 4));
    show_call(setsockopt(fd, 6, 1, &value, 4));
    show_call(setsockopt(0, SOL_SOCKET, SO_KEEPALIVE, &value, 4));
    show_call(setsockopt(1000, SOL_SOCKET, SO_KEEPALIVE, &value, 4));
    for (n = 0; n < 6; n++) {
        socklen_t m = n;
        memset(bytes, 'x', sizeof bytes);
        int result = getsockopt(fd, SOL_SOCKET, SO_SNDBUF, bytes, &m);
        printf("%u: %d length %u ", n, result, m);
        show_bytes("bytes", bytes, 6);
    }
    n = (socklen_t)-1;
    show_call(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, bytes, &n));
    n = 4;
    show_call(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, NULL, &n));
    show_call(getsockopt(fd, SOL_SOCKET, SO_SNDBUF, bytes, NULL));
    show_call(getsockopt(fd, 0, SO_SNDBUF, bytes, &n));
    show_call(getsockopt(0, SOL_SOCKET, SO_SNDBUF, bytes, &n));
    close(fd);
}

static void linger(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct linger l = {7, 5};
    socklen_t n = sizeof l;

    show_call(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l));
    show_call(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &n));
    printf("%d %d %u\n", l.l_onoff, l.l_linger, n);
    l = LINGER_OFF;
    show_call(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l));
    show_call(getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &n));
    printf("%d %d\n", l.l_onoff, l.l_linger);
    show_call(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4));
    close(fd);
}

static void show_timeout(int fd, int name, long seconds, long microseconds)
{
    struct timeval t = {seconds, microseconds};
    socklen_t n = sizeof t;

    printf("%ld.%06ld: ", seconds, microseconds);
    if (setsockopt(fd, SOL_SOCKET, name, &t, sizeof t))
        printf("errno %d, ", errno);
    memset(&t, 0xff, sizeof t);
    if (getsockopt(fd, SOL_SOCKET, name, &t, &n))
        printf("errno %d\n", errno);
    else
        printf("%ld.%06ld %u\n", (long)t.tv_sec, (long)t.tv_usec, n);
}

static void timeouts(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct timeval t = {0, 0};

    show_timeout(fd, SO_RCVTIMEO, 0, 0);
    show_timeout(fd, SO_RCVTIMEO, 1, 500000);
    show_timeout(fd, SO_SNDTIMEO, 2, 0);
    show_timeout(fd, SO_RCVTIMEO, 1, 1000000);
    show_timeout(fd, SO_RCVTIMEO, 1, -1);
    show_timeout(fd, SO_RCVTIMEO, -1, 0);
    show_call(recv(fd, &t, 1, 0)); /* does not wait at all */
    show_timeout(fd, SO_RCVTIMEO, 0, 0);
    show_call(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, 8));
    show_call(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, NULL, sizeof t));
    close(fd);
}

static void show_peer(const char *what, int fd)
{
    struct ucred u = {-5, 5, 5};
    socklen_t n = sizeof u;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &n)) {
        printf("%s: errno %d\n", what, errno);
        return;
    }
    printf("%s: pid %s uid %d gid %d length %u\n", what,
           u.pid == getpid()    ? "own"
           : u.pid == getppid() ? "parent's"
           : u.pid              ? "other"
                                : "0",
           u.uid, u.gid, n);
}

static void peers(void)
{
    int pair[2], listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), server;
    gid_t groups[] = {11, 12, 13}, got[8];
    struct sockaddr_un a;
    socklen_t n = sizeof got;

    show_peer("unconnected", client);
    show_call(getsockopt(client, SOL_SOCKET, SO_PEERGROUPS, got, &n));
    setgroups(3, groups);
    make_pair(SOCK_DGRAM, pair);
    show_peer("pair", pair[0]);
    n = sizeof got;
    show_call(getsockopt(pair[0], SOL_SOCKET, SO_PEERGROUPS, got, &n));
    show("length", n);
    show("group", got[1]);
    n = 8;
    show_call(getsockopt(pair[0], SOL_SOCKET, SO_PEERGROUPS, got, &n));
    show("length", n);
    setgroups(0, NULL);
    bind_to(listener, "@peers");
    show_peer("bound", listener);
    listen(listener, 1);
    show_peer("listening", listener);
    if (fork_clean() == 0) {
        setregid(21, 22);
        setreuid(31, 32);
        show_peer("inherited", pair[0]);
        connect_to(client, "@peers");
        show_peer("client", client);
        child_exit(0);
    }
    wait(NULL);
    server = accept(listener, NULL, NULL);
    show_peer("server: effective ids of a process that is gone", server);
    show_peer("client, seen by another", client);
    n = sizeof a;
    show_call(getsockopt(client, SOL_SOCKET, SO_PEERNAME, &a, &n));
    n = 5;
    show_call(getsockopt(client, SOL_SOCKET, SO_PEERNAME, &a, &n));
    show_name("peer", &a, n);
    show_call(getsockopt(listener, SOL_SOCKET, SO_PEERNAME, &a, &n));
    n = sizeof a;
    show_call(getsockopt(client, SOL_SOCKET, SO_PEERSEC, &a, &n));
    close_pair(pair);
    close(client);
    close(server);
    close(listener);
}

/* Set on the listener, had by who is accepted. */
static void inherited(void)
{
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), server;

    bind_to(listener, "@inherited");
    set_option(listener, SO_PASSCRED, 1);
    set_option(listener, SO_KEEPALIVE, 1);
    set_option(listener, SO_SNDBUF, 10000);
    set_nonblocking(listener, true);
    listen(listener, 1);
    connect_to(client, "@inherited");
    server = accept(listener, NULL, NULL);
    printf("%d %d %d %#x\n", get_option(server, SO_PASSCRED), get_option(server, SO_KEEPALIVE),
           get_option(server, SO_SNDBUF), fcntl(server, F_GETFL));
    close(listener);
    close(client);
    close(server);
}

static void show_stamp(const char *what, int fd)
{
    char bytes[8], control[64];
    struct iovec v = {bytes, 8};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct timespec now, t = {0, 0};

    memset(control, 0, sizeof control);
    printf("%s: %zd", what, recvmsg(fd, &m, MSG_DONTWAIT));
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (h) {
        memcpy(&t, CMSG_DATA(h), sizeof t);
        clock_gettime(CLOCK_REALTIME, &now);
        printf(" type %d length %zu %s", h->cmsg_type, (size_t)h->cmsg_len,
               t.tv_sec >= now.tv_sec - 5 && t.tv_sec <= now.tv_sec + 1 && t.tv_nsec >= 0 ? "now" : "NOT NOW");
    }
    printf("\n");
}

static void stamps(void)
{
    int pair[2];

    make_pair(SOCK_DGRAM, pair);
    send(pair[0], "early", 5, 0);
    show_call(set_option(pair[1], SO_TIMESTAMP, 1));
    send(pair[0], "late", 4, 0);
    show_stamp("before it was asked for", pair[1]);
    show_stamp("after", pair[1]);
    printf("%d %d\n", get_option(pair[1], SO_TIMESTAMP), get_option(pair[1], SO_TIMESTAMPNS));
    show_call(set_option(pair[1], SO_TIMESTAMPNS, 1));
    printf("%d %d\n", get_option(pair[1], SO_TIMESTAMP), get_option(pair[1], SO_TIMESTAMPNS));
    send(pair[0], "x", 1, 0);
    show_stamp("nanoseconds", pair[1]);
    show_call(set_option(pair[1], 63, 1)); /* SO_TIMESTAMP_NEW */
    send(pair[0], "x", 1, 0);
    show_stamp("new", pair[1]);
    show_call(set_option(pair[1], 64, 1));
    send(pair[0], "x", 1, 0);
    show_stamp("new nanoseconds", pair[1]);
    show_call(set_option(pair[1], SO_TIMESTAMP, 0));
    send(pair[0], "x", 1, 0);
    show_stamp("off", pair[1]);
    close_pair(pair);
    make_pair(SOCK_STREAM, pair);
    set_option(pair[1], SO_TIMESTAMP, 1);
    send(pair[0], "x", 1, 0);
    show_stamp("streams have none", pair[1]);
    close_pair(pair);
}

int main(void)
{
    first_values(SOCK_STREAM);
    first_values(SOCK_DGRAM);
    first_values(SOCK_SEQPACKET);
    flags();
    show_child("unprivileged", unprivileged);
    buffers();
    sizes();
    linger();
    timeouts();
    peers();
    inherited();
    stamps();
    return 0;
}
