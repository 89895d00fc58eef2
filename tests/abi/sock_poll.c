/*
 * What poll(2) and epoll(7) say of AF_UNIX sockets in each state, edges, and calls that wait: for data, for room, for a
 * connection, with timeouts and signals.
 */
#include "tests/abi/socket_test.h"

#include <sys/epoll.h>

#define ALL_EVENTS (POLLIN | POLLPRI | POLLOUT | POLLRDHUP | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND)

static int fds[2], listener, client;

static void states(int type)
{
    int pair[2], fd = socket(AF_UNIX, type, 0);

    printf("type %d\n", type);
    show_poll("new", fd, ALL_EVENTS);
    if (type != SOCK_DGRAM) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        socklen_t n = sizeof a;
        int other = socket(AF_UNIX, type, 0), server;
        bind(fd, ADDRESS(a), PATH_OFFSET);
        show_poll("bound", fd, ALL_EVENTS);
        listen(fd, 1);
        show_poll("listening", fd, ALL_EVENTS);
        getsockname(fd, ADDRESS(a), &n);
        connect(other, ADDRESS(a), n);
        show_poll("to be accepted", fd, ALL_EVENTS);
        show_poll("not yet accepted", other, ALL_EVENTS);
        server = accept(fd, NULL, NULL);
        show_poll("accepted", fd, ALL_EVENTS);
        show_poll("server", server, ALL_EVENTS);
        shutdown(fd, SHUT_RD);
        show_poll("shut listener", fd, ALL_EVENTS);
        close(server);
        close(other);
    }
    close(fd);
    make_pair(type, pair);
    show_poll("connected", pair[0], ALL_EVENTS);
    send(pair[0], "x", 1, 0);
    show_poll("data", pair[1], ALL_EVENTS);
    show_poll("data, only asked for room", pair[1], POLLOUT);
    shutdown(pair[0], SHUT_WR);
    show_poll("shut for writing", pair[0], ALL_EVENTS);
    show_poll("its peer, with data", pair[1], ALL_EVENTS);
    recv(pair[1], &fd, 1, 0);
    show_poll("its peer", pair[1], ALL_EVENTS);
    shutdown(pair[1], SHUT_WR);
    show_poll("both shut", pair[0], ALL_EVENTS);
    show_poll("nothing asked for", pair[0], 0);
    close_pair(pair);
    make_pair(type, pair);
    shutdown(pair[0], SHUT_RD);
    show_poll("shut for reading", pair[0], ALL_EVENTS);
    show_poll("its peer", pair[1], ALL_EVENTS);
    close_pair(pair);
    make_pair(type, pair);
    send(pair[0], "x", 1, 0);
    close(pair[0]);
    show_poll("closed peer, data", pair[1], ALL_EVENTS);
    recv(pair[1], &fd, 1, 0);
    show_poll("closed peer", pair[1], ALL_EVENTS);
    close(pair[1]);
    make_pair(type, pair);
    send(pair[0], "x", 1, 0);
    close(pair[1]);
    show_poll("closed peer that did not read", pair[0], ALL_EVENTS);
    get_option(pair[0], SO_ERROR);
    show_poll("error taken", pair[0], ALL_EVENTS);
    close(pair[0]);
}

static int set;

static void show_epoll(const char *what)
{
    struct epoll_event e[4];
    int n = epoll_wait(set, e, 4, 0);

    printf("%s: %d", what, n);
    for (int i = 0; i < n; i++)
        printf(" %u:%#x", e[i].data.u32, e[i].events);
    printf("\n");
}

static void watch(int fd, uint32_t events, uint32_t number)
{
    struct epoll_event e = {.events = events, .data.u32 = number};

    epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
}

