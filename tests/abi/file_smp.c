/*
 * Many processes on the same names, files, pipes, locks and descriptor tables: what must hold at the end.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "abi_test.h"

enum { WORKERS = 6 };

static void in_parallel(const char *name, void (*work)(int))
{
    int failed = 0, status;

    fflush(stdout);
    for (int n = 0; n < WORKERS; n++) {
        if (!fork()) {
            work(n);
            _exit(0);
        }
    }
    for (int n = 0; n < WORKERS; n++) {
        wait(&status);
        failed += status != 0;
    }
    printf("%s: %d failed\n", name, failed);
}

static unsigned next(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 9;
}

static void names(int worker)
{
    unsigned seed = worker + 1;
    char a[64], b[64], buf[4096];

    for (int n = 0; n < 1500; n++) {
        unsigned r = next(&seed);
        sprintf(a, "t/d%u/%s%u", r & 3, r & 4 ? "d" : "f", r >> 3 & 3);
        sprintf(b, "t/d%u/d%u/x%u", r >> 5 & 3, r >> 7 & 3, r >> 9 & 1);
        switch (r >> 12 & 7) {
        case 0: close(open(a, O_CREAT | O_RDWR, 0600)); break;
        case 1: mkdir(a, 0700); break;
        case 2: rename(a, b); break;
        case 3: rename(b, a); break;
        case 4: unlink(a); rmdir(b); break;
        case 5: link(a, b); break;
        case 6: syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2); break;
        default: {
            int fd = open(a, O_RDONLY);
            syscall(SYS_getdents64, fd, buf, sizeof buf);
            close(fd);
            readlink("/proc/self/cwd", buf, sizeof buf);
        }
        }
    }
}

/* Every file is somewhere once, every directory's links are 2 and its directories. */
static long check_tree(const char *path)
{
    DIR *d = opendir(path);
    struct stat st, sub;
    long wrong = 0, dirs = 0;
    char name[600];

    if (!d || fstat(dirfd(d), &st))
        return 1000;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, e->d_name);
        if (lstat(name, &sub) || sub.st_ino != e->d_ino)
            wrong++;
        else if (S_ISDIR(sub.st_mode))
            dirs++, wrong += check_tree(name);
    }
    closedir(d);
    return wrong + (st.st_nlink != 2 + dirs);
}

static int counter_fd;

static void appends(int worker)
{
    int fd = open("log", O_WRONLY | O_APPEND);
    char line[17];

    sprintf(line, "%015d\n", worker);
    for (int n = 0; n < 500; n++)
        if (write(fd, line, 16) != 16)
            _exit(1);
}

static void shared_position(int worker)
{
    char line[17];

    sprintf(line, "%015d\n", worker);
    for (int n = 0; n < 500; n++)
        if (write(counter_fd, line, 16) != 16)
            _exit(1);
}

static void locked_count(int worker)
{
    int fd = open("count", O_RDWR);
    long value;

    for (int n = 0; n < 200; n++) {
        struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 8};
        if (worker & 1 ? flock(counter_fd = fd, LOCK_EX) : 0)
            _exit(1);
        if (fcntl(fd, F_SETLKW, &l))
            _exit(2);
        pread(fd, &value, 8, 0);
        value++;
        pwrite(fd, &value, 8, 0);
        l.l_type = F_UNLCK;
        fcntl(fd, F_SETLK, &l);
        if (worker & 1)
            flock(fd, LOCK_UN);
    }
}

static int fds[2];

static void pipe_writers(int worker)
{
    char block[512];

    memset(block, 'a' + worker, sizeof block);
    for (int n = 0; n < 400; n++)
        if (write(fds[1], block, sizeof block) != sizeof block)
            _exit(1);
}

/* A reader beside the writers: blocks of 512 are never mixed. */
static void pipes(void)
{
    int status;
    char block[512];
    long total = 0, mixed = 0, n;

    pipe(fds);
    fflush(stdout);
    if (!fork()) {
        close(fds[0]);
        in_parallel("pipe", pipe_writers);
        fflush(stdout);
        _exit(0);
    }
    close(fds[1]);
    while ((n = read(fds[0], block, sizeof block)) > 0) {
        total += n;
        for (int i = 1; i < n; i++)
            mixed += block[i] != block[0];
    }
    wait(&status);
    close(fds[0]);
    printf("pipe total %ld mixed %ld\n", total, mixed);
}

