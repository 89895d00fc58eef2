/*
 * madvise, process_madvise, mincore, msync, remap_file_pages and protection keys: what is refused, and what the memory
 * holds afterwards; private memory as huge pages among it, which must not be noticed.  MADV_REMOVE of a mapping that
 * only might be written is refused by 6.1 and not by younger kernels: it is not asked.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>

#include "tests/abi/abi_test.h"
#include "tests/abi/touch.h"

#define PAGE 4096UL
#define HUGE (2UL << 20)
#define RW   (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
/* Of younger kernels than some C libraries. */
#define FREE            8
#define REMOVE          9
#define DONTFORK        10
#define DOFORK          11
#define HUGEPAGE        14
#define NOHUGEPAGE      15
#define DONTDUMP        16
#define DODUMP          17
#define WIPEONFORK      18
#define KEEPONFORK      19
#define COLD            20
#define PAGEOUT         21
#define POPULATE_READ   22
#define POPULATE_WRITE  23
#define DONTNEED_LOCKED 24
#define COLLAPSE        25

static char *map(size_t size, int prot, int flags)
{
    return mmap(NULL, size, prot, flags, -1, 0);
}

static long sum(const char *p, size_t n)
{
    long total = 0;

    for (size_t i = 0; i < n; i++)
        total += p[i];
    return total;
}

static void show_refusals(void)
{
    char *p = map(8 * PAGE, RW, ANON), *s = map(8 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS);
    int all[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,  MADV_DONTNEED,
                 FREE,        REMOVE,      DONTFORK,        DOFORK,         HUGEPAGE,
                 NOHUGEPAGE,  DONTDUMP,    DODUMP,          WIPEONFORK,     KEEPONFORK,
                 COLD,        PAGEOUT,     POPULATE_READ,   POPULATE_WRITE, DONTNEED_LOCKED,
                 5,           99};

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        printf("advice %d\n", all[i]);
        show_call(madvise(p, PAGE, all[i]));
        show_call(madvise(s, PAGE, all[i]));
        show_call(madvise(p + 1, PAGE, all[i]));
        show_call(madvise(p, 0, all[i]));
        show_call(madvise(p, -1UL, all[i]));
        show_call(madvise((void *)(1UL << 47), PAGE, all[i]));
    }
    munmap(p + 3 * PAGE, PAGE);
    memset(p, 1, 3 * PAGE);
    memset(p + 4 * PAGE, 1, 4 * PAGE);
    show_call(madvise(p, 8 * PAGE, MADV_DONTNEED));
    show("both sides of the hole", sum(p, 3 * PAGE) + sum(p + 4 * PAGE, 4 * PAGE));
    show_call(madvise(p, 8 * PAGE, WIPEONFORK));
    show_call(madvise(p, 8 * PAGE, POPULATE_WRITE));
    show_call(mlock(p, PAGE));
    show_call(madvise(p, PAGE, MADV_DONTNEED));
    show_call(madvise(p, PAGE, DONTNEED_LOCKED));
    show_call(madvise(p, PAGE, FREE));
    show_call(madvise(p, PAGE, COLD));
    show_call(madvise(p, PAGE, PAGEOUT));
    show_call(msync(p, PAGE, MS_INVALIDATE));
    show_call(msync(p, PAGE, MS_SYNC | MS_INVALIDATE));
    show_call(munlock(p, PAGE));
    show_call(msync(p, PAGE, MS_INVALIDATE));
    show_call(msync(p, 8 * PAGE, MS_SYNC));
    show_call(msync(p, 0, MS_SYNC));
    show_call(mprotect(s, PAGE, PROT_READ));
    show_call(madvise(s, PAGE, POPULATE_WRITE));
    show_call(madvise(s, PAGE, POPULATE_READ));
    show_call(mprotect(s, PAGE, PROT_NONE));
    show_call(madvise(s, PAGE, POPULATE_READ));
}

