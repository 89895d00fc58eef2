/*
 * AF_UNIX streams: making them, connecting, accepting, bytes both ways, ends, and every wrong argument on the way.
 */
#include "tests/abi/socket_test.h"

static void creation(void)
{
    int fd, pair[2] = {-1, -1};
    struct stat st;
    char link[64], path[64];

    show_ok(fd = socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK(fcntl(fd, F_GETFL) == O_RDWR && fcntl(fd, F_GETFD) == 0);
    fstat(fd, &st);
    printf("mode %o size %lld links %ld\n", st.st_mode, (long long)st.st_size, (long)st.st_nlink);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, link, sizeof link - 1);
    link[n > 0 ? n : 0] = 0;
    snprintf(path, sizeof path, "socket:[%llu]", (unsigned long long)st.st_ino);
    CHECK(!strcmp(link, path));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    show_call(open(path, O_RDWR));
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK(fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(fd, F_GETFD) == FD_CLOEXEC);
    close(fd);
    show_call(socket(AF_UNIX, SOCK_STREAM | 0x100, 0));
    show_call(socket(AF_UNIX, 7, 0));
    show_call(socket(AF_UNIX, 11, 0));
    show_call(socket(AF_UNIX, SOCK_RDM, 0));
    show_call(socket(AF_UNIX, SOCK_STREAM, 2));
    show_ok(fd = socket(AF_UNIX, SOCK_STREAM, AF_UNIX));
    close(fd);
    show_call(socket(-1, SOCK_STREAM, 0));
    show_call(socket(46, SOCK_STREAM, 0));
    show_call(socket(AF_UNSPEC, SOCK_STREAM, 0));
    show_call(socket(AF_APPLETALK, SOCK_STREAM, 0));
    show_call(socketpair(AF_UNIX, SOCK_STREAM | 0x100, 0, pair));
    show_call(socketpair(AF_UNIX, SOCK_STREAM, 2, pair));
    show_call(socketpair(AF_UNIX, SOCK_STREAM, 0, NULL));
    show_call(socketpair(AF_APPLETALK, SOCK_STREAM, 0, pair));
    show_call(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair));
    CHECK(fcntl(pair[0], F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(pair[1], F_GETFD) == FD_CLOEXEC);
    close_pair(pair);
}

static void bytes(void)
{
    int pair[2], n = -1;
    struct iovec out[] = {{"one", 3}, {"", 0}, {"two", 3}}, in[2];
    char a[4], b[4];

    make_pair(SOCK_STREAM, pair);
    show_names("pair", pair[0]);
    show_call(write(pair[0], "hello", 5));
    show_call(write(pair[0], " world", 6));
    show_call(ioctl(pair[1], FIONREAD, &n));
    show("unread", n);
    show_read("part", pair[1], 3);
    show_read("joined", pair[1], 100);
    show_call(writev(pair[1], out, 3));
    in[0] = (struct iovec){a, 4};
    in[1] = (struct iovec){b, 4};
    show_call(readv(pair[0], in, 2));
    show_bytes("first", a, 4);
    show_bytes("second", b, 2);
    show_call(write(pair[0], "", 0));
    show_call(ioctl(pair[1], FIONREAD, &n));
    show("unread", n);
    show_call(read(pair[1], a, 0));
    show_call(send(pair[0], "x", 1, MSG_DONTWAIT));
    show_call(recv(pair[1], a, 4, MSG_DONTWAIT));
    show_call(recv(pair[1], a, 4, MSG_DONTWAIT));
    show_call(lseek(pair[0], 0, SEEK_CUR));
    show_call(pread(pair[0], a, 1, 0));
    show_call(pwrite(pair[0], a, 1, 0));
    show_call(fsync(pair[0]));
    show_call(ftruncate(pair[0], 0));
    show_call(ioctl(pair[0], FIONREAD, NULL));
    show_call(ioctl(pair[0], 0x5401, a));
    show_call(mmap(NULL, 4096, PROT_READ, MAP_SHARED, pair[0], 0) == MAP_FAILED ? -1 : 0);
    close_pair(pair);
}

