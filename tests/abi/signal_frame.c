/*
 * What a handler sees and may change: registers, floating point and vector state, the red zone, the alternate stack.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "abi_test.h"

static volatile int count;
static volatile uintptr_t handler_stack;
static char alternate[65536];

static void on_clobber(int signal)
{
    volatile double x = signal;

    for (int i = 0; i < 20; i++)
        x = x * 1.5 + 1;
    __asm__ volatile("pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15; fldz; fstp %%st(0)"
                     : : : "xmm0", "xmm7", "xmm15");
    count++;
}

static void show_vector_state(void)
{
    uint64_t in[2] = {0x1122334455667788, 0x99aabbccddeeff00}, out0[2], out7[2], out15[2];
    pid_t pid = getpid();

    signal(SIGUSR1, on_clobber);
    /* The signal is handled on the way back from the call, with these registers live. */
    __asm__ volatile("movdqu %4, %%xmm0; movdqu %4, %%xmm7; movdqu %4, %%xmm15\n\t"
                     "syscall\n\t"
                     "movdqu %%xmm0, %0; movdqu %%xmm7, %1; movdqu %%xmm15, %2"
                     : "=m"(out0), "=m"(out7), "=m"(out15), "+D"(pid)
                     : "m"(in), "a"(SYS_kill), "S"(SIGUSR1)
                     : "rcx", "r11", "xmm0", "xmm7", "xmm15", "memory");
    show("handled", count);
    show("xmm0 kept", !memcmp(in, out0, 16));
    show("xmm7 kept", !memcmp(in, out7, 16));
    show("xmm15 kept", !memcmp(in, out15, 16));
}

static uint32_t handler_mxcsr;
static uint16_t handler_control;
static uint64_t handler_xmm7[2];

static void on_fresh(int signal)
{
    __asm__ volatile("stmxcsr %0; fnstcw %1; movdqu %%xmm7, %2" : "=m"(handler_mxcsr), "=m"(handler_control), "=m"(handler_xmm7));
}

/* A handler starts with the initial state, and what was before is there again after it. */
static void show_fresh_state(void)
{
    uint32_t mxcsr = 0x7f80, mxcsr_after; /* rounds towards zero */
    uint16_t control = 0xc7f, control_after;
    uint64_t in[2] = {0x1122334455667788, 0x99aabbccddeeff00};
    pid_t pid = getpid();

    signal(SIGUSR1, on_fresh);
    __asm__ volatile("ldmxcsr %3; fldcw %4; movdqu %5, %%xmm7\n\t"
                     "syscall\n\t"
                     "stmxcsr %0; fnstcw %1"
                     : "=m"(mxcsr_after), "=m"(control_after), "+D"(pid)
                     : "m"(mxcsr), "m"(control), "m"(in), "a"(SYS_kill), "S"(SIGUSR1)
                     : "rcx", "r11", "xmm7", "memory");
    printf("in the handler: mxcsr %x control %x xmm7 %lx\n", handler_mxcsr, handler_control, (unsigned long)handler_xmm7[0]);
    printf("after it: mxcsr %x control %x\n", mxcsr_after, control_after);
    mxcsr = 0x1f80;
    control = 0x37f;
    __asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(mxcsr), "m"(control));
}

static void on_red_zone(int signal)
{
    volatile char filler[2048];

    memset((char *)filler, signal, sizeof(filler));
    count++;
}

static void show_red_zone(void)
{
    long result, pid = getpid();

    signal(SIGUSR1, on_red_zone);
    __asm__ volatile("movq $0x5a5a5a5a, -8(%%rsp)\n\t"
                     "movq $0x6b6b6b6b, -128(%%rsp)\n\t"
                     "syscall\n\t"
                     "movq -8(%%rsp), %%rax\n\t"
                     "addq -128(%%rsp), %%rax"
                     : "=a"(result), "+D"(pid)
                     : "a"(SYS_kill), "S"(SIGUSR1)
                     : "rcx", "r11", "memory");
    printf("red zone %lx\n", result);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    ucontext_t *c = context;

    long address = (long)info->si_addr;

    if (info->si_code == SEGV_ACCERR && signal == SIGSEGV)
        address &= 4095;
    if (address == c->uc_mcontext.gregs[REG_RIP])
        address = -1; /* the instruction's own */
    printf("fault: signal %d code %d address %ld trap %lld error %lld\n", signal, info->si_code, address,
           c->uc_mcontext.gregs[REG_TRAPNO], c->uc_mcontext.gregs[REG_ERR]);
    c->uc_mcontext.gregs[REG_RIP] += 2; /* over the instruction */
    c->uc_mcontext.gregs[REG_RAX] = 1234;
}

