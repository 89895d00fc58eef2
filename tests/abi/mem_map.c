/*
 * mmap, munmap, mprotect, mremap, brk and the advisory calls: what is given, what is refused, and what the memory
 * holds.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/abi/abi_test.h"

#define PAGE 4096UL
#define MREMAP_DONTUNMAP_ 4 /* new in some C libraries; it looks at the fifth argument */
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

static void *map(size_t pages, int prot, int flags)
{
    return mmap(NULL, pages * PAGE, prot, flags, -1, 0);
}

/* The sum of a range's bytes. */
static long sum(const unsigned char *p, size_t n)
{
    long total = 0;

    for (size_t i = 0; i < n; i++)
        total += p[i];
    return total;
}

static void show_refusals(void)
{
    char *p = map(4, RW, ANON);

    show_ok(mmap(NULL, 0, RW, ANON, -1, 0));
    show_ok(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0));
    show_ok(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0));
    show_ok(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    show_ok(mmap(p + 1, PAGE, RW, ANON, -1, 0));
    show_ok(mmap(NULL, ~0UL, RW, ANON, -1, 0));
    show_ok(mmap(NULL, 1UL << 47, RW, ANON, -1, 0));
    show_ok(mmap((void *)(1UL << 47), PAGE, RW, ANON | MAP_FIXED, -1, 0));
    show_ok(mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0));
    show_ok(syscall(SYS_mmap, NULL, PAGE, RW, ANON, -1, 1L));
    show_ok(mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | MAP_ANONYMOUS, -1, 0));
    show_ok(munmap(p + 1, PAGE));
    show_ok(munmap(p, 0));
    show_ok(munmap((void *)(~0UL & ~(PAGE - 1)), PAGE));
    show_ok(munmap(p, 1UL << 63));
    show_ok(mprotect(p + 1, PAGE, PROT_READ));
    show_ok(mprotect(p, 0, PROT_READ));
    show_ok(mprotect(p, PAGE, 0x100));
    show_ok(munmap(p + PAGE, PAGE));
    show_ok(munmap(p + PAGE, PAGE));
    show_ok(mprotect(p, 3 * PAGE, PROT_READ));
    show_ok(madvise(p, 3 * PAGE, MADV_NORMAL));
    show_ok(madvise(p + 1, PAGE, MADV_NORMAL));
    show_ok(madvise(p, PAGE, 12345));
    show_ok(msync(p, 3 * PAGE, MS_SYNC));
    show_ok(msync(p, PAGE, MS_SYNC | MS_ASYNC));
    show_ok(msync(p, PAGE, 0x100));
    show_ok(mlock(p, 3 * PAGE));
    show_ok(munlock(p, 3 * PAGE));
    show_ok(mlockall(0));
    show_ok(mlockall(0x100));
    show_ok(syscall(SYS_mlock2, p, PAGE, 2));
    show_ok(munmap(p, 4 * PAGE));
}

static void show_contents(void)
{
    unsigned char *p = map(16, RW, ANON);

    show("fresh memory", sum(p, 16 * PAGE));
    memset(p, 1, 16 * PAGE);
    show_ok(mprotect(p, 8 * PAGE, PROT_READ));
    show("read only", sum(p, 16 * PAGE));
    show_ok(mprotect(p + 4 * PAGE, 8 * PAGE, PROT_NONE));
    show_ok(mprotect(p + 4 * PAGE, 8 * PAGE, RW));
    show("after PROT_NONE", sum(p, 16 * PAGE));
    p[5 * PAGE] = 2;
    show("written again", sum(p, 16 * PAGE));
    show_ok(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED));
    show("after DONTNEED", sum(p, 16 * PAGE));
    show("replaced", mmap(p + 6 * PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == p + 6 * PAGE);
    show("after MAP_FIXED", sum(p, 16 * PAGE));
    show_ok(mprotect(p + 9 * PAGE, PAGE, PROT_READ));
    p[8 * PAGE] = p[10 * PAGE] = 3;
    show("around a read-only page", sum(p, 16 * PAGE));
    show_ok(munmap(p + 2 * PAGE, 12 * PAGE));
    show("both ends", sum(p, 2 * PAGE) + sum(p + 14 * PAGE, 2 * PAGE));
    show_ok(munmap(p, 16 * PAGE));
}

static void show_remap(void)
{
    unsigned char *p = map(8, RW, ANON), *q;

    for (int i = 0; i < 8; i++)
        p[i * PAGE] = (unsigned char)(i + 1);
    show("shrink in place", mremap(p, 8 * PAGE, 4 * PAGE, 0) == p);
    show("sum", sum(p, 4 * PAGE));
    munmap(p + 4 * PAGE, 4 * PAGE);
    show("a wall behind", mmap(p + 4 * PAGE, PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0) == p + 4 * PAGE);
    show_ok(mremap(p, 4 * PAGE, 8 * PAGE, 0));
    q = mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
    show("moved", q != MAP_FAILED && q != p);
    show("sum", sum(q, 8 * PAGE));
    q[7 * PAGE] = 9;
    show_ok(mremap(p, PAGE, PAGE, 0));
    show("move a part", mremap(q + 2 * PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p);
    show("sum", sum(p, 2 * PAGE));
    show_ok(msync(q, 8 * PAGE, MS_SYNC));
    show_ok(mremap(q, PAGE, PAGE, MREMAP_FIXED, p));
    show_ok(mremap(q, PAGE, 0, 0));
    show_ok(mremap(q + 1, PAGE, PAGE, 0));
    show_ok(mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + PAGE - 1));
    show_ok(mremap(q, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + PAGE));
    show_ok(mremap(q, 8 * PAGE, 9 * PAGE, MREMAP_MAYMOVE));
    show_ok(mremap(q, PAGE, PAGE, 0x10));
}

