/*
 * Faults: which signal, code and address each wrong access gives, the alternative stack, growth of the stack, mappings
 * of files and their ends, and system calls that are given bad addresses.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

#include "tests/abi/abi_test.h"

#define PAGE 4096UL
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define RW (PROT_READ | PROT_WRITE)

static sigjmp_buf back;
static volatile siginfo_t seen;
static volatile long seen_trap, seen_error;

static void handler(int signal, siginfo_t *info, void *context)
{
    seen = *info;
    seen_trap = ((ucontext_t *)context)->uc_mcontext.gregs[REG_TRAPNO];
    seen_error = ((ucontext_t *)context)->uc_mcontext.gregs[REG_ERR];
    siglongjmp(back, 1);
}

/* Run the statement; print what it raised, the address relative to base. */
#define FAULT(what, base, statement)                                                                                   \
    do {                                                                                                               \
        if (sigsetjmp(back, 1)) {                                                                                      \
            printf("%s: signal %d code %d at %ld trap %ld error %ld\n", (what), seen.si_signo, seen.si_code,           \
                   (long)((uintptr_t)seen.si_addr - (uintptr_t)(base)), seen_trap, seen_error);                        \
        } else {                                                                                                       \
            statement;                                                                                                 \
            printf("%s: nothing\n", (what));                                                                           \
        }                                                                                                              \
    } while (0)

static void show_protections(void)
{
    volatile char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
    volatile char value;

    munmap((void *)(p + 3 * PAGE), PAGE);
    mprotect((void *)(p + PAGE), PAGE, PROT_READ);
    mprotect((void *)(p + 2 * PAGE), PAGE, PROT_NONE);
    FAULT("write", p, p[5] = 1);
    FAULT("write to read-only", p, p[PAGE + 5] = 1);
    FAULT("read of read-only", p, value = p[PAGE + 5]);
    FAULT("read of none", p, value = p[2 * PAGE + 7]);
    FAULT("write to none", p, p[2 * PAGE + 7] = 1);
    FAULT("read of a hole", p, value = p[3 * PAGE + 9]);
    FAULT("null", NULL, value = *(volatile char *)8);
    FAULT("non-canonical", NULL, value = *(volatile char *)0x8000000000000000);
    FAULT("kernel half", (void *)0xffffffff80100000, value = *(volatile char *)0xffffffff80100000);
    FAULT("run data", p, ((void (*)(void))(uintptr_t)p)());
    (void)value;
}

static void show_traps(void)
{
    volatile int zero = 0, result;

    FAULT("divide", seen.si_addr, result = 10 / zero);
    FAULT("ud2", seen.si_addr, __asm__ volatile("ud2"));
    FAULT("int3", seen.si_addr, __asm__ volatile("int3"));
    FAULT("hlt", NULL, __asm__ volatile("hlt"));
    FAULT("in", NULL, __asm__ volatile("inb $0x80, %%al" : : : "rax"));
    FAULT("cli", NULL, __asm__ volatile("cli"));
    (void)result;
}

static int depth_reached(int depth)
{
    volatile char block[4000];

    block[0] = (char)depth;
    return depth ? depth_reached(depth - 1) + block[0] - (char)depth : 1;
}

static void show_stack(void)
{
    static char alternative[65536];
    stack_t s = {.ss_sp = alternative, .ss_size = sizeof alternative};
    struct rlimit limit = {512 * 1024, RLIM_INFINITY};

    show_call(sigaltstack(&s, NULL));
    show("1 MiB deep", depth_reached(250));
    show_call(setrlimit(RLIMIT_STACK, &limit));
    if (sigsetjmp(back, 1))
        printf("too deep: signal %d code %d\n", seen.si_signo, seen.si_code);
    else
        depth_reached(100000);
}

static void show_file(void)
{
    char name[] = "/tmp/mem_fault.XXXXXX";
    int fd = mkstemp(name), ro = open(name, O_RDONLY);
    char bytes[6000];

    memset(bytes, 'a', sizeof bytes);
    show_call(write(fd, bytes, sizeof bytes));
    volatile char *shared = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
    volatile char *private = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, ro, 0);
    volatile char value;

    show_ok(mmap(NULL, PAGE, RW, MAP_SHARED, ro, 0));
    char *reading = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);

    show_ok(mprotect(reading, PAGE, RW));
    show_ok(mmap(NULL, PAGE, RW, MAP_PRIVATE, 1000, 0));
    show("last byte", shared[5999]);
    show("past the end", shared[6000]);
    FAULT("past the last page", shared, value = shared[2 * PAGE + 3]);
    FAULT("past the last page, private", private, private[2 * PAGE + 3] = 1);
    shared[1] = 'b';
    private[2] = 'c';
    show_call(pread(fd, bytes, 3, 0));
    show("byte 1 through the file", bytes[1]);
    show("byte 2 through the file", bytes[2]);
    show("byte 1 in the private mapping", private[1]);
    show_call(pwrite(fd, "z", 1, 4500));
    show("written behind the mapping", shared[4500]);
    show_call(ftruncate(fd, 100));
    FAULT("after truncation", shared, value = shared[4500]);
    show("kept", shared[99]);
    show_call(ftruncate(fd, 3 * (long)PAGE));
    show("grown", shared[2 * PAGE + 3]);
    unlink(name);
    close(fd);
    show("still there", shared[1]);
    (void)value;
}

static void show_bad_pointers(void)
{
    char *p = mmap(NULL, 2 * PAGE, RW, ANON, -1, 0);
    int pipes[2];

    munmap(p + PAGE, PAGE);
    show_call(pipe2(pipes, O_NONBLOCK));
    show_call(write(pipes[1], p + PAGE, 1));
    show_call(write(pipes[1], (void *)0xffffffff80000000, 1));
    show_call(write(pipes[1], "abcdefgh", 8));
    show_call(read(pipes[0], p + PAGE, 8));
    mprotect(p, PAGE, PROT_READ);
    show_call(read(pipes[0], p, 1));
    mprotect(p, PAGE, RW);
    show_call(readv(pipes[0], (struct iovec *)(p + PAGE - 8), 1));
    memset(p, 'x', PAGE);
    show_call(open(p + PAGE - 5, O_RDONLY));
    show_call(open(p, O_RDONLY));
    show_call(open((char *)p + PAGE, O_RDONLY));
    show_call(pipe((int *)(void *)(p + PAGE - 4)));
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    setvbuf(stdout, NULL, _IOFBF, 65536);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGFPE, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    sigaction(SIGTRAP, &action, NULL);
    show_protections();
    show_traps();
    show_stack();
    show_file();
    show_bad_pointers();
    return 0;
}
