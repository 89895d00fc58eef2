/*
 * Pipes and fifos: blocking and not, atomic writes, ends, signals, sizes, poll's view.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "abi_test.h"

static char buf[200000];
static int fds[2];

static void events(const char *what, int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM, 0};
    int n = poll(&p, 1, 0);

    printf("%s: poll %d events %x\n", what, n, p.revents);
}

static void basics(void)
{
    struct stat st;
    int n;

    show_call(pipe(fds));
    printf("%d %d\n", fds[0], fds[1]);
    fstat(fds[0], &st);
    printf("mode %o size %ld links %ld blksize %ld\n", st.st_mode, (long)st.st_size, (long)st.st_nlink, (long)st.st_blksize);
    printf("flags %x %x\n", fcntl(fds[0], F_GETFL), fcntl(fds[1], F_GETFL));
    events("empty r", fds[0]), events("empty w", fds[1]);
    show_call(write(fds[1], "hello", 5));
    events("5 r", fds[0]);
    show_call(ioctl(fds[0], FIONREAD, &n));
    show("n", n);
    show_call(read(fds[0], buf, 3));
    show_call(read(fds[0], buf, 100));
    show_call(read(fds[1], buf, 1));
    show_call(write(fds[0], buf, 1));
    show_call(lseek(fds[0], 0, SEEK_CUR));
    show_call(pread(fds[0], buf, 1, 0));
    show_call(pwrite(fds[1], buf, 1, 0));
    show_call(ftruncate(fds[1], 0));
    show_call(fsync(fds[1]));
    show_call(fallocate(fds[1], 0, 0, 1));
    show_call(write(fds[1], "", 0));
    show_call(read(fds[0], buf, 0));
    show_call(write(fds[1], NULL, 5));
    show_call(write(fds[1], "abc", 3));
    show_call(read(fds[0], NULL, 5));
    show_call(read(fds[0], buf, 5));
    show_call(pipe2(fds + 1, 0x1));
    show_call(pipe((int *)8));
    show_call(close(fds[1]));
    events("no writer r", fds[0]);
    show_call(read(fds[0], buf, 5));
    close(fds[0]);
    pipe(fds);
    close(fds[0]);
    signal(SIGPIPE, SIG_IGN);
    events("no reader w", fds[1]);
    show_call(write(fds[1], "x", 1));
    show_call(write(fds[1], "", 0));
    signal(SIGPIPE, SIG_DFL);
    fflush(stdout);
    int status;
    if (!fork()) {
        write(fds[1], "x", 1);
        _exit(0);
    }
    wait(&status);
    show("signal", WTERMSIG(status));
    close(fds[1]);
}

static void full(void)
{
    int total = 0, n;

    show_call(pipe2(fds, O_NONBLOCK | O_CLOEXEC));
    printf("flags %x fd %x\n", fcntl(fds[0], F_GETFL), fcntl(fds[0], F_GETFD));
    show_call(read(fds[0], buf, 1));
    while ((n = write(fds[1], buf, 1000)) > 0)
        total += n;
    printf("by 1000: %d errno %d\n", total, errno);
    show_call(write(fds[1], buf, 1));
    events("full w", fds[1]);
    show_call(read(fds[0], buf, 4000));
    events("after 4000 w", fds[1]);
    show_call(read(fds[0], buf, 96));
    events("after 4096 w", fds[1]);
    show_call(write(fds[1], buf, 4096));
    show_call(write(fds[1], buf, 5000));
    show_call(read(fds[0], buf, sizeof buf));
    show_call(write(fds[1], buf, 100000));
    show_call(read(fds[0], buf, 10000));
    show_call(write(fds[1], buf, 5000));
    show_call(read(fds[0], buf, sizeof buf));
    total = 0;
    while ((n = write(fds[1], "x", 1)) > 0)
        total += n;
    printf("by 1: %d\n", total);
    show_call(fcntl(fds[0], F_GETPIPE_SZ));
    show_call(fcntl(fds[1], F_SETPIPE_SZ, 100));
    show_call(fcntl(fds[1], F_SETPIPE_SZ, 131072));
    show_call(fcntl(fds[1], F_GETPIPE_SZ));
    show_call(write(fds[1], buf, 100000));
    show_call(read(fds[0], buf, sizeof buf));
    show_call(fcntl(fds[1], F_SETPIPE_SZ, 5000));
    show_call(fcntl(fds[1], F_SETPIPE_SZ, 0));
    show_call(write(fds[1], buf, 100000));
    show_call(read(fds[0], buf, sizeof buf));
    int file = open("plain", O_CREAT | O_RDWR, 0600);
    show_call(fcntl(file, F_GETPIPE_SZ));
    close(file), close(fds[0]), close(fds[1]);
    show_call(pipe2(fds, O_DIRECT | O_NONBLOCK));
    show_call(write(fds[1], "one", 3));
    show_call(write(fds[1], "three", 5));
    show_call(read(fds[0], buf, 100));
    show_call(read(fds[0], buf, 2));
    show_call(read(fds[0], buf, 100));
    close(fds[0]), close(fds[1]);
}

static void nap(int ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000L}, NULL);
}

static void blocking(void)
{
    pipe(fds);
    fflush(stdout);
    if (!fork()) {
        close(fds[0]);
        for (int i = 0; i < 20; i++) {
            memset(buf, 'a' + i, 10000);
            write(fds[1], buf, 10000);
        }
        _exit(0);
    }
    close(fds[1]);
    long total = 0, n, wrong = 0;
    nap(30);
    while ((n = read(fds[0], buf, 777)) > 0) {
        for (int i = 0; i < n; i++)
            wrong += buf[i] != 'a' + (total + i) / 10000;
        total += n;
    }
    printf("total %ld wrong %ld\n", total, wrong);
    wait(NULL);
    close(fds[0]);
    /* a reader that waits is woken by data, then by the end */
    pipe(fds);
    fflush(stdout);
    if (!fork()) {
        close(fds[0]);
        nap(30);
        write(fds[1], "late", 4);
        nap(30);
        _exit(0);
    }
    close(fds[1]);
    show_call(read(fds[0], buf, 100));
    show_call(read(fds[0], buf, 100));
    wait(NULL);
    close(fds[0]);
}