static void show_forks(void)
{
    char *p = map(4 * PAGE, RW, ANON);
    int status;

    p[0] = p[PAGE] = p[2 * PAGE] = p[3 * PAGE] = 5;
    show_call(madvise(p, PAGE, WIPEONFORK));
    show_call(madvise(p + PAGE, PAGE, DONTFORK));
    show_call(madvise(p + 2 * PAGE, 2 * PAGE, WIPEONFORK));
    show_call(madvise(p + 3 * PAGE, PAGE, KEEPONFORK));
    pid_t child = fork_clean();
    if (!child) {
        show("wiped", p[0]);
        show("gone", touch(p + PAGE, false));
        show("wiped", p[2 * PAGE]);
        show("kept", p[3 * PAGE]);
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show("here", p[0] + p[PAGE] + p[2 * PAGE] + p[3 * PAGE]);
}

static void show_remove(void)
{
    FILE *t = tmpfile();
    char path[] = "/dev/shm/remove-XXXXXX", buf[3 * PAGE];
    int fd = mkstemp(path);
    unsigned char present[4] = {9, 9, 9, 9};

    fclose(t);
    unlink(path);
    memset(buf, 'x', sizeof buf);
    write(fd, buf, sizeof buf);
    char *s = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0), *q = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
    char *r = mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0);

    q[PAGE] = 'q';
    show("read", s[PAGE] + q[2 * PAGE] + r[PAGE]);
    show_call(madvise(s + PAGE, 2 * PAGE, REMOVE));
    show("shared", s[PAGE] + s[2 * PAGE] + s[0]);
    show("another view", r[PAGE]);
    show("a private copy stays", q[PAGE]);
    show("what was none goes", q[2 * PAGE]);
    pread(fd, buf, sizeof buf, 0);
    show("the file", sum(buf, sizeof buf) / 'x');
    struct stat st;
    fstat(fd, &st);
    show("blocks", st.st_blocks);
    show_call(madvise(q, PAGE, REMOVE));
    show_call(ftruncate(fd, PAGE));
    show("cut", touch(s + PAGE, true));
    show("a private copy, too", touch(q + PAGE, false));
    show_call(madvise(s, 3 * PAGE, POPULATE_READ));
    show_call(madvise(q, 3 * PAGE, POPULATE_WRITE));
    show_call(mincore(s, 3 * PAGE, present));
    printf("%d %d %d %d\n", present[0] & 1, present[1] & 1, present[2] & 1, present[3]);
    show_call(mlock(s, 3 * PAGE));
    show_call(ftruncate(fd, 3 * PAGE));
    show("grown again", s[PAGE] + s[2 * PAGE]);
    close(fd);
}

static void show_residence(void)
{
    char *p = map(8 * PAGE, RW, ANON);
    unsigned char v[8] = {7, 7, 7, 7, 7, 7, 7, 7};

    p[PAGE] = 1;
    (void)*(volatile char *)(p + 2 * PAGE);
    show_call(mincore(p, 4 * PAGE, v));
    printf("%d %d %d %d %d\n", v[0], v[1], v[2], v[3], v[4]);
    show_call(mincore(p + 1, PAGE, v));
    show_call(mincore(p, PAGE + 1, v));
    show_call(mincore(p, 0, NULL));
    show_call(mincore(p, PAGE, (void *)8));
    show_call(mincore(p, PAGE, (void *)(1UL << 47)));
    show_call(mincore((void *)(1UL << 47), PAGE, v));
    show_call(mincore(p, 1UL << 48, v));
    munmap(p + 4 * PAGE, PAGE);
    show_call(mincore(p, 8 * PAGE, v));
    show_call(mincore(p + 4 * PAGE, PAGE, v));
    show_call(madvise(p, 4 * PAGE, POPULATE_WRITE));
    show_call(mincore(p, 4 * PAGE, v));
    printf("%d %d %d %d\n", v[0], v[1], v[2], v[3]);
}

