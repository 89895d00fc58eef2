/*
 * flock and record locks: conflicts between processes and descriptions, splitting, release.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>

#include "abi_test.h"

static long set(int fd, int command, int type, long start, long length)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

    return fcntl(fd, command, &l);
}

static void test(int fd, int command, int type, long start, long length)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    long r = fcntl(fd, command, &l);

    printf("test %ld+%ld: %ld type %d", start, length, r, l.l_type);
    if (l.l_type != F_UNLCK)
        printf(" at %ld+%ld whence %d pid %s", (long)l.l_start, (long)l.l_len, l.l_whence,
               l.l_pid == -1 ? "-1" : l.l_pid == getppid() ? "parent" : "other");
    printf("\n");
}

static void in_child(int fd, void (*ask)(int))
{
    fflush(stdout);
    if (!fork()) {
        ask(fd);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

static void child_view(int fd)
{
    int other = open("f", O_RDWR);

    test(fd, F_GETLK, F_WRLCK, 0, 0);
    test(fd, F_GETLK, F_RDLCK, 0, 0);
    test(fd, F_GETLK, F_WRLCK, 10, 5);
    test(fd, F_GETLK, F_WRLCK, 25, 5);
    test(other, F_OFD_GETLK, F_WRLCK, 0, 0);
    show_call(set(fd, F_SETLK, F_WRLCK, 0, 10));
    show_call(set(fd, F_SETLK, F_RDLCK, 20, 10));
    show_call(set(fd, F_SETLK, F_WRLCK, 20, 10));
    show_call(set(other, F_OFD_SETLK, F_WRLCK, 0, 5));
}

static void records(void)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600), r = open("f", O_RDONLY), w = open("f", O_WRONLY);

    show_call(set(fd, F_SETLK, F_WRLCK, 0, 10));
    show_call(set(fd, F_SETLK, F_RDLCK, 20, 10));
    test(fd, F_GETLK, F_WRLCK, 0, 0);
    in_child(fd, child_view);
    show_call(set(fd, F_SETLK, F_UNLCK, 3, 4));
    in_child(fd, child_view);
    show_call(set(fd, F_SETLK, F_RDLCK, 0, 0));
    in_child(fd, child_view);
    show_call(set(r, F_SETLK, F_WRLCK, 100, 1));
    show_call(set(w, F_SETLK, F_RDLCK, 100, 1));
    show_call(set(fd, F_SETLK, 7, 100, 1));
    show_call(set(fd, F_SETLK, F_RDLCK, -1, 1));
    show_call(set(fd, F_SETLK, F_RDLCK, 5, -10));
    show_call(set(fd, F_SETLK, F_RDLCK, 5, -5));
    show_call(set(99, F_SETLK, F_RDLCK, 5, 5));
    show_call(fcntl(fd, F_SETLK, NULL));
    close(r); /* closing any descriptor of the file drops all record locks of the process */
    in_child(fd, child_view);
    close(fd), close(w);
}

static void whole(void)
{
    int a = open("g", O_CREAT | O_RDWR, 0600), b = open("g", O_RDONLY), c = dup(a);

    show_call(flock(a, LOCK_EX));
    show_call(flock(b, LOCK_EX | LOCK_NB));
    show_call(flock(b, LOCK_SH | LOCK_NB));
    show_call(flock(c, LOCK_EX | LOCK_NB));
    show_call(flock(a, LOCK_SH));
    show_call(flock(b, LOCK_SH | LOCK_NB));
    show_call(flock(a, LOCK_EX | LOCK_NB));
    show_call(flock(b, LOCK_UN));
    close(a);
    show_call(flock(b, LOCK_EX | LOCK_NB));
    close(c);
    show_call(flock(b, LOCK_EX | LOCK_NB));
    show_call(flock(b, 99));
    show_call(flock(99, LOCK_EX));
    a = open("g", O_RDWR);
    fflush(stdout);
    if (!fork()) {
        close(b);
        show_call(flock(a, LOCK_EX)); /* waits for the parent */
        fflush(stdout);
        _exit(0);
    }
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    printf("unlocking\n");
    fflush(stdout);
    flock(b, LOCK_UN);
    wait(NULL);
    close(a), close(b);
}

static void waiting(void)
{
    int fd = open("f", O_RDWR);

    set(fd, F_SETLK, F_WRLCK, 0, 1);
    fflush(stdout);
    if (!fork()) {
        show_call(set(fd, F_SETLK, F_WRLCK, 0, 1));
        show_call(set(fd, F_SETLKW, F_WRLCK, 0, 1));
        fflush(stdout);
        _exit(0);
    }
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    printf("releasing\n");
    fflush(stdout);
    set(fd, F_SETLK, F_UNLCK, 0, 1);
    wait(NULL);
    close(fd);
}

int main(void)
{
    records();
    whole();
    waiting();
    return 0;
}