static void on_alarm(int sig)
{
}

static void interrupted(void)
{
    struct sigaction a = {.sa_handler = on_alarm};

    sigaction(SIGALRM, &a, NULL);
    pipe(fds);
    ualarm(30000, 0);
    show_call(read(fds[0], buf, 1));
    ualarm(30000, 0);
    show_call(write(fds[1], buf, 100000));
    ualarm(30000, 0);
    show_call(write(fds[1], buf, 100000));
    a.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &a, NULL);
    fflush(stdout);
    if (!fork()) {
        nap(80);
        read(fds[0], buf, 100000);
        _exit(0);
    }
    ualarm(30000, 0);
    show_call(write(fds[1], buf, 4096));
    wait(NULL);
    close(fds[0]), close(fds[1]);
}

static void fifos(void)
{
    show_call(mkfifo("fifo", 0600));
    show_call(open("fifo", O_WRONLY | O_NONBLOCK));
    int r = open("fifo", O_RDONLY | O_NONBLOCK);
    show("opened", r >= 0);
    events("never written r", r);
    show_call(read(r, buf, 1));
    int w = open("fifo", O_WRONLY | O_NONBLOCK);
    show_call(read(r, buf, 1));
    show_call(write(w, "data", 4));
    close(w);
    events("data and hang-up r", r);
    show_call(read(r, buf, 10));
    events("hang-up r", r);
    show_call(read(r, buf, 10));
    close(r);
    int both = open("fifo", O_RDWR);
    show_call(write(both, "loop", 4));
    show_call(read(both, buf, 10));
    close(both);
    fflush(stdout);
    if (!fork()) {
        nap(30);
        w = open("fifo", O_WRONLY);
        write(w, "hi", 2);
        _exit(0);
    }
    r = open("fifo", O_RDONLY);
    show_call(read(r, buf, 10));
    show_call(read(r, buf, 10));
    wait(NULL);
    close(r);
    struct sigaction a = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &a, NULL);
    ualarm(30000, 0);
    show_call(open("fifo", O_RDONLY));
    show_call(unlink("fifo"));
    /* a pipe is opened again by way of /proc */
    pipe(fds);
    char path[64];
    sprintf(path, "/proc/self/fd/%d", fds[1]);
    w = open(path, O_WRONLY);
    show_call(write(w, "again", 5));
    show_call(read(fds[0], buf, 10));
    close(fds[1]);
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    show_call(read(fds[0], buf, 10));
    close(w);
    show_call(read(fds[0], buf, 10));
    sprintf(path, "/proc/self/fd/%d", fds[0]);
    long n = readlink(path, buf, 100);
    printf("%.6s\n", n > 0 ? buf : "?");
    close(fds[0]);
}

int main(void)
{
    basics();
    full();
    blocking();
    interrupted();
    fifos();
    return 0;
}
