/*
 * ptrace: single steps over all that is not a plain instruction; breakpoints and watchpoints by the debug registers; the
 * trap flag as a program uses it itself.
 */
#include <ucontext.h>

#include "tests/abi/ptrace_test.h"

#define DEBUG(n) (offsetof(struct user, u_debugreg) + 8 * (n))

/* Labels in the code below, as addresses. */
#define LABEL(name) extern char name[];
LABEL(s_nops) LABEL(s_call) LABEL(s_call_end) LABEL(s_pushf) LABEL(s_popf) LABEL(s_popf_end) LABEL(s_end)

static __attribute__((noinline, noclone)) void plain_code(void)
{
    __asm__ volatile("call 1f\n" /* finds its own address in a register, whatever the program is linked as */
                     "1: pop %%rbx\n"
                     "int3\n"
                     ".globl s_nops, s_call, s_call_end, s_pushf, s_popf, s_popf_end, s_end\n"
                     "s_nops: nop\n"
                     "nop\n"
                     "mov $39, %%eax\n"
                     "s_call: syscall\n"
                     "s_call_end: nop\n"
                     "s_pushf: pushf\n"
                     "orq $0, (%%rsp)\n"
                     "s_popf: popf\n"
                     "s_popf_end: nop\n"
                     "mov $3, %%ecx\n"
                     "lea s_nops(%%rip), %%rsi\n"
                     "lea -64(%%rsp), %%rdi\n"
                     "cld\n"
                     "rep movsb\n"
                     "mov %%ss, %%eax\n"
                     "mov %%eax, %%ss\n"
                     "nop\n"
                     "s_end: nop\n"
                     :
                     :
                     : "rax", "rbx", "rcx", "rsi", "rdi", "r11", "memory", "cc");
}

static void plain(void)
{
    plain_code();
}

static int step(pid_t pid, int request)
{
    siginfo_t info = {0};
    int status;

    if (trace(request, pid, 0, 0) != 0)
        printf("step: errno %d\n", errno);
    waitpid(pid, &status, __WALL);
    if (!WIFSTOPPED(status)) {
        show_status("step", status);
        return -1;
    }
    trace(PTRACE_GETSIGINFO, pid, 0, DATA(&info));
    return info.si_signo * 10000 + info.si_code + (status >> 16) * 1000000;
}

static void step_all(void)
{
    pid_t pid = tracee_start(plain);
    struct user_regs_struct r;
    long last = 0;

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("int3", pid);
    r = regs_of(pid);
    show("after int3", r.rip == DATA(s_nops));
    for (int i = 0; i < 40 && r.rip != DATA(s_end); i++) {
        int what = step(pid, PTRACE_SINGLESTEP);
        r = regs_of(pid);
        unsigned long top = 0;
        trace(PTRACE_PEEKDATA, pid, r.rsp, DATA(&top));
        printf("%d: %ld from the start, trap flag %d", what, (long)(r.rip - DATA(s_nops)), (r.eflags & 0x100) != 0);
        if (r.rip - DATA(s_pushf) == 1 || last == (long)DATA(s_pushf))
            printf(" pushed flag %d", (top & 0x100) != 0);
        printf("\n");
        last = (long)r.rip;
    }
    unsigned long status = 0;
    trace(PTRACE_PEEKUSR, pid, DEBUG(6), DATA(&status));
    printf("DR6 %lx\n", status);
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("end", pid);
}

static volatile int handled;

static void on_signal(int signal)
{
    handled++;
}

static void signals_and_calls(void)
{
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    child_exit(handled);
}

/* Into a handler and back out of it. */
static void step_handler(void)
{
    pid_t pid = tracee_start(signals_and_calls);

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("signal", pid);
    unsigned long before = regs_of(pid).rip;
    trace(PTRACE_SINGLESTEP, pid, 0, SIGUSR1);
    wait_show("stepped", pid);
    struct user_regs_struct r = regs_of(pid);
    printf("at the handler %d flag %d argument %ld\n", r.rip == DATA(on_signal), (r.eflags & 0x100) != 0, (long)r.rdi);
    int steps = 0;
    while (regs_of(pid).rip != before && steps++ < 60)
        step(pid, PTRACE_SINGLESTEP);
    printf("back again %d\n", steps < 60);
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("end", pid);
}

static void step_fork_and_exec(void)
{
    int status;
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL); /* it may come before or in wait4 */
    pid_t pid = (pid_t)syscall(SYS_fork);

    if (!pid)
        _exit(3);
    syscall(SYS_wait4, pid, &status, 0, NULL);
    char *argv[] = {"x", NULL};
    execv("/proc/self/exe", argv);
    child_exit(status == 0x300 ? 12 : 13);
}

/* The child of a stepped process is not stepped. */
static void step_over_fork(void)
{
    pid_t pid = tracee_start(step_fork_and_exec);
    int status, steps = 0;

    for (;;) {
        trace(PTRACE_SINGLESTEP, pid, 0, 0);
        if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
            break;
        if (regs_of(pid).orig_rax == SYS_wait4 || steps++ > 100000)
            break;
    }
    printf("stepped to wait4 %d\n", WIFSTOPPED(status) && steps < 100000);
    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC);
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("then", pid);
    show("step", step(pid, PTRACE_SINGLESTEP));
    show("step", step(pid, PTRACE_SINGLESTEP));
    tracee_end(pid);
}

static volatile long watched[4];

static __attribute__((noinline)) void touch(volatile long *at, long value)
{
    *at = value;
}

