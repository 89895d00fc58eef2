/*
 * Random mmap, munmap, mprotect, mremap, madvise and fork on a small arena, against a model of one record per page. 
 * What the kernel lets be read and written is asked through a pipe, which says EFAULT instead of raising a signal.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tests/abi/abi_test.h"

#define PAGE 4096UL
#define PAGES 48
#define ARENA ((unsigned char *)0x200000000)
#define ROUNDS 2000

static struct {
    int prot; /* -1: not mapped */
    unsigned char value;
    int shared;
} model[PAGES];

static uint32_t seed = 12345;
static int pipes[2];
static unsigned long checks, forks;

static unsigned random_below(unsigned n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static void fail(const char *what, unsigned page, int round)
{
    printf("round %d: page %u: %s\n", round, page, what);
    fflush(stdout);
    _exit(1);
}

static void check_page(unsigned i, int round)
{
    unsigned char byte = 0;
    ssize_t n = write(pipes[1], ARENA + i * PAGE + 17, 1);

    checks++;
    if ((n == 1) != (model[i].prot > 0))
        fail(n == 1 ? "readable" : "not readable", i, round);
    if (n == 1 && (read(pipes[0], &byte, 1) != 1 || byte != model[i].value))
        fail("wrong contents", i, round);
    byte = (unsigned char)random_below(256);
    if (write(pipes[1], &byte, 1) != 1)
        fail("pipe", i, round);
    n = read(pipes[0], ARENA + i * PAGE + 17, 1);
    if ((n == 1) != (model[i].prot > 0 && (model[i].prot & PROT_WRITE)))
        fail(n == 1 ? "writable" : "not writable", i, round);
    if (n == 1)
        model[i].value = byte;
    else if (read(pipes[0], &byte, 1) != 1)
        fail("pipe", i, round);
}

static int random_prot(void)
{
    static const int prots[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE};

    return prots[random_below(4)];
}

static void do_map(unsigned at, unsigned n, int round)
{
    int prot = random_prot(), shared = random_below(4) == 0;

    int flags = (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS | MAP_FIXED;

    if (mmap(ARENA + at * PAGE, n * PAGE, prot, flags, -1, 0) == MAP_FAILED)
        fail("mmap", at, round);
    for (unsigned i = at; i < at + n; i++) {
        model[i].prot = prot;
        model[i].value = 0;
        model[i].shared = shared;
    }
}

static void do_unmap(unsigned at, unsigned n, int round)
{
    if (munmap(ARENA + at * PAGE, n * PAGE))
        fail("munmap", at, round);
    for (unsigned i = at; i < at + n; i++)
        model[i].prot = -1;
}

static void do_protect(unsigned at, unsigned n, int round)
{
    int prot = random_prot(), error = mprotect(ARENA + at * PAGE, n * PAGE, prot);
    unsigned i = at;

    for (; i < at + n && model[i].prot >= 0; i++)
        model[i].prot = prot;
    if ((error == 0) != (i == at + n))
        fail("mprotect", at, round);
}

static void do_discard(unsigned at, unsigned n, int round)
{
    int holes = 0;

    for (unsigned i = at; i < at + n; i++) {
        if (model[i].prot < 0)
            holes = 1;
        else if (!model[i].shared)
            model[i].value = 0;
    }
    if ((madvise(ARENA + at * PAGE, n * PAGE, MADV_DONTNEED) == 0) != !holes)
        fail("madvise", at, round);
}

/* Moves of ranges that are alike, so that they are surely one area. */
static void do_move(unsigned from, unsigned n, int round)
{
    unsigned to = random_below(PAGES - n + 1);

    for (unsigned i = from; i < from + n; i++)
        if (model[i].prot < 0 || model[i].prot != model[from].prot || model[i].shared)
            return;
    if (to < from + n && from < to + n)
        return;
    void *moved = mremap(ARENA + from * PAGE, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, ARENA + to * PAGE);

    if (moved == MAP_FAILED && errno == EFAULT)
        do_unmap(to, n, round); /* not one area after all; the new place was cleared first */
    else if (moved != ARENA + to * PAGE)
        fail("mremap", from, round);
    else
        for (unsigned i = 0; i < n; i++) {
            model[to + i] = model[from + i];
            model[from + i].prot = -1;
        }
}

/* The child changes everything it may; private pages of the parent must not see it. */
static void do_fork(int round)
{
    int status;
    pid_t child = fork_clean();

    forks++;
    if (!child) {
        for (unsigned i = 0; i < PAGES; i++)
            if (!model[i].shared)
                check_page(i, round);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status)
        fail("child", 0, round);
}

int main(void)
{
    if (pipe(pipes))
        return 1;
    for (unsigned i = 0; i < PAGES; i++)
        model[i].prot = -1;
    for (int round = 0; round < ROUNDS; round++) {
        unsigned at = random_below(PAGES), n = random_below(8) + 1;

        n = n < PAGES - at ? n : PAGES - at;
        switch (random_below(10)) {
        case 0:
        case 1:
        case 2:
            do_map(at, n, round);
            break;
        case 3:
            do_unmap(at, n, round);
            break;
        case 4:
        case 5:
            do_protect(at, n, round);
            break;
        case 6:
            do_discard(at, n, round);
            break;
        case 7:
        case 8:
            do_move(at, n, round);
            break;
        default:
            if (random_below(8) == 0)
                do_fork(round);
        }
        for (unsigned i = 0; i < 4; i++)
            check_page(random_below(PAGES), round);
    }
    for (unsigned i = 0; i < PAGES; i++)
        check_page(i, ROUNDS);
    show("checks", checks);
    show("forks", forks > 0);
    return 0;
}
