/*
 * What a program may do to the CPU's state, and what becomes of it over a system call: flags, single steps, segment
 * registers, privileged instructions, jumps to where nothing can be.  Only what every CPU and emulator answers alike.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/abi/abi_test.h"

static volatile int steps, step_code;

static void step_handler(int signal, siginfo_t *info, void *context)
{
    step_code = info->si_code;
    if (++steps >= 12)
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100L;
}

/* Every instruction traps once, the system call in between as well. */
static void show_single_steps(void)
{
    struct sigaction action = {.sa_sigaction = step_handler, .sa_flags = SA_SIGINFO};
    long pid = 39;

    sigaction(SIGTRAP, &action, NULL);
    __asm__ volatile("pushfq\n\t"
                     "orq $0x100, (%%rsp)\n\t"
                     "popfq\n\t"
                     "nop\n\t"
                     "syscall\n\t"
                     ".rept 30; nop; .endr"
                     : "+a"(pid)
                     :
                     : "rcx", "r11", "memory");
    show("steps", steps);
    show("code", step_code);
    show("the call's result is right", pid == getpid());
    signal(SIGTRAP, SIG_DFL);
}

static void use_flags(void)
{
    unsigned long flags;

    /* NT, DF and the arithmetic flags over a call. */
    __asm__ volatile("pushfq\n\t"
                     "orq $0x4cd5, (%%rsp)\n\t"
                     "popfq\n\t"
                     "mov $39, %%eax\n\t"
                     "syscall\n\t"
                     "pushfq\n\t"
                     "pop %0\n\t"
                     "pushfq\n\t"
                     "andq $~0x4400, (%%rsp)\n\t"
                     "popfq"
                     : "=r"(flags)
                     :
                     : "rax", "rcx", "r11", "memory");
    show("flags after the call", flags & 0x4cd5);
}

static void use_stack_segment(void)
{
    __asm__ volatile("mov %%ss, %%eax; mov %%eax, %%ss" : : : "eax");
    show("stack segment", 1);
}

static void use_null_segments(void)
{
    __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0));
    show("null data segments", getpid() > 0);
}

static void use_kernel_segment(void)
{
    __asm__ volatile("mov %0, %%ds" : : "r"(0x18));
}

static void use_debug_register(void)
{
    __asm__ volatile("mov %%dr7, %%rax" : : : "rax");
}

static void use_control_register(void)
{
    __asm__ volatile("mov %%cr0, %%rax" : : : "rax");
}

static void use_msr(void)
{
    __asm__ volatile("rdmsr" : : "c"(0xc0000080) : "rax", "rdx");
}

static void use_port(void)
{
    __asm__ volatile("outb %%al, $0xe9" : : "a"(65));
}

static void jump_non_canonical(void)
{
    __asm__ volatile("jmp *%0" : : "r"(0x8000000000000000));
}

/* The last instruction of user space that could be a SYSCALL. */
static void call_at_the_end(void)
{
    unsigned char *p = mmap((void *)0x7fffffffe000, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    if (p == MAP_FAILED)
        child_exit(9);
    p[4094] = 0x0f;
    p[4095] = 0x05;
    __asm__ volatile("jmp *%0" : : "r"(p + 4094), "a"(39));
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"flags", use_flags},
    {"stack segment", use_stack_segment},
    {"null segments", use_null_segments},
    {"kernel segment", use_kernel_segment},
    {"debug register", use_debug_register},
    {"control register", use_control_register},
    {"msr", use_msr},
    {"port", use_port},
    {"non-canonical jump", jump_non_canonical},
    {"call at the end", call_at_the_end},
};

int main(void)
{
    show_single_steps();
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int status;
        pid_t child = fork_clean();

        if (!child) {
            cases[i].run();
            child_exit(0);
        }
        waitpid(child, &status, 0);
        show_status(cases[i].name, status);
    }
    return 0;
}
