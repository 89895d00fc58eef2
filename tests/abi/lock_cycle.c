/*
 * EDEADLK of F_SETLKW: of processes that wait for each other's record locks in a circle one is refused, and with what it then
 * gives up the others go on.  Who is refused is a matter of time, that it is one is not.  Locks of descriptions, and of whole
 * files, are not looked for in circles; none is tried here, as it would wait for ever.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "abi_test.h"

#define CIRCLE_MAX 9
#define TURNS 100

static long set(int fd, int command, int type, long start)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = 1};

    return fcntl(fd, command, &l);
}

/* Says that it holds its byte, and waits until all do. */
static void meet(const int say[2], const int hear[2])
{
    char c = 0;

    if (write(say[1], &c, 1) != 1 || read(hear[0], &c, 1) != 1)
        _exit(99);
}

/* Holds a byte, and wants its neighbour's.  How it ended: 1, it was refused; 0, it got it. */
static int member(int fd, int number, int count, const int say[2], const int hear[2])
{
    if (set(fd, F_SETLK, F_WRLCK, number))
        return 98;
    meet(say, hear);
    if (!set(fd, F_SETLKW, F_WRLCK, (number + 1) % count))
        return 0;
    return errno == EDEADLK ? 1 : 97;
}

/* Their ends, summed: what is held goes with the process. */
static void circle(int fd, int count)
{
    int say[2], hear[2], refused = 0, others = 0, status;
    char c[CIRCLE_MAX] = {0};

    if (pipe(say) || pipe(hear))
        exit(1);
    fflush(stdout);
    for (int i = 0; i < count; i++)
        if (!fork())
            _exit(member(fd, i, count, say, hear));
    for (int i = 0; i < count; i++)
        if (read(say[0], c, 1) != 1)
            exit(1);
    if (write(hear[1], c, (size_t)count) != count)
        exit(1);
    while (wait(&status) > 0) {
        refused += WIFEXITED(status) && WEXITSTATUS(status) == 1;
        others += !WIFEXITED(status) || WEXITSTATUS(status) > 1;
    }
    printf("%d in a circle: %d refused, %d otherwise\n", count, refused, others);
    close(say[0]);
    close(say[1]);
    close(hear[0]);
    close(hear[1]);
}

/* One that waits for what its own process has is no circle; nor is one who waits for somebody that has just stopped waiting. */
static void turns(int fd)
{
    int errors = 0, status = 0;

    fflush(stdout);
    pid_t child = fork();
    for (int i = 0; i < TURNS; i++) {
        errors += set(fd, F_SETLKW, F_WRLCK, child != 0) != 0;
        errors += set(fd, F_SETLKW, F_UNLCK, child != 0) != 0;
        errors += set(fd, F_SETLKW, F_WRLCK, child == 0) != 0;
        errors += set(fd, F_SETLKW, F_UNLCK, child == 0) != 0;
    }
    if (!child)
        _exit(errors);
    waitpid(child, &status, 0);
    printf("%d turns without a circle: %d and %d refused\n", TURNS, errors, WEXITSTATUS(status));
}

int main(void)
{
    int fd = open("f", O_CREAT | O_RDWR, 0600);

    for (int count = 2; count <= CIRCLE_MAX; count++)
        circle(fd, count);
    turns(fd);
    show_call(set(fd, F_SETLKW, F_WRLCK, 0));
    show_call(set(fd, F_SETLKW, F_RDLCK, 0));
    return 0;
}