static void peeking(void)
{
    int pair[2];

    make_pair(SOCK_STREAM, pair);
    send(pair[0], "abc", 3, 0);
    send(pair[0], "def", 3, 0);
    show_receive("peek", pair[1], 100, MSG_PEEK);
    show_receive("peek 4", pair[1], 4, MSG_PEEK);
    show_receive("read 4", pair[1], 4, 0);
    show_receive("peek rest", pair[1], 100, MSG_PEEK);
    show_receive("rest with trunc", pair[1], 100, MSG_TRUNC);
    show_receive("peek nothing", pair[1], 100, MSG_PEEK | MSG_DONTWAIT);
    show_call(set_option(pair[1], SO_PEEK_OFF, 0));
    send(pair[0], "0123", 4, 0);
    send(pair[0], "4567", 4, 0);
    show_receive("offset peek", pair[1], 2, MSG_PEEK);
    show("offset", get_option(pair[1], SO_PEEK_OFF));
    show_receive("offset peek", pair[1], 3, MSG_PEEK);
    show("offset", get_option(pair[1], SO_PEEK_OFF));
    show_receive("read", pair[1], 2, 0);
    show("offset", get_option(pair[1], SO_PEEK_OFF));
    show_receive("offset peek", pair[1], 9, MSG_PEEK);
    show_receive("offset peek", pair[1], 9, MSG_PEEK | MSG_DONTWAIT);
    show_receive("read", pair[1], 9, 0);
    show("offset", get_option(pair[1], SO_PEEK_OFF));
    close_pair(pair);
}

static void ends(void)
{
    int pair[2];

    signal(SIGPIPE, SIG_IGN);
    make_pair(SOCK_STREAM, pair);
    send(pair[0], "last", 4, 0);
    close(pair[0]);
    show_receive("after close", pair[1], 10, 0);
    show_receive("end", pair[1], 10, 0);
    show_call(send(pair[1], "x", 1, 0));
    show("error", get_option(pair[1], SO_ERROR));
    show_names("of a closed peer", pair[1]);
    close(pair[1]);

    make_pair(SOCK_STREAM, pair);
    send(pair[0], "unread", 6, 0);
    close(pair[1]);
    show("error after unread data", get_option(pair[0], SO_ERROR));
    show("error again", get_option(pair[0], SO_ERROR));
    show_receive("end", pair[0], 10, 0);
    close(pair[0]);

    make_pair(SOCK_STREAM, pair);
    send(pair[0], "unread", 6, 0);
    close(pair[1]);
    show_call(send(pair[0], "x", 1, 0));
    show_receive("after reset", pair[0], 10, 0);
    close(pair[0]);

    make_pair(SOCK_STREAM, pair);
    show_call(shutdown(pair[0], 3));
    show_call(shutdown(pair[0], -1));
    send(pair[0], "before", 6, 0);
    show_call(shutdown(pair[0], SHUT_WR));
    show_call(send(pair[0], "x", 1, 0));
    show_receive("rest", pair[1], 10, 0);
    show_receive("end", pair[1], 10, 0);
    show_call(send(pair[1], "back", 4, 0));
    show_receive("other way", pair[0], 10, 0);
    show_call(shutdown(pair[1], SHUT_WR));
    show_receive("end", pair[0], 10, 0);
    close_pair(pair);

    make_pair(SOCK_STREAM, pair);
    send(pair[1], "kept", 4, 0);
    show_call(shutdown(pair[0], SHUT_RD));
    show_receive("what was there", pair[0], 10, 0);
    show_receive("end", pair[0], 10, 0);
    show_call(send(pair[1], "x", 1, 0));
    show_call(send(pair[0], "still", 5, 0));
    close_pair(pair);
    show_call(shutdown(socket(AF_UNIX, SOCK_STREAM, 0), SHUT_RDWR));
}

static void broken_pipe(void)
{
    int pair[2];

    signal(SIGPIPE, SIG_DFL);
    make_pair(SOCK_STREAM, pair);
    close(pair[1]);
    show_call(send(pair[0], "x", 1, MSG_NOSIGNAL));
    fflush(stdout);
    write(pair[0], "x", 1);
}

