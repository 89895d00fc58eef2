/*
 * A tracee's registers: what a tracer reads, what it may set, and that nothing it sets does harm.
 */
#include <asm/prctl.h>

#include "tests/abi/ptrace_test.h"

#define USER_OFFSET(field) offsetof(struct user, field)

#define MANY_ROUNDS 1000

static volatile double fraction = 1.5;
static volatile unsigned long *rounds; /* shared with the tracee: how often it has gone around */

static void spin(void)
{
    register double kept __asm__("xmm7") = fraction;
    register volatile unsigned long *counter __asm__("rbx") = rounds;

    __asm__ volatile("fldl %1; 1: incq (%2); pause; jmp 1b" : : "x"(kept), "m"(fraction), "r"(counter) : "memory");
}

/* Let it go on until it has gone around often.  False: it stopped or ended before, and *status says how. */
static bool goes_around(pid_t pid, int *status)
{
    unsigned long start = *rounds;

    trace(PTRACE_CONT, pid, 0, 0);
    while (*rounds - start < MANY_ROUNDS)
        if (waitpid(pid, status, WNOHANG) == pid)
            return false;
    return true;
}

static void interrupt(pid_t pid)
{
    int status;

    if (!goes_around(pid, &status))
        show_status("spinning", status);
    kill(pid, SIGUSR1);
    waitpid(pid, NULL, 0);
}

/* Stopped in user mode, in the loop. */
static pid_t spinning(void)
{
    pid_t pid = tracee_start(spin);

    interrupt(pid);
    return pid;
}

static void peek_user(pid_t pid, const char *what, unsigned long offset)
{
    unsigned long value = 0x77;
    long n = trace(PTRACE_PEEKUSR, pid, offset, DATA(&value));

    printf("peek %s: %ld errno %d value %lx\n", what, n, n < 0 ? errno : 0, n < 0 || value > 0xffffffff ? 0 : value);
}

static void poke_user(pid_t pid, const char *what, unsigned long offset, unsigned long value)
{
    unsigned long after = 0;
    long n = trace(PTRACE_POKEUSR, pid, offset, value);

    printf("poke %s %lx: %ld errno %d", what, value, n, n < 0 ? errno : 0);
    trace(PTRACE_PEEKUSR, pid, offset, DATA(&after));
    printf(" then %s\n", after == value ? "as set" : "other");
}

static void single_words(void)
{
    pid_t pid = spinning();
    struct user_regs_struct r = regs_of(pid);

    printf("cs %lx ss %lx ds %lx fs %lx gs %lx flags %lx orig_rax %ld fs_base %d\n", (long)r.cs, (long)r.ss, (long)r.ds,
           (long)r.fs, (long)r.gs, (long)(r.eflags & 0x3f7702), (long)r.orig_rax, r.fs_base != 0);
    peek_user(pid, "cs", USER_OFFSET(regs.cs));
    peek_user(pid, "after regs", sizeof r);
    peek_user(pid, "u_ar0", USER_OFFSET(u_ar0));
    peek_user(pid, "unaligned", 4);
    peek_user(pid, "end", 928);
    peek_user(pid, "last", 920);
    peek_user(pid, "negative", -8UL);
    peek_user(pid, "DR0", USER_OFFSET(u_debugreg[0]));
    peek_user(pid, "DR4", USER_OFFSET(u_debugreg[4]));
    peek_user(pid, "DR7", USER_OFFSET(u_debugreg[7]));
    show("bad pointer", trace(PTRACE_PEEKUSR, pid, 0, 8) == -1 ? errno : 0);
    poke_user(pid, "r15", USER_OFFSET(regs.r15), 0x123456789abcdef0);
    poke_user(pid, "unaligned", 4, 1);
    poke_user(pid, "u_ar0", USER_OFFSET(u_ar0), 1);
    poke_user(pid, "cs", USER_OFFSET(regs.cs), 0);
    poke_user(pid, "cs", USER_OFFSET(regs.cs), 0x10);
    poke_user(pid, "cs", USER_OFFSET(regs.cs), 0x33);
    poke_user(pid, "ss", USER_OFFSET(regs.ss), 0);
    poke_user(pid, "ss", USER_OFFSET(regs.ss), 0x18);
    poke_user(pid, "ds", USER_OFFSET(regs.ds), 0x18);
    poke_user(pid, "ds", USER_OFFSET(regs.ds), 0x2b);
    poke_user(pid, "ds", USER_OFFSET(regs.ds), 0);
    poke_user(pid, "fs", USER_OFFSET(regs.fs), 0x10);
    poke_user(pid, "fs_base", USER_OFFSET(regs.fs_base), 0x7ffffffff000);
    poke_user(pid, "fs_base", USER_OFFSET(regs.fs_base), 0x8000000000000000);
    poke_user(pid, "gs_base", USER_OFFSET(regs.gs_base), 0x12345000);
    poke_user(pid, "flags", USER_OFFSET(regs.eflags), 0x202);
    trace(PTRACE_POKEUSR, pid, USER_OFFSET(regs.eflags), ~0UL);
    printf("flags all: %lx\n", (long)regs_of(pid).eflags);
    trace(PTRACE_POKEUSR, pid, USER_OFFSET(regs.eflags), 0);
    printf("flags none: %lx\n", (long)regs_of(pid).eflags);
    tracee_end(pid);
}