static void show_faults(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    long result;

    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    sigaction(SIGFPE, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    __asm__ volatile("movl (%1), %%eax" : "=a"(result) : "c"(0x10L)); /* two bytes long */
    show("result", result);
    __asm__ volatile("movl %%eax, (%1)" : "=a"(result) : "c"(0x20L));
    show("result", result);
    __asm__ volatile("ud2" : "=a"(result));
    show("result", result);
    __asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; xor %%ecx, %%ecx; div %%ecx" : "=a"(result) : : "ecx", "edx");
    show("result", result);
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    __asm__ volatile("movl %%eax, (%1)" : "=a"(result) : "c"(page)); /* read-only: SEGV_ACCERR */
    show("result", result);
    __asm__ volatile("movl (%1), %%eax" : "=a"(result) : "c"(0x8000000000000000UL)); /* not canonical */
    show("result", result);
}

static void on_stack(int signal)
{
    stack_t s;

    (void)signal;
    handler_stack = (uintptr_t)&s;
    sigaltstack(NULL, &s);
    show("on the alternate stack: flags", s.ss_flags);
    s.ss_flags = 0;
    show_call(sigaltstack(&s, NULL));
}

static void show_alternate_stack(void)
{
    stack_t s = {.ss_sp = alternate, .ss_size = sizeof(alternate)}, old;
    struct sigaction action = {.sa_handler = on_stack, .sa_flags = SA_ONSTACK};

    sigaltstack(NULL, &old);
    show("at first: flags", old.ss_flags);
    show_call(sigaltstack(&s, NULL));
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    show("within", handler_stack >= (uintptr_t)alternate && handler_stack < (uintptr_t)alternate + sizeof(alternate));
    action.sa_flags = 0;
    sigaction(SIGUSR1, &action, NULL);
    sigaltstack(NULL, &old);
    show("flags", old.ss_flags);
    s.ss_size = 100;
    show_call(sigaltstack(&s, NULL));
    s.ss_flags = 77;
    show_call(sigaltstack(&s, NULL));
    s.ss_flags = SS_DISABLE;
    show_call(sigaltstack(&s, NULL));
    sigaltstack(NULL, &old);
    show("disabled: flags", old.ss_flags);
}

static sigjmp_buf back;

static void on_overflow(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

static int recurse(int n)
{
    volatile char big[4096];

    big[0] = (char)n;
    return n > 1000000 ? 0 : recurse(n + 1) + big[0];
}

static void show_stack_overflow(void)
{
    stack_t s = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
    struct sigaction action = {.sa_handler = on_overflow, .sa_flags = SA_ONSTACK};

    sigaltstack(&s, NULL);
    sigaction(SIGSEGV, &action, NULL);
    if (!sigsetjmp(back, 1)) {
        show("recursion", recurse(0));
        return;
    }
    show("stack overflow was handled", 1);
    signal(SIGSEGV, SIG_DFL);
}

static void show_bad_frames(void)
{
    int status;
    pid_t child = fork_clean();

    if (!child) {
        __asm__ volatile("mov $64, %%rsp; mov $15, %%eax; syscall" : : : "memory");
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_status("sigreturn from nowhere", status);

    child = fork_clean();
    if (!child) {
        signal(SIGUSR1, on_clobber);
        __asm__ volatile("mov %0, %%edi; mov $10, %%esi; mov $64, %%rsp; mov $62, %%eax; syscall"
                         : : "r"(getpid()) : "memory", "rdi", "rsi", "rax");
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_status("no stack for the frame", status);
}

static void on_edit(int signal, siginfo_t *info, void *context)
{
    ucontext_t *c = context;

    (void)signal;
    (void)info;
    c->uc_mcontext.gregs[REG_EFL] |= 0x3000 | 0x4000 | 0x20000; /* IOPL, NT, VM: not the program's to set */
    sigaddset(&c->uc_sigmask, SIGUSR2);
}

static void show_edited_frame(void)
{
    struct sigaction action = {.sa_sigaction = on_edit, .sa_flags = SA_SIGINFO};
    unsigned long flags;
    sigset_t now;

    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    __asm__ volatile("pushfq; pop %0" : "=r"(flags));
    printf("flags a program cannot set: %lx\n", flags & 0x37000);
    sigprocmask(SIG_BLOCK, NULL, &now);
    show("mask edited in the frame", sigismember(&now, SIGUSR2));
}

int main(void)
{
    show_vector_state();
    show_fresh_state();
    show_red_zone();
    show_faults();
    show_alternate_stack();
    show_stack_overflow();
    show_bad_frames();
    show_edited_frame();
    return 0;
}