/* Nobody has accepted, somebody has, and the errors of both sides. */
static void connections(void)
{
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0), server;
    struct sockaddr_un a;
    socklen_t n = sizeof a;

    show_call(listen(listener, 5));
    show_call(accept(listener, NULL, NULL));
    show_call(connect_to(client, "nothing"));
    show_call(bind_to(listener, "stream"));
    show_call(connect_to(client, "stream"));
    show_call(listen(listener, 5));
    show("listens", get_option(listener, SO_ACCEPTCONN));
    show_call(listen(listener, 6));
    set_nonblocking(listener, true);
    show_call(accept(listener, NULL, NULL));
    show_call(connect_to(client, "stream"));
    show_names("client", client);
    show_call(connect_to(client, "stream"));
    show_call(connect_to(listener, "stream"));
    show_call(listen(client, 1));
    show_call(send(client, "early", 5, 0));
    memset(&a, 'x', sizeof a);
    show_ok(server = accept4(listener, ADDRESS(a), &n, SOCK_NONBLOCK | SOCK_CLOEXEC));
    show_name("who", &a, n);
    CHECK(fcntl(server, F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(server, F_GETFD) == FD_CLOEXEC);
    show_names("server", server);
    show_receive("early", server, 10, 0);
    show_receive("no more", server, 10, 0);
    show_call(send(server, "answer", 6, 0));
    show_receive("answer", client, 10, 0);
    show_call(accept4(listener, NULL, NULL, 1));
    show_call(accept4(server, NULL, NULL, 0));
    show_call(accept4(1000, NULL, NULL, 1));
    show_call(accept(0, NULL, NULL));
    show_receive("of a listener", listener, 1, 0);
    signal(SIGPIPE, SIG_IGN);
    show_call(send(listener, "x", 1, 0));
    close(client);
    close(server);
    close(listener);
    show_call(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "stream"));
    unlink("stream");
}

static void backlog(void)
{
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), fds[6], server;
    char byte;

    bind_to(listener, "@backlog");
    show_call(listen(listener, 2));
    for (int i = 0; i < 6; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        printf("connection %d: ", i);
        show_call(connect_to(fds[i], "@backlog"));
    }
    server = accept(listener, NULL, NULL);
    show_call(connect_to(fds[4], "@backlog"));
    show_call(connect_to(fds[5], "@backlog"));
    write(fds[0], "0", 1);
    show_call(read(server, &byte, 1));
    show("first in, first out", byte);
    close(server);
    show_call(listen(listener, 3));
    show_call(connect_to(fds[5], "@backlog"));
    show_call(shutdown(listener, SHUT_RD));
    show_call(connect_to(fds[3], "@backlog"));
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    close(listener); /* with connections that nobody accepted */
    show("reset", get_option(fds[4], SO_ERROR));
    show_receive("end", fds[4], 1, 0);
    for (int i = 3; i < 6; i++)
        close(fds[i]);
}

static void stream_addresses(void)
{
    int pair[2], fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un a;
    socklen_t n = set_name(&a, "@to");
    char byte;

    make_pair(SOCK_STREAM, pair);
    show_call(sendto(pair[0], "x", 1, 0, ADDRESS(a), n));
    show_call(sendto(fd, "x", 1, 0, ADDRESS(a), n));
    show_call(send(fd, "x", 1, MSG_NOSIGNAL));
    show_receive("not connected", fd, 1, 0);
    send(pair[0], "xy", 2, 0);
    n = sizeof a;
    show_call(recvfrom(pair[1], &byte, 1, 0, ADDRESS(a), &n));
    show("length of no name", n);
    n = (socklen_t)-1;
    show_call(recvfrom(pair[1], &byte, 1, 0, ADDRESS(a), &n));
    show_call(sendto(pair[0], (void *)8, 1, 0, NULL, 0));
    show_call(sendto(pair[0], "x", 1, 0, (struct sockaddr *)8, 16));
    show_call(sendto(pair[0], "x", 1, 0, ADDRESS(a), 129));
    show_call(sendto(pair[0], "x", 1, 0, ADDRESS(a), -1));
    show_call(sendto(1000, "x", 1, 0, NULL, 0));
    show_call(sendto(0, "x", 1, 0, NULL, 0));
    close_pair(pair);
}

int main(void)
{
    creation();
    bytes();
    peeking();
    ends();
    show_child("broken pipe", broken_pipe);
    connections();
    backlog();
    stream_addresses();
    return 0;
}
