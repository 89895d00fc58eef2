/*
 * splice, tee, vmsplice; sendfile into a pipe.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "abi_test.h"

static char block[1 << 18];

static int unread(int fd)
{
    int n = -1;

    ioctl(fd, FIONREAD, &n);
    return n;
}

static unsigned sum(const char *data, long n)
{
    unsigned result = 0;

    for (long i = 0; i < n; i++)
        result = result * 31 + (unsigned char)data[i];
    return result;
}

static int make_file(const char *name, int size)
{
    int fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0600);

    for (int i = 0; i < size; i++)
        block[i] = (char)(i * 7 + i / 251);
    write(fd, block, size);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void between_pipes(void)
{
    int a[2], b[2];
    char text[64] = "";

    pipe(a), pipe(b);
    write(a[1], "hello, world", 12);
    show_call(splice(a[0], NULL, b[1], NULL, 5, 0));
    show_call(splice(a[0], NULL, b[1], NULL, 100, 0));
    show("left", unread(a[0]));
    write(b[1], "!", 1);
    show_call(read(b[0], text, 63));
    puts(text);
    show_call(splice(a[0], NULL, b[1], NULL, 5, SPLICE_F_NONBLOCK));
    write(a[1], "twice", 5);
    show_call(tee(a[0], b[1], 3, 0));
    show_call(tee(a[0], b[1], 100, SPLICE_F_NONBLOCK));
    write(b[1], "+", 1);
    write(a[1], "-", 1);
    memset(text, 0, sizeof text);
    show_call(read(a[0], text, 63));
    puts(text);
    memset(text, 0, sizeof text);
    show_call(read(b[0], text, 63));
    puts(text);
    show_call(tee(a[0], b[1], 10, SPLICE_F_NONBLOCK));
    show_call(splice(a[0], NULL, a[1], NULL, 5, 0));
    show_call(tee(a[0], a[1], 5, 0));
    close(a[1]);
    show_call(splice(a[0], NULL, b[1], NULL, 5, 0));
    show_call(tee(a[0], b[1], 5, 0));
    close(a[0]);
    pipe(a);
    write(a[1], "x", 1);
    close(b[0]);
    signal(SIGPIPE, SIG_IGN);
    show_call(splice(a[0], NULL, b[1], NULL, 5, 0));
    show_call(tee(a[0], b[1], 5, 0));
    show("still there", unread(a[0]));
    close(a[0]), close(a[1]), close(b[1]);
}

static void files(void)
{
    int file = make_file("f", 10000), out = open("g", O_CREAT | O_RDWR | O_TRUNC, 0600), p[2];
    loff_t at = 100, to = 5;
    static char back[20000];

    pipe(p);
    show_call(splice(file, NULL, p[1], NULL, 1000, 0));
    show("position", lseek(file, 0, SEEK_CUR));
    show_call(splice(file, &at, p[1], NULL, 5000, 0));
    show("offset", at);
    show("position", lseek(file, 0, SEEK_CUR));
    show("in the pipe", unread(p[0]));
    show_call(splice(p[0], NULL, out, NULL, 1500, 0));
    show("position", lseek(out, 0, SEEK_CUR));
    show_call(splice(p[0], NULL, out, &to, 100000, 0));
    show("offset", to);
    show("left", unread(p[0]));
    long n = pread(out, back, sizeof back, 0);
    show("size", n);
    show("bytes", sum(back, n));
    at = 9990;
    show_call(splice(file, &at, p[1], NULL, 1000, 0));
    show_call(splice(file, &at, p[1], NULL, 1000, 0));
    show("offset", at);
    show_call(read(p[0], back, 100));
    ftruncate(file, 1 << 18);
    at = 100;
    show_call(splice(file, &at, p[1], NULL, 1 << 18, 0)); /* as many pages as the pipe has places */
    show_call(splice(file, &at, p[1], NULL, 1000, SPLICE_F_NONBLOCK));
    show_call(splice(p[0], NULL, out, NULL, 1 << 20, 0));
    at = 0;
    show_call(sendfile(p[1], file, &at, 3000));
    show("in the pipe", unread(p[0]));
    close(file), close(out), close(p[0]), close(p[1]);
}