/* Whatever it is given, the tracee gets a signal or goes on; the kernel does. */
static void hostile(const char *what, unsigned long offset, unsigned long value)
{
    pid_t pid = spinning();
    int status;
    siginfo_t info = {0};

    trace(PTRACE_POKEUSR, pid, offset, value);
    bool goes_on = goes_around(pid, &status);
    printf("%s %lx: ", what, value);
    if (!goes_on && WIFSTOPPED(status) && trace(PTRACE_GETSIGINFO, pid, 0, DATA(&info)) == 0)
        printf("signal %d code %d address %s\n", info.si_signo, info.si_code, info.si_addr ? "some" : "none");
    else
        printf("%s\n", goes_on ? "goes on" : "ended");
    tracee_end(pid);
}

static void hostile_values(void)
{
    hostile("rip", USER_OFFSET(regs.rip), 0x8000000000000000);
    hostile("rip", USER_OFFSET(regs.rip), 0x7fffffffffff);
    hostile("rip", USER_OFFSET(regs.rip), 0xffffffff80200000);
    hostile("rip", USER_OFFSET(regs.rip), 0);
    hostile("cs", USER_OFFSET(regs.cs), 0x3b);
    hostile("cs", USER_OFFSET(regs.cs), 0x53);
    hostile("cs", USER_OFFSET(regs.cs), 0x2b);
    hostile("ss", USER_OFFSET(regs.ss), 0x33);
    hostile("ss", USER_OFFSET(regs.ss), 0xfffb);
    hostile("ds", USER_OFFSET(regs.ds), 0xfffb);
    hostile("gs", USER_OFFSET(regs.gs), 0x57);
    hostile("rsp", USER_OFFSET(regs.rsp), 0x8000000000000000);
    hostile("flags", USER_OFFSET(regs.eflags), 0xffffffffffffffff & ~0x100UL);
    hostile("flags", USER_OFFSET(regs.eflags), 0x4000);
    hostile("flags", USER_OFFSET(regs.eflags), 0x100);
}

static void register_set(pid_t pid, const char *what, long request, unsigned type, void *buffer, size_t size)
{
    struct iovec v = {buffer, size};
    long n = trace(request, pid, type, DATA(&v));

    printf("%s %s: %ld errno %d", request == PTRACE_GETREGSET ? "get" : "set", what, n, n < 0 ? errno : 0);
    if (type != NT_X86_XSTATE) /* whose size is the machine's */
        printf(" size %zu then %zu", size, v.iov_len);
    printf("\n");
}