static void watch_body(void)
{
    raise(SIGSTOP);
    touch(&watched[0], 1);
    touch(&watched[1], 2);
    ((volatile char *)watched)[17] = 1;
    long sum = watched[0];
    touch(&watched[3], sum);
    read(-1, (void *)watched, 8);
    int fd[2];
    pipe(fd);
    write(fd[1], "12345678", 8);
    read(fd[0], (void *)watched, 8); /* the kernel's accesses do not count */
    raise(SIGUSR2);
}

static void debug_poke(pid_t pid, int n, unsigned long value)
{
    unsigned long after = 0;
    long result = trace(PTRACE_POKEUSR, pid, DEBUG(n), value);
    int error = result ? errno : 0;

    trace(PTRACE_PEEKUSR, pid, DEBUG(n), DATA(&after));
    printf("DR%d: %ld errno %d then %s\n", n, result, error, after == value ? "as set" : after ? "other" : "0");
}

static void run_to(pid_t pid, const char *what)
{
    unsigned long status = 0;

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show(what, pid);
    trace(PTRACE_PEEKUSR, pid, DEBUG(6), DATA(&status));
    printf("  DR6 %lx\n", status);
    debug_poke(pid, 6, 0);
}

static void watchpoints(void)
{
    pid_t pid = tracee_start(watch_body);

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("ready", pid);
    debug_poke(pid, 0, DATA(&watched[0]));
    debug_poke(pid, 1, DATA(&watched[1]));
    debug_poke(pid, 2, DATA(&watched[2]));
    debug_poke(pid, 3, DATA(touch));
    debug_poke(pid, 4, 1);
    debug_poke(pid, 5, 1);
    debug_poke(pid, 0, 0xffff800000000000);
    debug_poke(pid, 0, 0x7ffffffff000);
    debug_poke(pid, 0, DATA(&watched[0]));
    debug_poke(pid, 7, 0x00020003);                            /* I/O is not for programs */
    debug_poke(pid, 7, 0x00040000 | 0x1);                      /* code, two bytes */
    debug_poke(pid, 7, 0x000b0000UL | 0x000900000 | 0x5);      /* all accesses to 8 bytes; writes to 8 */
    debug_poke(pid, 1, DATA(&watched[1]) + 1);                 /* not aligned to that */
    debug_poke(pid, 7, 0x09b00000UL | 0x000b0000 | 0x15);
    debug_poke(pid, 7, 0x0f9b0000 | 0x0000 | 0x15);
    debug_poke(pid, 2, DATA(&watched[2]));
    debug_poke(pid, 7, 0x099b0000UL | 0x15);
    for (int i = 0; i < 4; i++)
        run_to(pid, "watch");
    debug_poke(pid, 7, 0x00000040);                            /* code */
    debug_poke(pid, 7, 0x400);
    run_to(pid, "off");
    tracee_end(pid);
}

static void breakpoints(void)
{
    pid_t pid = tracee_start(watch_body);

    debug_poke(pid, 0, DATA(touch));
    debug_poke(pid, 7, 1);
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("ready", pid);
    for (int i = 0; i < 3; i++) {
        run_to(pid, "break");
        struct user_regs_struct r = regs_of(pid);
        printf("  at it %d argument %ld resume flag %d\n", r.rip == DATA(touch), (long)r.rsi, (r.eflags & 0x10000) != 0);
    }
    debug_poke(pid, 7, 0);
    run_to(pid, "off");
    tracee_end(pid);
}

static volatile int traps, codes[32];

static void on_trap(int signal, siginfo_t *info, void *context)
{
    ucontext_t *c = context;

    if (traps < 32)
        codes[traps] = info->si_code;
    if (++traps == 6)
        c->uc_mcontext.gregs[REG_EFL] &= ~0x100L;
}

/* Untraced: a program that steps itself. */
static void own_flag(void)
{
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};

    sigaction(SIGTRAP, &action, NULL);
    __asm__ volatile("pushf\n"
                     "orq $0x100, (%%rsp)\n"
                     "popf\n"
                     "nop\n"
                     "mov $39, %%eax\n"
                     "syscall\n"
                     "nop\n"
                     "nop\n"
                     "nop\n"
                     "nop\n"
                     :
                     :
                     : "rax", "rcx", "r11", "memory", "cc");
    printf("own traps %d codes %d %d\n", traps, codes[0], codes[5]);
}

/* The tracer sets the flag in the registers itself: it is the program's then. */
static void flag_by_tracer(void)
{
    pid_t pid = tracee_start(plain);

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("int3", pid);
    struct user_regs_struct r = regs_of(pid);
    r.eflags |= 0x100;
    trace(PTRACE_SETREGS, pid, 0, DATA(&r));
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("one instruction", pid);
    printf("flag %d\n", (regs_of(pid).eflags & 0x100) != 0);
    show("step", step(pid, PTRACE_SINGLESTEP));
    printf("flag %d\n", (regs_of(pid).eflags & 0x100) != 0);
    r = regs_of(pid);
    r.eflags &= ~0x100UL;
    trace(PTRACE_SETREGS, pid, 0, DATA(&r));
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("end", pid);
}

int main(int argc, char **argv)
{
    if (argc && !strcmp(argv[0], "x"))
        return 21;
    step_all();
    step_handler();
    step_over_fork();
    watchpoints();
    breakpoints();
    own_flag();
    flag_by_tracer();
    return 0;
}
