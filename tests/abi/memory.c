/*
 * Address space: what is mapped, what faults and how.
 */
#include <setjmp.h>

#include "tests/abi/abi_test.h"

static sigjmp_buf jump;
static volatile int fault_signal, fault_code;
static void *volatile fault_address;

static void on_fault(int number, siginfo_t *info, void *context)
{
    fault_signal = number;
    fault_code = info->si_code;
    fault_address = info->si_addr;
    siglongjmp(jump, 1);
}

/* Touch an address: prints whether and how it faults. */
static void probe(const char *what, volatile char *p, bool write)
{
    if (sigsetjmp(jump, 1) == 0) {
        if (write)
            *p = 1;
        else
            (void)*p;
        printf("%s: fine\n", what);
    } else {
        printf("%s: signal %d code %d address %s\n", what, fault_signal, fault_code, fault_address == p ? "right" : "wrong");
    }
    fflush(stdout);
}

static void mapping(void)
{
    char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(p != MAP_FAILED);
    CHECK(p[0] == 0 && p[3 * 4096 - 1] == 0);
    p[4096] = 'x';
    SHOW(mprotect(p + 4096, 4096, PROT_READ));
    probe("read read-only", p + 4096, false);
    probe("write read-only", p + 4096, true);
    SHOW(mprotect(p + 4096, 4096, PROT_NONE));
    probe("read no-access", p + 4096, false);
    probe("neighbour", p + 2 * 4096, true);
    SHOW(mprotect(p + 4096, 4096, PROT_READ | PROT_WRITE));
    CHECK(p[4096] == 'x');
    SHOW(munmap(p + 4096, 4096));
    probe("unmapped", p + 4096, false);
    SHOW(munmap(p + 4096, 4096));
    SHOW(mprotect(p, 3 * 4096, PROT_READ));
    SHOW(munmap(p + 1, 4096));
    SHOW(munmap(p, 0));
    CHECK(mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
    CHECK(p[0] == 0);
    CHECK(mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
    CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 99, 0) == MAP_FAILED && errno == EBADF);
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 123) == MAP_FAILED && errno == EINVAL);
    CHECK(mmap((void *)0xffff800000000000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED && errno == ENOMEM);
    probe("null", NULL, false);
    probe("kernel half", (char *)0xffffffff80000000ul, false);
    probe("text", (char *)(uintptr_t)mapping, true);
}

static void executing(void)
{
    unsigned char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memcpy(p, "\xb8\x2a\0\0\0\xc3", 6); /* mov $42, %eax; ret */
    if (sigsetjmp(jump, 1) == 0)
        printf("ran without permission: %d\n", ((int (*)(void))(uintptr_t)p)());
    else
        printf("no execute: signal %d code %d\n", fault_signal, fault_code);
    SHOW(mprotect(p, 4096, PROT_READ | PROT_EXEC));
    SHOW(((int (*)(void))(uintptr_t)p)());
}

static void files(void)
{
    char block[4096];
    int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);

    memset(block, 'a', sizeof block);
    SHOW(write(fd, block, 4096));
    SHOW(write(fd, block, 100));
    char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(p[0] == 'a' && p[4095] == 'a' && p[4096 + 99] == 'a' && p[4096 + 100] == 0);
    p[1] = 'b';
    SHOW(pread(fd, block, 2, 0));
    CHECK(block[1] == 'a');
    probe("behind the end", p + 2 * 4096, false);
    char *q = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
    CHECK(q[0] == 'a' && q[100] == 0);
    SHOW(close(fd));
    CHECK(p[0] == 'a' && p[1] == 'b');
    SHOW(munmap(p, 3 * 4096));
}

static void heap(void)
{
    char *start = sbrk(0);

    CHECK(sbrk(10000) == start);
    CHECK(start[0] == 0 && start[9999] == 0);
    memset(start, 1, 10000);
    CHECK(sbrk(0) == start + 10000);
    CHECK(brk(start) == 0 || true);
    CHECK((char *)syscall(SYS_brk, start) == start);
    CHECK((char *)syscall(SYS_brk, start + 8192) == start + 8192);
    CHECK(start[4096] == 0);
    CHECK((char *)syscall(SYS_brk, 1) == start + 8192);
}

static void moving(void)
{
    char *p = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    strcpy(p, "kept");
    char *q = mremap(p, 2 * 4096, 64 * 4096, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && strcmp(q, "kept") == 0 && q[64 * 4096 - 1] == 0);
    CHECK(mremap(q, 64 * 4096, 4096, 0) == q);
    probe("cut off", q + 4096, false);
    CHECK(mremap(q, 4096, 4096, MREMAP_FIXED) == MAP_FAILED && errno == EINVAL);
    SHOW(madvise(q, 4096, MADV_DONTNEED));
    CHECK(q[0] == 0);
    SHOW(madvise(q + 4096, 4096, MADV_DONTNEED));
    SHOW(madvise(q, 4096, 12345));
    SHOW(msync(q, 4096, MS_SYNC));
    unsigned char resident[1];
    SHOW(mincore(q + 4096, 4096, resident));
    SHOW(mlock(q, 4096));
    SHOW(munlock(q, 4096));
}

static void copy_on_write(void)
{
    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *own = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    memset(own, 'p', 64 * 4096);
    if (fork() == 0) {
        shared[0] = 's';
        memset(own, 'c', 64 * 4096);
        _exit(0);
    }
    wait(NULL);
    CHECK(shared[0] == 's');
    CHECK(own[0] == 'p' && own[64 * 4096 - 1] == 'p');
}

static void overflow_stack(void)
{
    volatile char block[65536];

    block[0] = 1;
    overflow_stack();
    block[1] = block[0];
}

static void write_text(void)
{
    signal(SIGSEGV, SIG_DFL);
    *(volatile char *)(uintptr_t)write_text = 0;
}

static void deep_stack(void)
{
    volatile char block[4 << 20];

    for (size_t i = 0; i < sizeof block; i += 4096)
        block[sizeof block - 1 - i] = (char)i;
    printf("4 MiB of stack\n");
}

int main(void)
{
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

    sigaction(SIGSEGV, &a, NULL);
    sigaction(SIGBUS, &a, NULL);
    mapping();
    executing();
    files();
    heap();
    moving();
    copy_on_write();
    deep_stack();
    signal(SIGSEGV, SIG_DFL);
    show_child("stack overflow", overflow_stack);
    show_child("write to text", write_text);
    return 0;
}