/* Both ends of a fifo opened at the same time, again and again: neither may miss the other. */
static void fifos(void)
{
    long met = 0;
    char c = 'x';

    fflush(stdout);
    for (int n = 0; n < 300; n++) {
        if (!fork()) {
            int w = open("fifo", O_WRONLY);
            _exit(write(w, &c, 1) != 1);
        }
        int r = open("fifo", O_RDONLY);
        met += read(r, &c, 1) == 1;
        close(r);
        wait(NULL);
    }
    show("met", met);
}

static volatile int stop;

static void *opener(void *argument)
{
    while (!stop) {
        int a = open("log", O_RDONLY), b = dup(a), c = fcntl(a, F_DUPFD, 100 + (long)argument * 50);
        close(a), close(b), close(c);
        sched_yield();
    }
    return NULL;
}

/* Threads share one table while it grows and is swept. */
static void tables(void)
{
    pthread_t t[4];

    for (long n = 0; n < 4; n++)
        pthread_create(&t[n], NULL, opener, (void *)n);
    for (int n = 0; n < 300; n++) {
        int fd = fcntl(0, F_DUPFD, 300 + n);
        if (n % 50 == 0)
            syscall(SYS_close_range, 320, 900, 0);
        if (fd < 0)
            printf("no descriptor\n");
    }
    fflush(stdout);
    for (int n = 0; n < 20; n++) {
        if (!fork())
            _exit(0);
        wait(NULL);
    }
    stop = 1;
    for (int n = 0; n < 4; n++)
        pthread_join(t[n], NULL);
    syscall(SYS_close_range, 3, ~0u, 0);
    show("next", dup(0));
    close(3);
}

static int event, set;

static void *waiter(void *argument)
{
    long seen = 0;
    struct epoll_event e;
    uint64_t v;

    while (epoll_wait(set, &e, 1, 2000) == 1)
        seen += read(event, &v, 8) == 8;
    return (void *)seen;
}

static void *signaller(void *argument)
{
    uint64_t one = 1;

    for (int n = 0; n < 1000; n++)
        if (write(event, &one, 8) != 8)
            printf("not written\n");
    return NULL;
}

static void events(void)
{
    pthread_t w[2], s[3];
    void *seen;
    long total = 0;

    event = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
    set = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN};
    epoll_ctl(set, EPOLL_CTL_ADD, event, &e);
    for (int n = 0; n < 2; n++)
        pthread_create(&w[n], NULL, waiter, NULL);
    for (int n = 0; n < 3; n++)
        pthread_create(&s[n], NULL, signaller, NULL);
    for (int n = 0; n < 3; n++)
        pthread_join(s[n], NULL);
    for (int n = 0; n < 2; n++) {
        pthread_join(w[n], &seen);
        total += (long)seen;
    }
    show("events", total);
    close(event), close(set);
}

static char *shared;

static void truncating(int worker)
{
    int fd = open("map", O_RDWR);
    unsigned seed = worker;

    for (int n = 0; n < 300; n++) {
        unsigned r = next(&seed);
        if (worker == 0)
            ftruncate(fd, 65536 + (r & 1) * 65536);
        else if (worker == 1)
            fallocate(fd, 3, r & 0xffff, 4096);
        else if (worker == 2)
            pwrite(fd, "w", 1, r & 0xffff);
        else
            shared[r & 0xffff] = 'm';
    }
}

int main(void)
{
    struct stat st;
    char line[17];
    long value, wrong = 0;

    mkdir("t", 0700);
    for (int n = 0; n < 4; n++) {
        sprintf(line, "t/d%d", n);
        mkdir(line, 0700);
    }
    in_parallel("names", names);
    show("wrong", check_tree("t"));
    close(open("log", O_CREAT | O_RDWR, 0600));
    in_parallel("appends", appends);
    stat("log", &st);
    show("size", st.st_size);
    counter_fd = open("shared", O_CREAT | O_RDWR, 0600);
    in_parallel("shared position", shared_position);
    fstat(counter_fd, &st);
    show("size", st.st_size);
    lseek(counter_fd, 0, SEEK_SET);
    while (read(counter_fd, line, 16) == 16)
        wrong += line[15] != '\n';
    show("torn", wrong);
    close(counter_fd);
    int fd = open("count", O_CREAT | O_RDWR, 0600);
    value = 0;
    write(fd, &value, 8);
    in_parallel("locked", locked_count);
    pread(fd, &value, 8, 0);
    show("count", value);
    close(fd);
    pipes();
    mkfifo("fifo", 0600);
    fifos();
    fd = open("map", O_CREAT | O_RDWR, 0600);
    ftruncate(fd, 65536);
    shared = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    in_parallel("truncating", truncating);
    munmap(shared, 65536);
    close(fd);
    tables();
    events();
    return 0;
}
