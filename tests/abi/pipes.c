/*
 * Pipes, poll and select.
 */
#include <poll.h>
#include <sys/select.h>

#include "tests/abi/abi_test.h"

static void simple(void)
{
    int p[2];
    char buffer[100];

    SHOW(pipe(p));
    SHOW(p[0]);
    SHOW(p[1]);
    SHOW(write(p[1], "hello", 5));
    SHOW(read(p[0], buffer, 3));
    SHOW(read(p[0], buffer, 100));
    SHOW(write(p[0], "x", 1));
    SHOW(read(p[1], buffer, 1));
    SHOW(lseek(p[0], 0, SEEK_SET));
    SHOW(pipe((int *)1));
    SHOW(close(p[1]));
    SHOW(read(p[0], buffer, 1));
    SHOW(close(p[0]));
    SHOW(pipe2(p, O_NONBLOCK | O_CLOEXEC));
    SHOW(read(p[0], buffer, 1));
    SHOW(fcntl(p[0], F_GETFD));
    char *big = calloc(1, 1 << 20);
    SHOW(write(p[1], big, 1 << 20));
    SHOW(write(p[1], big, 1));
    SHOW(read(p[0], big, 1 << 20));
    SHOW(pipe2(p, 0x12345));
    close(p[0]);
    close(p[1]);
    free(big);
}

static void through_processes(void)
{
    int p[2], q[2];
    unsigned char block[5000];
    unsigned long sum = 0, total = 0;

    if (pipe(p) || pipe(q))
        return;
    if (fork() == 0) {
        close(p[0]);
        for (int i = 0; i < 200; i++) {
            memset(block, i, sizeof block);
            if (write(p[1], block, sizeof block) != sizeof block)
                _exit(1);
        }
        _exit(0);
    }
    if (fork() == 0) { /* passes it on in odd pieces */
        close(p[1]);
        close(q[0]);
        for (ssize_t n = read(p[0], block, 777); n > 0; n = read(p[0], block, 777)) {
            if (write(q[1], block, (size_t)n) != n)
                _exit(1);
        }
        _exit(0);
    }
    close(p[0]);
    close(p[1]);
    close(q[1]);
    for (ssize_t n = read(q[0], block, sizeof block); n > 0; n = read(q[0], block, sizeof block)) {
        for (ssize_t i = 0; i < n; i++)
            sum = sum * 31 + block[i];
        total += (unsigned long)n;
    }
    printf("%lu bytes, sum %lu\n", total, sum);
    show_status("one", (wait(NULL) > 0) - 1);
    show_status("two", (wait(NULL) > 0) - 1);
}

static void show_poll(const char *what, struct pollfd *f, int n, int timeout)
{
    int r = poll(f, (nfds_t)n, timeout);

    printf("%s: %d", what, r);
    for (int i = 0; i < n; i++)
        printf(" %#x", f[i].revents);
    printf("\n");
    fflush(stdout);
}

static void polling(void)
{
    int p[2];

    if (pipe(p))
        return;
    struct pollfd f[3] = {{p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {-5, POLLIN, 0}};
    show_poll("empty", f, 3, 0);
    if (write(p[1], "x", 1) != 1)
        return;
    show_poll("one byte", f, 3, -1);
    f[1].fd = 99;
    show_poll("bad descriptor", f, 3, 1000);
    f[1].fd = -1;
    char c;
    SHOW(read(p[0], &c, 1));
    show_poll("timeout", f, 3, 30);
    if (fork() == 0) {
        usleep(20000);
        _exit(write(p[1], "y", 1) == 1 ? 0 : 1);
    }
    show_poll("woken", f, 3, 5000);
    wait(NULL);
    SHOW(read(p[0], &c, 1));
    close(p[1]);
    show_poll("hung up", f, 1, 1000);
    show_poll("nothing", NULL, 0, 5);
    SHOW(poll((struct pollfd *)1, 1, 0));
    close(p[0]);
}

static void selecting(void)
{
    int p[2];
    fd_set in, out;
    struct timeval t = {0, 20000};

    if (pipe(p))
        return;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(p[0], &in);
    FD_SET(p[1], &out);
    SHOW(select(p[1] + 1, &in, &out, NULL, NULL));
    printf("%d %d\n", FD_ISSET(p[0], &in), FD_ISSET(p[1], &out));
    FD_SET(p[0], &in);
    SHOW(select(p[0] + 1, &in, NULL, NULL, &t));
    printf("%d\n", FD_ISSET(p[0], &in));
    FD_SET(p[0], &in);
    SHOW(write(p[1], "z", 1));
    SHOW(select(p[0] + 1, &in, NULL, NULL, NULL));
    FD_ZERO(&in);
    FD_SET(50, &in);
    SHOW(select(51, &in, NULL, NULL, NULL));
    SHOW(select(-1, NULL, NULL, NULL, NULL));
}

int main(void)
{
    simple();
    through_processes();
    polling();
    selecting();
    return 0;
}
