/*
 * How much work gets done by one worker, and by several at once: scaling WHAT WORKERS SECONDS prints the number of
 * operations of all of them and the seconds they took.  WHAT: getpid, fault (touching and dropping anonymous pages) or pipe
 * (a byte written and read).  Each worker is a process of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGES 64
#define BATCH 64

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static unsigned long batch(const char *what, const int *pipe_ends, char *pages)
{
    char byte = 0;

    if (!strcmp(what, "fault")) {
        for (int i = 0; i < PAGES; i++)
            pages[i * 4096] = 1;
        madvise(pages, PAGES * 4096, MADV_DONTNEED);
        return PAGES;
    }
    for (int i = 0; i < BATCH; i++) {
        if (what[0] == 'g')
            syscall(SYS_getpid);
        else if (write(pipe_ends[1], &byte, 1) != 1 || read(pipe_ends[0], &byte, 1) != 1)
            exit(1);
    }
    return BATCH;
}

int main(int argc, char **argv)
{
    int results[2], status;
    unsigned long sum = 0, n;

    if (argc != 4 || pipe(results))
        return 2;
    double start = now(), end = start + atof(argv[3]);
    for (int i = 0; i < atoi(argv[2]); i++) {
        if (fork())
            continue;
        char *pages = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int ends[2];
        if (pages == MAP_FAILED || pipe(ends))
            _exit(1);
        for (n = 0; now() < end;)
            n += batch(argv[1], ends, pages);
        _exit(write(results[1], &n, sizeof n) != sizeof n);
    }
    for (int i = 0; i < atoi(argv[2]); i++)
        if (wait(&status) < 0 || status || read(results[0], &n, sizeof n) != sizeof n)
            return 1;
        else
            sum += n;
    printf("%lu %.3f\n", sum, now() - start);
    return 0;
}
