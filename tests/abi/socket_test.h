/*
 * For the tests of AF_UNIX sockets: addresses, and showing what came.
 */
#ifndef TESTS_ABI_SOCKET_TEST_H
#define TESTS_ABI_SOCKET_TEST_H

#include "tests/abi/abi_test.h"

#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#define ADDRESS(a)  ((struct sockaddr *)&(a))
#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

/* A name: '@' in front stands for the NUL of an abstract one.  Its length as programs count it. */
static inline socklen_t set_name(struct sockaddr_un *a, const char *name)
{
    size_t n = strlen(name);

    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    memcpy(a->sun_path, name, n);
    if (name[0] != '@')
        return (socklen_t)(PATH_OFFSET + n + 1);
    a->sun_path[0] = 0;
    return (socklen_t)(PATH_OFFSET + n);
}

static inline int bind_to(int fd, const char *name)
{
    struct sockaddr_un a;
    socklen_t n = set_name(&a, name);

    return bind(fd, ADDRESS(a), n);
}

static inline int connect_to(int fd, const char *name)
{
    struct sockaddr_un a;
    socklen_t n = set_name(&a, name);

    return connect(fd, ADDRESS(a), n);
}

static inline void show_bytes(const char *what, const char *bytes, long n)
{
    printf("%s: \"", what);
    for (long i = 0; i < n; i++)
        printf(bytes[i] >= ' ' && bytes[i] <= '~' ? "%c" : "\\%o", (unsigned char)bytes[i]);
    printf("\"\n");
}

static inline void show_name(const char *what, const struct sockaddr_un *a, socklen_t length)
{
    printf("%s: length %u", what, length);
    if (length >= sizeof a->sun_family)
        printf(" family %d", a->sun_family);
    if (length > PATH_OFFSET) {
        printf(" ");
        show_bytes("name", a->sun_path, (long)(length - PATH_OFFSET));
    } else {
        printf("\n");
    }
}

static inline void show_names(const char *what, int fd)
{
    struct sockaddr_un a;
    socklen_t n = sizeof a;

    memset(&a, 'x', sizeof a);
    printf("%s ", what);
    if (getsockname(fd, ADDRESS(a), &n))
        printf("getsockname: errno %d\n", errno);
    else
        show_name("own", &a, n);
    memset(&a, 'x', sizeof a);
    n = sizeof a;
    printf("%s ", what);
    if (getpeername(fd, ADDRESS(a), &n))
        printf("getpeername: errno %d\n", errno);
    else
        show_name("peer", &a, n);
}

/* read() what is there, up to n bytes. */
static inline void show_read(const char *what, int fd, size_t n)
{
    char buffer[4096];
    ssize_t got = read(fd, buffer, n);

    if (got < 0)
        printf("%s: errno %d\n", what, errno);
    else
        show_bytes(what, buffer, got);
    fflush(stdout);
}

static inline void show_receive(const char *what, int fd, size_t n, int flags)
{
    char buffer[4096];
    ssize_t got;

    memset(buffer, '.', sizeof buffer);
    got = recv(fd, buffer, n, flags);
    if (got < 0) {
        printf("%s: errno %d\n", what, errno);
    } else {
        printf("%s: %zd ", what, got);
        show_bytes("bytes", buffer, got < (ssize_t)n ? got : (ssize_t)n);
    }
    fflush(stdout);
}

static inline void make_pair(int type, int pair[2])
{
    if (socketpair(AF_UNIX, type, 0, pair))
        printf("socketpair: errno %d\n", errno);
}

static inline void close_pair(const int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

static inline void show_poll(const char *what, int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    int n = poll(&p, 1, 0);

    printf("%s: %d events %#x\n", what, n, p.revents);
}

static inline int get_option(int fd, int name)
{
    int value = -1;
    socklen_t n = sizeof value;

    return getsockopt(fd, SOL_SOCKET, name, &value, &n) ? -errno : value;
}

static inline int set_option(int fd, int name, int value)
{
    return setsockopt(fd, SOL_SOCKET, name, &value, sizeof value);
}

static inline void set_nonblocking(int fd, bool on)
{
    fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0);
}

/* A process that does something a little later. */
static inline pid_t later(int milliseconds, void (*body)(void))
{
    pid_t pid = fork_clean();

    if (pid == 0) {
        usleep((useconds_t)milliseconds * 1000);
        body();
        child_exit(0);
    }
    return pid;
}

static inline long elapsed_ms(const struct timespec *since)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000;
}

#endif