static void show_break(void)
{
    unsigned char *start = sbrk(0);

    show("grow", sbrk(10 * PAGE) == start);
    show("fresh memory", sum(start, 10 * PAGE));
    memset(start, 1, 10 * PAGE);
    show("shrink", brk(start + 3 * PAGE + 5));
    show("kept", sum(start, 3 * PAGE + 5));
    show("grow again", brk(start + 10 * PAGE));
    show("the page of the break keeps its bytes", sum(start, 10 * PAGE));
    show("refused", syscall(SYS_brk, 1UL << 47) == (long)(start + 10 * PAGE));
    show("below the start", syscall(SYS_brk, 4096UL) == (long)(start + 10 * PAGE));
}

static void show_shared(void)
{
    int *shared = map(2, RW, MAP_SHARED | MAP_ANONYMOUS), *private = map(2, RW, ANON), status;

    shared[0] = private[0] = 1;
    pid_t child = fork_clean();

    if (!child) {
        shared[0]++;
        shared[1500] = 7;
        private[0]++;
        private[1500] = 7;
        child_exit(shared[0] * 10 + private[0]);
    }
    waitpid(child, &status, 0);
    show_status("child", status);
    show("shared", shared[0] * 10 + shared[1500]);
    show("private", private[0] * 10 + private[1500]);
    show_ok(madvise(shared, 2 * PAGE, MADV_DONTNEED));
    show("shared memory outlives DONTNEED", shared[0] * 10 + shared[1500]);
    show_ok(madvise(shared, 2 * PAGE, MADV_FREE));
}

/* Many pages shared by a chain of forks: each sees its own writes only. */
static void show_copy_on_write(void)
{
    unsigned char *p = map(64, RW, ANON);
    int status;

    memset(p, 1, 64 * PAGE);
    for (int depth = 0; depth < 5; depth++) {
        pid_t child = fork_clean();

        if (child) {
            memset(p, 100, PAGE);
            waitpid(child, &status, 0);
            show_status("child", status);
            show("sum", sum(p, 64 * PAGE) / (long)PAGE);
            if (depth)
                child_exit(depth);
            return;
        }
        for (int i = depth; i < 64; i += 5)
            p[i * PAGE] = (unsigned char)(depth + 2);
        show("sum in the child", sum(p, 64 * PAGE));
    }
    child_exit(50);
}

static void show_remap_variants(void)
{
    unsigned char *p = map(4, RW, ANON), *q;
    unsigned char *shared = map(2, RW, MAP_SHARED | MAP_ANONYMOUS), *again;

    memset(p, 1, 4 * PAGE);
    q = (void *)syscall(SYS_mremap, p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP_, NULL);
    show("moved without unmapping", q != MAP_FAILED && q != p);
    show("the pages went", sum(q, 4 * PAGE));
    show("the old place is empty", sum(p, 4 * PAGE));
    show_ok(syscall(SYS_mremap, p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP_, NULL));
    show_ok(syscall(SYS_mremap, p, 4 * PAGE, 4 * PAGE, MREMAP_DONTUNMAP_, NULL));
    show_ok(mremap(p, 0, 4 * PAGE, MREMAP_MAYMOVE));
    show_ok(mremap(shared, 0, 2 * PAGE, 0));
    again = mremap(shared, 0, 2 * PAGE, MREMAP_MAYMOVE);
    show("mapped twice", again != MAP_FAILED && again != shared);
    shared[5] = 7;
    show("the same memory", again[5]);
}

static void show_fork_advice(void)
{
    unsigned char *p = map(6, RW, ANON), *shared = map(1, RW, MAP_SHARED | MAP_ANONYMOUS);
    int status;

    memset(p, 1, 6 * PAGE);
    show_ok(madvise(p + PAGE, PAGE, MADV_DONTFORK));
    show_ok(madvise(p + 3 * PAGE, 2 * PAGE, MADV_WIPEONFORK));
    show_ok(madvise(shared, PAGE, MADV_WIPEONFORK));
    for (int round = 0; round < 2; round++) {
        pid_t child = fork_clean();

        if (!child) {
            show("wiped", sum(p + 2 * PAGE, 4 * PAGE));
            show_ok(msync(p, 2 * PAGE, MS_SYNC));
            child_exit(p[0]);
        }
        waitpid(child, &status, 0);
        show_status("child", status);
        show("parent", sum(p, 6 * PAGE));
        show_ok(madvise(p, 6 * PAGE, MADV_DOFORK));
        show_ok(madvise(p, 6 * PAGE, MADV_KEEPONFORK));
    }
}

static void show_stack_protection(void)
{
    volatile char here = 1;
    char *page = (char *)((unsigned long)&here & ~(PAGE - 1));

    show_ok(mprotect(page, PAGE, RW | PROT_GROWSDOWN));
    show_ok(mprotect(map(1, RW, ANON), PAGE, RW | PROT_GROWSDOWN));
    show("still there", here);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOFBF, 65536);
    show_refusals();
    show_contents();
    show_remap();
    show_remap_variants();
    show_fork_advice();
    show_stack_protection();
    show_break();
    show_shared();
    show_copy_on_write();
    return 0;
}
