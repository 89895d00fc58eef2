/*
 * Much data through a pair: nothing is lost, nobody waits for ever, buffers have an end.
 */
#include <pthread.h>

#include "tty_test.h"

#define MUCH (1 << 18)

static struct pair p;
static char *data, *back;

static void fill(bool lines)
{
    uint32_t state = 12345;

    for (int i = 0; i < MUCH; i++) {
        state = state * 1664525 + 1013904223;
        data[i] = lines ? (char)('a' + (state >> 16) % 26) : (char)(state >> 16);
        if (lines && i % 61 == 60)
            data[i] = '\n';
    }
    data[MUCH - 1] = lines ? '\n' : 'x';
}

static void *write_all(void *fd)
{
    long done = 0;

    while (done < MUCH) {
        long n = write(*(int *)fd, data + done, (size_t)(MUCH - done < 10007 ? MUCH - done : 10007));
        if (n <= 0)
            break;
        done += n;
    }
    return (void *)done;
}

static long read_all(int fd, long wanted)
{
    long done = 0;

    while (done < wanted && readable_in(fd, 5 * ARRIVES_MS)) {
        long n = read(fd, back + done, (size_t)(wanted - done < 3001 ? wanted - done : 3001));
        if (n <= 0)
            break;
        done += n;
    }
    return done;
}

static void transfer(const char *what, int from, int to, bool same)
{
    pthread_t writer;
    void *written;

    memset(back, 0, MUCH);
    pthread_create(&writer, NULL, write_all, &from);
    long n = read_all(to, MUCH);
    pthread_join(writer, &written);
    printf("%s: %ld written, %ld read, %s\n", what, (long)written, n,
           !same || !memcmp(data, back, MUCH) ? "equal" : "DIFFERENT");
}

/* What an end takes while nobody reads the other: something, and not everything. */
static long until_full(int fd, char c, size_t piece)
{
    char bytes[512];
    long total = 0, n;
    int flags = fcntl(fd, F_GETFL);

    memset(bytes, c, sizeof bytes);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    for (int waited = 0; total < MUCH && waited < 3; waited++) { /* Linux may be moving what it has */
        while (total < MUCH && (n = write(fd, bytes, piece)) > 0) {
            total += n;
            waited = 0;
        }
        usleep(50000);
    }
    int error = errno;
    struct pollfd f = {.fd = fd, .events = POLLOUT};
    printf("full: errno %d, %s, writable %d\n", total < MUCH ? error : 0,
           total >= 4095 && total < 65536 ? "of a size" : "WRONG", poll(&f, 1, 0) > 0);
    fcntl(fd, F_SETFL, flags);
    return total;
}

static void drain(const char *what, int fd, long expected)
{
    long total = 0;

    while (readable_in(fd, 100)) {
        long n = read(fd, back, MUCH);
        if (n <= 0)
            break;
        total += n;
    }
    printf("%s: all of it %d\n", what, total == expected);
}

static void show_full(void)
{
    p = pair_open();
    set_raw(p.slave, 1, 0);
    long n = until_full(p.slave, 'a', 100);
    drain("master", p.master, n);
    n = until_full(p.master, 'b', 100);
    drain("slave", p.slave, n);
    n = until_full(p.slave, 'a', 512);
    struct pollfd f = {.fd = p.slave, .events = POLLOUT};
    drain("master", p.master, n);
    show_call(poll(&f, 1, ARRIVES_MS));
    show_call(write(p.slave, "more", 4));
    show_arriving("more", p.master, ARRIVES_MS);
    /* Lines: as many as fit, then the writer waits. */
    set_modes(p.slave, 0, 0, 0, ICANON);
    n = until_full(p.master, '\n', 100);
    drain("lines", p.slave, n);
    /* An endless line never fills it. */
    fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK);
    memset(data, 'x', MUCH);
    long total = 0;
    for (int i = 0; i < 40; i++) {
        n = write(p.master, data, 1000);
        total += n > 0 ? n : 0;
        usleep(2000);
    }
    show("endless line", total);
    put(p.master, "\n");
    show_call(readable_in(p.slave, ARRIVES_MS));
    show("its length", read(p.slave, back, MUCH));
    pair_close(&p);
}

/* A writer that waits for room hears of the other end's closing. */
static void show_closing(void)
{
    int status;

    p = pair_open();
    set_raw(p.slave, 1, 0);
    pid_t child = fork_clean();
    if (!child) {
        close(p.master);
        alarm(10);
        long n = write(p.slave, data, MUCH);
        int error = n < 0 ? errno : 0;
        printf("writer of the slave: %s\n", n > 0 && n < MUCH ? "a part" : error == EIO ? "EIO" : "WRONG");
        show_call(write(p.slave, data, 1));
        child_exit(0);
    }
    usleep(100000);
    close(p.master);
    waitpid(child, &status, 0);
    show_status("writer of the slave", status);
    close(p.slave);

    p = pair_open();
    set_raw(p.slave, 1, 0);
    child = fork_clean();
    if (!child) {
        signal(SIGALRM, SIG_DFL);
        alarm(1);
        write(p.slave, data, MUCH);
        write(p.slave, data, MUCH);
        _exit(0);
    }
    waitpid(child, &status, 0);
    show_status("killed while it waits", status);
    pair_close(&p);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    data = malloc(MUCH);
    back = malloc(MUCH);
    fill(false);
    p = pair_open();
    set_raw(p.slave, 1, 0);
    transfer("typed, raw", p.master, p.slave, true);
    transfer("written, raw", p.slave, p.master, true);
    set_raw(p.slave, 100, 1);
    transfer("typed, VMIN 100", p.master, p.slave, true);
    pair_close(&p);
    fill(true);
    p = pair_open();
    set_modes(p.slave, 0, 0, ECHO, 0);
    transfer("typed, lines", p.master, p.slave, true);
    set_modes(p.slave, 0, 0, 0, ECHO);
    pair_close(&p);
    show_full();
    show_closing();
    return 0;
}
