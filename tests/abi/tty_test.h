/*
 * For the programs about terminals: each makes pairs of its own.  On Linux bytes travel through a pair by a kernel
 * thread, so what is to arrive is waited for, and what is not to arrive a moment.
 */
#ifndef TESTS_ABI_TTY_TEST_H
#define TESTS_ABI_TTY_TEST_H

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>

#include "abi_test.h"

#define ARRIVES_MS 1000 /* at most */
#define QUIET_MS   15   /* nothing more is coming */
#define NOTHING_MS 40

struct pair {
    int master, slave;
};

static inline struct pair pair_open(void)
{
    struct pair p = {.master = posix_openpt(O_RDWR | O_NOCTTY)};

    if (p.master < 0 || grantpt(p.master) || unlockpt(p.master)) {
        printf("no pseudoterminal: errno %d\n", errno);
        exit(1);
    }
    p.slave = open(ptsname(p.master), O_RDWR | O_NOCTTY);
    if (p.slave < 0) {
        printf("no slave: errno %d\n", errno);
        exit(1);
    }
    return p;
}

static inline void pair_close(struct pair *p)
{
    close(p->slave);
    close(p->master);
}

static inline void show_bytes(const char *what, const char *bytes, long n)
{
    printf("%s: ", what);
    if (n < 0)
        printf("errno %d", errno);
    for (long i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c < ' ' || c >= 127 || c == '\\')
            printf("\\x%02x", c);
        else
            putchar(c);
    }
    printf(n >= 0 ? " (%ld)\n" : "\n", n);
    fflush(stdout);
}

/* One read. */
static inline void show_read(const char *what, int fd, size_t room)
{
    char buffer[8192];
    long n = read(fd, buffer, room < sizeof buffer ? room : sizeof buffer);

    show_bytes(what, buffer, n);
}

static inline bool readable_in(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, ms) > 0 && (p.revents & POLLIN);
}

/* Everything that comes, in one line. */
static inline void show_arriving(const char *what, int fd, int first_ms)
{
    char buffer[16384];
    long n = 0;
    int ms = first_ms;

    while (n < (long)sizeof buffer && readable_in(fd, ms)) {
        long some = read(fd, buffer + n, sizeof buffer - (size_t)n);
        if (some <= 0)
            break;
        n += some;
        ms = QUIET_MS;
    }
    show_bytes(what, buffer, n);
}

static inline void put(int fd, const char *text)
{
    long n = write(fd, text, strlen(text));

    if (n != (long)strlen(text))
        printf("wrote %ld, errno %d\n", n, errno);
}

/* Type it, and show what the master then reads (echo). */
static inline void type_and_show(struct pair *p, const char *what, const char *text)
{
    put(p->master, text);
    show_arriving(what, p->master, ARRIVES_MS);
}

static inline void set_modes(int fd, tcflag_t in_clear, tcflag_t in_set, tcflag_t local_clear, tcflag_t local_set)
{
    struct termios t;

    tcgetattr(fd, &t);
    t.c_iflag = (t.c_iflag & ~in_clear) | in_set;
    t.c_lflag = (t.c_lflag & ~local_clear) | local_set;
    if (tcsetattr(fd, TCSANOW, &t))
        printf("tcsetattr: errno %d\n", errno);
}

static inline void set_raw(int fd, int least, int tenths)
{
    struct termios t;

    tcgetattr(fd, &t);
    cfmakeraw(&t);
    t.c_cc[VMIN] = (cc_t)least;
    t.c_cc[VTIME] = (cc_t)tenths;
    if (tcsetattr(fd, TCSANOW, &t))
        printf("tcsetattr: errno %d\n", errno);
}

static inline long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