static void show_remap_file(void)
{
    int fd = (int)syscall(SYS_memfd_create, "remap", 0);

    ftruncate(fd, 4 * PAGE);
    char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    for (int i = 0; i < 4; i++)
        p[i * PAGE] = (char)('a' + i);
    show_call(syscall(SYS_remap_file_pages, p, PAGE, 0, 3, 0));
    show_call(syscall(SYS_remap_file_pages, p + 3 * PAGE, PAGE, 0, 0, 0));
    printf("%c%c%c%c\n", p[0], p[PAGE], p[2 * PAGE], p[3 * PAGE]);
    show_call(syscall(SYS_remap_file_pages, p, PAGE, 1, 0, 0));
    show_call(syscall(SYS_remap_file_pages, p, 0, 0, 0, 0));
    show_call(syscall(SYS_remap_file_pages, p, PAGE, 0, -1UL, 0));
    show_call(syscall(SYS_remap_file_pages, map(PAGE, RW, ANON), PAGE, 0, 0, 0));
    show_call(syscall(SYS_remap_file_pages, p + 64 * PAGE, PAGE, 0, 0, 0));
    show_call(syscall(SYS_remap_file_pages, p, 8 * PAGE, 0, 0, 0));
    close(fd);
}

static void show_keys(void)
{
    char *p = map(PAGE, RW, ANON);

    if (syscall(SYS_pkey_alloc, 0, 0) >= 0) { /* a CPU with keys: not what is asked here */
        for (int i = 0; i < 7; i++)
            printf("no keys\n");
        return;
    }
    printf("no keys\n");
    show_call(syscall(SYS_pkey_alloc, 1, 0));
    show_call(syscall(SYS_pkey_alloc, 0, 8));
    show_call(syscall(SYS_pkey_free, 0));
    show_call(syscall(SYS_pkey_free, 1));
    show_call(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, -1));
    show_call(syscall(SYS_pkey_mprotect, p, PAGE, PROT_READ, 1));
}

static void show_foreign(void)
{
    char *p = map(2 * PAGE, RW, ANON);
    struct iovec v[2] = {{p, PAGE}, {p + PAGE, PAGE}}, bad[2] = {{p, PAGE}, {p + 1, PAGE}};
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    show_call(syscall(SYS_process_madvise, fd, v, 2, COLD, 0));
    show_call(syscall(SYS_process_madvise, fd, v, 2, MADV_WILLNEED, 0));
    show_call(syscall(SYS_process_madvise, fd, v, 2, COLD, 1));
    show_call(syscall(SYS_process_madvise, fd, v, 2, 99, 0));
    show_call(syscall(SYS_process_madvise, fd, v, 2000, COLD, 0));
    show_call(syscall(SYS_process_madvise, fd, NULL, 1, COLD, 0));
    show_call(syscall(SYS_process_madvise, fd, v, 0, COLD, 0));
    show_call(syscall(SYS_process_madvise, 0, v, 2, COLD, 0));
    show_call(syscall(SYS_process_madvise, -1, v, 2, COLD, 0));
    show_call(syscall(SYS_process_madvise, fd, bad, 2, COLD, 0));
    show_call(syscall(SYS_process_madvise, fd, bad + 1, 1, COLD, 0));
    close(fd);
}

/* A number for each page, so that every one that is lost, doubled or displaced is found. */
static void number_pages(char *p, size_t pages)
{
    for (size_t i = 0; i < pages; i++)
        *(unsigned *)(p + i * PAGE) = (unsigned)i + 1;
}

static long wrong_pages(const char *p, size_t pages, size_t first)
{
    long wrong = 0;

    for (size_t i = 0; i < pages; i++)
        wrong += *(const unsigned *)(p + i * PAGE) != first + i + 1;
    return wrong;
}

static char *huge_area(size_t size)
{
    char *p = map(size + HUGE, RW, ANON), *start = (char *)(((unsigned long)p + HUGE - 1) & ~(HUGE - 1));

    show_call(madvise(start, size, HUGEPAGE));
    return start;
}

