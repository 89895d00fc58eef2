/*
 * timerfd and memfd_create.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#include "abi_test.h"

static void nap(int ms)
{
    nanosleep(&(struct timespec){0, ms * 1000000L}, NULL);
}

static void timers(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), file = open("f", O_CREAT | O_RDWR, 0600);
    struct itimerspec once = {{0, 0}, {0, 30000000}}, off = {{0, 0}, {0, 0}}, old, bad = {{0, 0}, {0, 1000000000}};
    struct itimerspec often = {{0, 5000000}, {0, 5000000}};
    struct pollfd p = {fd, POLLIN, 0};
    char text[64] = "", path[32];
    uint64_t n = 0;
    struct stat st;

    show_call(timerfd_create(77, 0));
    show_call(timerfd_create(CLOCK_MONOTONIC, 1));
    fstat(fd, &st);
    printf("mode %o flags %x\n", st.st_mode, fcntl(fd, F_GETFL));
    sprintf(path, "/proc/self/fd/%d", fd);
    readlink(path, text, 60);
    printf("%s\n", text);
    show_call(read(fd, &n, 8));
    show_call(read(fd, &n, 7));
    show_call(write(fd, &n, 8));
    show_call(lseek(fd, 5, SEEK_SET));
    show_call(timerfd_settime(fd, 0, &bad, NULL));
    show_call(timerfd_settime(fd, 8, &once, NULL));
    show_call(timerfd_settime(file, 0, &once, NULL));
    show_call(timerfd_settime(99, 0, &once, NULL));
    show_call(timerfd_settime(fd, 0, NULL, NULL));
    show_call(timerfd_gettime(file, &old));
    show_call(timerfd_settime(fd, 0, &once, &old));
    printf("old %ld.%ld\n", old.it_value.tv_sec, old.it_value.tv_nsec);
    show_call(poll(&p, 1, 0));
    show_call(timerfd_gettime(fd, &old));
    show("running", old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 30000000);
    show_call(poll(&p, 1, 5000));
    show_call(read(fd, &n, 8));
    show("n", n);
    show_call(read(fd, &n, 8));
    show_call(timerfd_gettime(fd, &old));
    printf("left %ld.%ld\n", old.it_value.tv_sec, old.it_value.tv_nsec);
    timerfd_settime(fd, 0, &often, NULL);
    nap(52);
    show_call(read(fd, &n, 8));
    show("several", n >= 9);
    fcntl(fd, F_SETFL, 0);
    show_call(read(fd, &n, 8));
    show("more", n >= 1);
    show_call(timerfd_settime(fd, 0, &off, &old));
    printf("interval %ld\n", old.it_interval.tv_nsec);
    show_call(poll(&p, 1, 20));
    struct itimerspec past = {{0, 0}, {1, 0}};
    show_call(timerfd_settime(fd, TFD_TIMER_ABSTIME, &past, NULL));
    show_call(read(fd, &n, 8));
    show("n", n);
    close(fd);
    fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
    clock_gettime(CLOCK_REALTIME, &past.it_value);
    past.it_value.tv_sec -= 5;
    show_call(timerfd_settime(fd, TFD_TIMER_ABSTIME, &past, NULL));
    show_call(read(fd, &n, 8));
    close(fd), close(file);
}

/* Nothing here sets the clock: what that does is looked at by tests/run/clock_step.c. */
static void alarms_and_flags(void)
{
    struct itimerspec s = {{0, 0}, {0, 1000000}}, past = {{0, 0}, {1, 0}}, far = {{0, 0}, {4000000000, 0}};
    uint64_t n = 0;

    for (int clock = CLOCK_REALTIME_ALARM; clock <= CLOCK_BOOTTIME_ALARM; clock++) {
        int fd = timerfd_create(clock, 0);
        show("made", fd >= 0);
        show_call(timerfd_settime(fd, 0, &s, NULL));
        show_call(read(fd, &n, 8));
        show("n", n);
        show_call(timerfd_settime(fd, TFD_TIMER_ABSTIME, &past, NULL));
        show_call(read(fd, &n, 8));
        close(fd);
    }
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK), other = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    show_call(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL));
    show_call(read(fd, &n, 8));
    show_call(timerfd_settime(fd, TFD_TIMER_CANCEL_ON_SET, &s, NULL));
    show_call(timerfd_settime(other, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL));
    show_call(timerfd_settime(fd, 4, NULL, NULL));
    show_call(timerfd_settime(fd, 4, &s, NULL));
    close(fd), close(other);
    if (setuid(1000) == 0)
        show_call(timerfd_create(CLOCK_REALTIME_ALARM, 0));
}

static void memory_files(void)
{
    int fd = syscall(SYS_memfd_create, "thing", 1);
    char text[64] = "", path[32], longer[300];
    struct stat st;

    show_call(syscall(SYS_memfd_create, "x", 0x80));
    show_call(syscall(SYS_memfd_create, NULL, 0));
    memset(longer, 'x', 299), longer[249] = 0;
    show_ok(syscall(SYS_memfd_create, longer, 0));
    longer[249] = 'x', longer[250] = 0;
    show_ok(syscall(SYS_memfd_create, longer, 0));
    fstat(fd, &st);
    printf("mode %o links %ld size %ld flags %x fd %x\n", st.st_mode, (long)st.st_nlink, (long)st.st_size,
           fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
    sprintf(path, "/proc/self/fd/%d", fd);
    readlink(path, text, 60);
    printf("%s\n", text);
    show_call(ftruncate(fd, 10000));
    char *p = mmap(NULL, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    fflush(stdout);
    if (!fork()) {
        p[9000] = 'c';
        _exit(0);
    }
    wait(NULL);
    show("shared", p[9000]);
    int again = open(path, O_RDONLY);
    show_call(pread(again, text, 1, 9000));
    printf("%c\n", text[0]);
    show_call(lseek(fd, 0, SEEK_END));
    show_call(write(fd, "abc", 3));
    close(fd), close(again);
    /* a program in a memfd */
    fd = syscall(SYS_memfd_create, "exe", 0);
    int self = open("/proc/self/exe", O_RDONLY);
    static char block[65536];
    for (long n; (n = read(self, block, sizeof block)) > 0;)
        write(fd, block, n);
    sprintf(path, "/proc/self/fd/%d", fd);
    int rd = open(path, O_RDONLY | O_CLOEXEC);
    close(rd); /* the descriptor that made the file does not count as a writer */
    fflush(stdout);
    fexecve(fd, (char *[]){"again", "again", NULL}, (char *[]){NULL});
    printf("not executed: errno %d\n", errno);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "again")) {
        char text[64] = "";
        readlink("/proc/self/exe", text, 60);
        printf("executed from %s\n", text);
        return 0;
    }
    timers();
    show_child("alarms", alarms_and_flags);
    memory_files();
    return 0;
}