/* EPOLLET: each arrival is news, reading is none; nor is room for writing, unless asked for. */
static void edges(void)
{
    int pair[2];
    char bytes[8];

    make_pair(SOCK_STREAM, pair);
    set = epoll_create1(0);
    watch(pair[1], EPOLLIN | EPOLLET, 1);
    watch(pair[0], EPOLLOUT | EPOLLET, 2);
    show_epoll("at first");
    show_epoll("no news");
    send(pair[0], "abc", 3, 0);
    show_epoll("data");
    show_epoll("no news");
    send(pair[0], "d", 1, 0);
    show_epoll("more");
    recv(pair[1], bytes, 2, 0);
    show_epoll("read a part");
    recv(pair[1], bytes, 1, 0);
    show_epoll("read the rest of one");
    send(pair[1], "x", 1, 0);
    show_epoll("for who only writes");
    recv(pair[0], bytes, 8, 0);
    show_epoll("room for who only reads");
    shutdown(pair[0], SHUT_WR);
    show_epoll("shut");
    close(pair[0]);
    show_epoll("closed");
    close(pair[1]);
    close(set);

    make_pair(SOCK_STREAM, pair);
    set = epoll_create1(0);
    watch(pair[1], EPOLLRDHUP | EPOLLET, 3);
    show_epoll("at first");
    shutdown(pair[0], SHUT_WR);
    show_epoll("shut");
    show_epoll("no news");
    watch(pair[0], EPOLLET, 4); /* only what is always told */
    close(pair[1]);
    show_epoll("gone");
    close(pair[0]);
    close(set);
}

static void levels(void)
{
    int pair[2];
    char byte;

    make_pair(SOCK_DGRAM, pair);
    set = epoll_create1(0);
    watch(pair[1], EPOLLIN, 1);
    watch(pair[0], EPOLLIN | EPOLLOUT | EPOLLONESHOT, 2);
    show_epoll("at first");
    show_epoll("one shot only");
    send(pair[0], "a", 1, 0);
    send(pair[0], "b", 1, 0);
    show_epoll("data");
    recv(pair[1], &byte, 1, 0);
    show_epoll("still");
    recv(pair[1], &byte, 1, 0);
    show_epoll("none");
    close_pair(pair);
    close(set);
}

/* A server's queue that is full for a client that is not its peer. */
static void room_at_the_server(void)
{
    int server = socket(AF_UNIX, SOCK_DGRAM, 0), fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    char byte;

    bind_to(server, "@room");
    connect_to(fd, "@room");
    set = epoll_create1(0);
    watch(fd, EPOLLOUT | EPOLLET, 1);
    show_epoll("at first");
    while (send(fd, "x", 1, 0) == 1)
        ;
    show_epoll("full");
    recv(server, &byte, 1, 0);
    show_epoll("room");
    while (send(fd, "x", 1, 0) == 1)
        ;
    show_epoll("full again");
    close(server);
    show_epoll("gone");
    close(fd);
    close(set);
}

static void read_one(void)
{
    char byte;

    read(fds[1], &byte, 1);
}

static void write_two(void)
{
    write(fds[1], "a", 1);
    usleep(20000);
    write(fds[1], "b", 1);
}

static void close_end(void)
{
    close(fds[1]);
}

static void accept_one(void)
{
    close(accept(listener, NULL, NULL));
}

static void connect_one(void)
{
    connect_to(client, "@waiting");
    write(client, "hello", 5);
}

static void waiting(int type)
{
    char bytes[4] = "";
    pid_t pid;

    printf("type %d\n", type);
    make_pair(type, fds);
    pid = later(20, write_two);
    show_call(read(fds[0], bytes, 4));
    show_call(read(fds[0], bytes, 4));
    waitpid(pid, NULL, 0);
    if (type == SOCK_STREAM) {
        pid = later(20, write_two);
        show_call(recv(fds[0], bytes, 2, MSG_WAITALL));
        waitpid(pid, NULL, 0);
        set_option(fds[0], SO_RCVLOWAT, 2);
        pid = later(20, write_two);
        show_call(read(fds[0], bytes, 4));
        waitpid(pid, NULL, 0);
    }
    if (type != SOCK_DGRAM) {
        pid = later(20, close_end);
        close(fds[1]);
        show_call(read(fds[0], bytes, 4));
        waitpid(pid, NULL, 0);
    }
    close(fds[0]);
    close(fds[1]);
}