static void show_huge(void)
{
    char *p = huge_area(3 * HUGE);
    int status;

    show("fresh", touch(p, true));
    p[0] = 0;
    show("zeros", sum(p, HUGE));
    number_pages(p, 1536);
    show_call(mprotect(p + 5 * PAGE, PAGE, PROT_READ));
    show("in the middle", touch(p + 5 * PAGE, true) == (SIGSEGV << 8 | SEGV_ACCERR));
    show("around it", touch(p + 6 * PAGE + 100, true));
    show_call(mprotect(p + 5 * PAGE, PAGE, RW));
    show("wrong", wrong_pages(p, 1536, 0));
    show_call(madvise(p + HUGE + 7 * PAGE, 3 * PAGE, MADV_DONTNEED));
    show("dropped", *(unsigned *)(p + HUGE + 8 * PAGE));
    show("wrong", wrong_pages(p + HUGE, 512, 512));
    show_call(munmap(p + 2 * HUGE + 100 * PAGE, 10 * PAGE));
    show("wrong", wrong_pages(p + 2 * HUGE, 100, 1024) + wrong_pages(p + 2 * HUGE + 110 * PAGE, 402, 1134));
    p = huge_area(2 * HUGE);
    number_pages(p, 1024);
    pid_t child = fork_clean();
    if (!child) {
        show("in the child", wrong_pages(p, 1024, 0));
        memset(p + 10 * PAGE, 1, 20 * PAGE);
        show("its own", wrong_pages(p, 1024, 0));
        child_exit(0);
    }
    p[HUGE] = 77;
    waitpid(child, &status, 0);
    show("the parent", wrong_pages(p, 1024, 0));
    p = huge_area(2 * HUGE);
    number_pages(p, 1024);
    char *q = huge_area(3 * HUGE);
    show("moved whole", mremap(p, 2 * HUGE, 2 * HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
    show("wrong", wrong_pages(q, 1024, 0));
    show("moved by a page", mremap(q + PAGE, HUGE, HUGE, MREMAP_MAYMOVE | MREMAP_FIXED, q + 2 * HUGE) == q + 2 * HUGE);
    show("wrong", wrong_pages(q + 2 * HUGE, 512, 1) + wrong_pages(q + HUGE + PAGE, 511, 513));
    show("the end is cut", mremap(q + HUGE + PAGE, HUGE - PAGE, 99 * PAGE, 0) == q + HUGE + PAGE);
    show("wrong", wrong_pages(q + HUGE + PAGE, 99, 513));
}

static void show_collapse(void)
{
    char *p = map(3 * HUGE, RW, ANON), *start = (char *)(((unsigned long)p + HUGE - 1) & ~(HUGE - 1));
    int status;

    madvise(start, 2 * HUGE, NOHUGEPAGE);
    number_pages(start, 700);
    show_call(madvise(start, HUGE, COLLAPSE));
    madvise(start, 2 * HUGE, HUGEPAGE);
    pid_t child = fork_clean(); /* the pages are shared for a while */
    if (!child) {
        pause();
        child_exit(0);
    }
    show("collapsed", madvise(start, 2 * HUGE, COLLAPSE) == 0);
    show("wrong", wrong_pages(start, 700, 0));
    show("the rest", sum(start + 700 * PAGE, 324 * PAGE));
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    show("again", madvise(start, 2 * HUGE, COLLAPSE) == 0);
    show_call(munmap(start + PAGE, PAGE));
    show("wrong", wrong_pages(start + 2 * PAGE, 698, 2));
}

static void show_disabled(void)
{
    show_call(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    show_call(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    show_call(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    show_call(prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0));
    show_call(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 7));
    char *p = huge_area(HUGE);
    p[0] = 1;
    show("works", sum(p, HUGE));
    show_call(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
}

int main(void)
{
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

    sigaction(SIGBUS, &a, NULL);
    sigaction(SIGSEGV, &a, NULL);
    show_refusals();
    show_forks();
    show_remove();
    show_residence();
    show_remap_file();
    show_keys();
    show_foreign();
    show_huge();
    show_collapse();
    show_disabled();
    return 0;
}