static void register_sets(void)
{
    pid_t pid = spinning();
    struct user_regs_struct r;
    struct user_fpregs_struct f;
    static char x[16384] __attribute__((aligned(64)));
    struct iovec v = {x, sizeof x};

    register_set(pid, "PRSTATUS", PTRACE_GETREGSET, NT_PRSTATUS, &r, sizeof r);
    register_set(pid, "PRSTATUS", PTRACE_GETREGSET, NT_PRSTATUS, x, 1024);
    register_set(pid, "PRSTATUS", PTRACE_GETREGSET, NT_PRSTATUS, &r, 16);
    register_set(pid, "PRSTATUS", PTRACE_GETREGSET, NT_PRSTATUS, &r, 15);
    register_set(pid, "PRSTATUS", PTRACE_GETREGSET, NT_PRSTATUS, &r, 0);
    register_set(pid, "PRSTATUS", PTRACE_GETREGSET, NT_PRSTATUS, (void *)8, 216);
    register_set(pid, "PRSTATUS", PTRACE_SETREGSET, NT_PRSTATUS, (void *)8, 216);
    register_set(pid, "no such", PTRACE_GETREGSET, 0x999, x, 1024);
    register_set(pid, "PRFPREG", PTRACE_GETREGSET, NT_PRFPREG, &f, sizeof f);
    register_set(pid, "PRFPREG", PTRACE_SETREGSET, NT_PRFPREG, &f, 256);
    show("iovec", trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8) == -1 ? errno : 0);
    show("GETFPREGS", trace(PTRACE_GETFPREGS, pid, 0, DATA(&f)));
    printf("fcw %x fsw %x ftw %x mxcsr %x st0 %x xmm7 %x\n", f.cwd, f.swd, f.ftw, f.mxcsr, f.st_space[1], f.xmm_space[7 * 4 + 1]);
    f.cwd = 0x27f;
    f.xmm_space[7 * 4 + 1] = 0x40000000;
    show("SETFPREGS", trace(PTRACE_SETFPREGS, pid, 0, DATA(&f)));
    f.mxcsr = 0xffffffff;
    show("SETFPREGS", trace(PTRACE_SETFPREGS, pid, 0, DATA(&f)) == -1 ? errno : 0);
    interrupt(pid);
    trace(PTRACE_GETFPREGS, pid, 0, DATA(&f));
    printf("fcw %x mxcsr %x xmm7 %x\n", f.cwd, f.mxcsr, f.xmm_space[7 * 4 + 1]);

    show("GETREGSET", trace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, DATA(&v)));
    printf("size %s xcr0 %s header %s xmm7 %x\n", v.iov_len >= 832 || v.iov_len == 576 ? "plausible" : "odd",
           (*(uint64_t *)(x + 464) & 3) == 3 ? "has x87 and SSE" : "odd", (x[512] & 3) == 3 ? "has both" : "odd", ((struct user_fpregs_struct *)x)->xmm_space[7 * 4 + 1]);
    ((struct user_fpregs_struct *)x)->xmm_space[7 * 4 + 1] = 0x40100000;
    show("SETREGSET", trace(PTRACE_SETREGSET, pid, NT_X86_XSTATE, DATA(&v)));
    register_set(pid, "XSTATE", PTRACE_SETREGSET, NT_X86_XSTATE, x, 512);
    register_set(pid, "XSTATE", PTRACE_SETREGSET, NT_X86_XSTATE, (void *)8, v.iov_len);
    *(uint64_t *)(x + 520) = 1ULL << 63; /* compacted */
    register_set(pid, "XSTATE", PTRACE_SETREGSET, NT_X86_XSTATE, x, v.iov_len);
    *(uint64_t *)(x + 520) = 0;
    *(uint64_t *)(x + 528) = 1;
    register_set(pid, "XSTATE", PTRACE_SETREGSET, NT_X86_XSTATE, x, v.iov_len);
    *(uint64_t *)(x + 528) = 0;
    *(uint64_t *)(x + 512) = ~0ULL;
    register_set(pid, "XSTATE", PTRACE_SETREGSET, NT_X86_XSTATE, x, v.iov_len);
    *(uint64_t *)(x + 512) = 3;
    ((struct user_fpregs_struct *)x)->mxcsr = 0xdeadbeef;
    register_set(pid, "XSTATE", PTRACE_SETREGSET, NT_X86_XSTATE, x, v.iov_len);
    ((struct user_fpregs_struct *)x)->mxcsr = 0x1f80;
    *(uint64_t *)(x + 512) = 1; /* SSE in its initial state */
    register_set(pid, "XSTATE", PTRACE_SETREGSET, NT_X86_XSTATE, x, v.iov_len);
    trace(PTRACE_GETFPREGS, pid, 0, DATA(&f));
    printf("fcw %x mxcsr %x xmm7 %x\n", f.cwd, f.mxcsr, f.xmm_space[7 * 4 + 1]);
    interrupt(pid);
    trace(PTRACE_GETFPREGS, pid, 0, DATA(&f));
    printf("fcw %x mxcsr %x xmm7 %x\n", f.cwd, f.mxcsr, f.xmm_space[7 * 4 + 1]);
    tracee_end(pid);
}

static void bases(void)
{
    pid_t pid = spinning();
    unsigned long base = 0;

    show_call(trace(30, pid, 0x123000, ARCH_SET_GS));
    show_call(trace(30, pid, DATA(&base), ARCH_GET_GS));
    printf("gs base %lx in regs %lx selector %lx\n", base, (long)regs_of(pid).gs_base, (long)regs_of(pid).gs);
    show_call(trace(30, pid, 0x8000000000000000, ARCH_SET_GS));
    show_call(trace(30, pid, 0x7ffffffff000, ARCH_SET_FS));
    show_call(trace(30, pid, 8, ARCH_GET_FS));
    show_call(trace(30, pid, 8, 0x9999));

    tracee_end(pid);
}

int main(void)
{
    rounds = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    single_words();
    hostile_values();
    register_sets();
    bases();
    return 0;
}