static void waiting_for_room(void)
{
    static char big[300000];
    pid_t pid;
    int count = 0;

    make_pair(SOCK_SEQPACKET, fds);
    set_nonblocking(fds[0], true);
    while (send(fds[0], "x", 1, 0) == 1)
        count++;
    set_nonblocking(fds[0], false);
    pid = fork_clean();
    if (pid == 0) {
        usleep(20000);
        for (int i = 0; i < count; i++)
            read_one();
        child_exit(0);
    }
    show_call(send(fds[0], "y", 1, 0));
    waitpid(pid, NULL, 0);
    close_pair(fds);

    make_pair(SOCK_STREAM, fds);
    pid = fork_clean();
    if (pid == 0) {
        size_t all = 0;
        static char got[70000];
        for (ssize_t n; all < sizeof big && (n = read(fds[1], got, sizeof got)) > 0; all += (size_t)n)
            ;
        child_exit(all == sizeof big ? 0 : 1);
    }
    show_call(write(fds[0], big, sizeof big));
    int status;
    waitpid(pid, &status, 0);
    show_status("reader", status);
    close_pair(fds);
}

static void waiting_for_connections(void)
{
    char bytes[8];
    int server;
    pid_t pid;

    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    bind_to(listener, "@waiting");
    listen(listener, 0);
    pid = later(20, connect_one);
    show_ok(server = accept(listener, NULL, NULL));
    show_call(read(server, bytes, 8));
    waitpid(pid, NULL, 0);
    close(server);
    show_call(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "@waiting"));
    pid = later(20, accept_one);
    show_call(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), "@waiting"));
    waitpid(pid, NULL, 0);
    struct timeval t = {0, 50000};
    server = socket(AF_UNIX, SOCK_STREAM, 0);
    setsockopt(server, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    show_call(connect_to(server, "@waiting"));
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    close(accept(listener, NULL, NULL));
    show_call(accept(listener, NULL, NULL));
    close(listener);
    close(client);
}

static void nothing(int number)
{
}

/* Restarted with SA_RESTART, but for those that a timeout limits. */
static void interrupted(int flags, bool limited)
{
    struct sigaction action = {.sa_handler = nothing, .sa_flags = flags};
    struct timeval limit = {5, 0};
    char bytes[4];
    pid_t pid, parent = getpid();

    sigaction(SIGUSR1, &action, NULL);
    make_pair(SOCK_STREAM, fds);
    if (limited)
        setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    pid = fork_clean();
    if (pid == 0) {
        usleep(30000);
        kill(parent, SIGUSR1);
        usleep(30000);
        write(fds[1], "after", 5);
        child_exit(0);
    }
    show_call(recv(fds[0], bytes, 4, 0));
    waitpid(pid, NULL, 0);
    close_pair(fds);
}

static void timed(int type)
{
    struct timeval t = {0, 60000};
    struct timespec start;
    char bytes[4];

    make_pair(type, fds);
    setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    clock_gettime(CLOCK_MONOTONIC, &start);
    show_call(recv(fds[0], bytes, 4, 0));
    long ms = elapsed_ms(&start);
    CHECK(ms >= 50 && ms < 3000);
    while (send(fds[0], "x", 1, MSG_DONTWAIT) == 1)
        ;
    clock_gettime(CLOCK_MONOTONIC, &start);
    show_call(send(fds[0], "x", 1, 0));
    ms = elapsed_ms(&start);
    CHECK(ms >= 50 && ms < 3000);
    close_pair(fds);
}

int main(void)
{
    states(SOCK_STREAM);
    states(SOCK_SEQPACKET);
    states(SOCK_DGRAM);
    edges();
    levels();
    room_at_the_server();
    waiting(SOCK_STREAM);
    waiting(SOCK_DGRAM);
    waiting(SOCK_SEQPACKET);
    waiting_for_room();
    waiting_for_connections();
    interrupted(0, false);
    interrupted(SA_RESTART, false);
    interrupted(SA_RESTART, true);
    timed(SOCK_STREAM);
    timed(SOCK_DGRAM);
    return 0;
}