static void sockets(void)
{
    int s[2], p[2];
    char text[64] = "";

    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    pipe(p);
    write(p[1], "through", 7);
    show_call(splice(p[0], NULL, s[0], NULL, 100, 0));
    show_call(splice(s[1], NULL, p[1], NULL, 4, 0));
    show_call(splice(s[1], NULL, p[1], NULL, 100, 0));
    show_call(splice(s[1], NULL, p[1], NULL, 100, SPLICE_F_NONBLOCK));
    show_call(read(p[0], text, 63));
    puts(text);
    shutdown(s[0], SHUT_WR);
    show_call(splice(s[1], NULL, p[1], NULL, 100, 0));
    int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR);
    write(p[1], "gone", 4);
    show_call(splice(p[0], NULL, null, NULL, 100, 0));
    show_call(splice(null, NULL, p[1], NULL, 100, 0));
    show_call(splice(zero, NULL, p[1], NULL, 100, 0));
    show("zeros", read(p[0], text, 63) == 63 && !text[0] && !text[62]);
    close(null), close(zero), close(s[0]), close(s[1]), close(p[0]), close(p[1]);
}

static void memory(void)
{
    int p[2];
    char text[64] = "", *pages = mmap(NULL, 1 << 18, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct iovec parts[3] = {{"one ", 4}, {NULL, 0}, {"two", 3}}, into[2] = {{text, 3}, {text + 10, 20}};
    struct iovec large = {pages + 10, 1 << 17}, bad = {(void *)8, 10};

    pipe(p);
    show_call(vmsplice(p[1], parts, 3, 0));
    show("in the pipe", unread(p[0]));
    show_call(vmsplice(p[0], into, 2, 0));
    puts(text), puts(text + 10);
    show_call(vmsplice(p[0], into, 2, SPLICE_F_NONBLOCK));
    show_call(vmsplice(p[1], &large, 1, 0));
    show_call(vmsplice(p[1], parts, 3, SPLICE_F_NONBLOCK));
    show_call(vmsplice(p[0], &(struct iovec){pages, 1 << 18}, 1, 0));
    show_call(vmsplice(p[1], &bad, 1, 0));
    show_call(vmsplice(p[1], parts, 0, 0));
    show_call(vmsplice(p[1], parts, 2000, 0));
    show_call(vmsplice(p[1], (void *)8, 2, 0));
    show_call(vmsplice(p[1], parts, 3, 16));
    show_call(vmsplice(99, parts, 3, 0));
    int file = open("f", O_RDWR);
    show_call(vmsplice(file, parts, 3, 0));
    show_call(vmsplice(file, parts, 0, 0));
    write(p[1], "!", 1);
    vmsplice(p[1], parts, 1, SPLICE_F_GIFT);
    write(p[1], "?", 1);
    memset(text, 0, sizeof text);
    show_call(read(p[0], text, 63));
    puts(text);
    close(file), close(p[0]), close(p[1]);
}

static void packets(void)
{
    int p[2], q[2];
    char text[64] = "";

    pipe2(p, O_DIRECT), pipe(q);
    write(p[1], "first", 5), write(p[1], "second", 6);
    show_call(splice(p[0], NULL, q[1], NULL, 3, 0));
    show_call(read(p[0], text, 1));
    show_call(read(p[0], text, 63));
    show_call(read(q[0], text, 63));
    write(p[1], "third", 5), write(p[1], "fourth", 6);
    show_call(splice(p[0], NULL, q[1], NULL, 100, 0));
    show_call(read(q[0], text, 63));
    show_call(read(q[0], text, 2));
    show_call(read(q[0], text, 0));
    show("dropped", unread(q[0]));
    close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

static void refusals(void)
{
    int p[2], file = open("f", O_RDWR), append = open("f", O_WRONLY | O_APPEND), dir = open(".", O_RDONLY);
    int event = eventfd(1, 0), reader = open("f", O_RDONLY), path = open("f", O_PATH);
    loff_t at = 0, negative = -1;

    pipe(p);
    write(p[1], "data", 4);
    show_call(splice(p[0], NULL, file, NULL, 0, 99));
    show_call(splice(p[0], NULL, file, NULL, 5, 99));
    show_call(splice(99, NULL, file, NULL, 5, 0));
    show_call(splice(p[0], NULL, 99, NULL, 5, 0));
    show_call(splice(p[0], &at, file, NULL, 5, 0));
    show_call(splice(file, NULL, p[1], &at, 5, 0));
    show_call(splice(p[0], NULL, file, (void *)8, 5, 0));
    show_call(splice(p[0], NULL, file, &negative, 5, 0));
    show_call(splice(file, &negative, p[1], NULL, 5, 0));
    show_call(splice(file, NULL, append, NULL, 5, 0));
    show_call(splice(p[0], NULL, append, NULL, 5, 0));
    show_call(splice(p[0], NULL, reader, NULL, 5, 0));
    show_call(splice(p[1], NULL, file, NULL, 5, 0));
    show_call(splice(dir, NULL, p[1], NULL, 5, 0));
    show_call(splice(event, NULL, p[1], NULL, 8, 0));
    show_call(splice(p[0], NULL, event, NULL, 8, 0));
    show_call(splice(path, NULL, p[1], NULL, 8, 0));
    show_call(tee(p[0], file, 5, 0));
    show_call(tee(file, p[1], 5, 0));
    show_call(tee(p[1], p[0], 5, 0));
    show_call(tee(99, p[1], 5, 0));
    show_call(tee(99, 99, 0, 0));
    show_call(tee(99, 99, 0, 99));
    show("untouched", unread(p[0]));
    close(p[0]), close(p[1]), close(file), close(append), close(dir), close(event), close(reader), close(path);
}

static int from[2], to[2];

static void *writer(void *argument)
{
    (void)argument;
    for (int i = 0; i < 100; i++)
        write(from[1], block, 10007);
    close(from[1]);
    return NULL;
}

static void *mover(void *argument)
{
    (void)argument;
    while (splice(from[0], NULL, to[1], NULL, 1 << 16, 0) > 0)
        ;
    close(to[1]);
    return NULL;
}

/* A pump from pipe to pipe while others write and read. */
static void pump(void)
{
    pthread_t w, m;
    unsigned total = 0, wrong = 0;
    static char back[10007];
    long n, at = 0;

    for (int i = 0; i < 10007; i++)
        block[i] = (char)(i * 13);
    pipe(from), pipe(to);
    pthread_create(&w, NULL, writer, NULL);
    pthread_create(&m, NULL, mover, NULL);
    while ((n = read(to[0], back, sizeof back)) > 0) {
        for (long i = 0; i < n; i++, at++)
            wrong += back[i] != block[at % 10007];
        total += (unsigned)n;
    }
    show("total", total);
    show("wrong", wrong);
    pthread_join(w, NULL), pthread_join(m, NULL);
}

static void on_alarm(int signal)
{
    (void)signal;
}

static void interrupted(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    int a[2], b[2];

    pipe(a), pipe(b);
    sigaction(SIGALRM, &action, NULL);
    ualarm(20000, 0);
    show_call(splice(a[0], NULL, b[1], NULL, 10, 0));
    ualarm(20000, 0);
    show_call(tee(a[0], b[1], 10, 0));
    fcntl(b[1], F_SETFL, O_NONBLOCK);
    while (write(b[1], block, 4096) > 0)
        ;
    show_call(splice(a[0], NULL, b[1], NULL, 10, 0));
    write(a[1], "x", 1);
    show_call(splice(a[0], NULL, b[1], NULL, 10, 0));
    struct pollfd p = {b[1], POLLOUT, 0};
    show_call(poll(&p, 1, 0));
    close(a[0]), close(a[1]), close(b[0]), close(b[1]);
}

int main(void)
{
    between_pipes();
    files();
    sockets();
    memory();
    packets();
    refusals();
    pump();
    interrupted();
    return 0;
}
