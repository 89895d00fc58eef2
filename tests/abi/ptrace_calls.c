/*
 * ptrace: stops at system calls, and what a tracer can make of a call there.
 */
#include <sys/prctl.h>

#include "tests/abi/ptrace_test.h"

static void three_calls(void)
{
    syscall(SYS_getppid);
    syscall(SYS_lseek, 77, 5, 6);
    syscall(SYS_getppid);
}

static void show_call_registers(pid_t pid)
{
    struct user_regs_struct r = regs_of(pid);

    printf("  nr %ld arguments %ld %ld result %s%ld\n", (long)r.orig_rax, r.orig_rax == SYS_lseek ? (long)r.rdi : 0,
           r.orig_rax == SYS_lseek ? (long)r.rsi : 0, (long)r.rax > 0 ? "positive " : "",
           (long)r.rax > 0 ? 0 : (long)r.rax);
}

static void show_syscall_info(pid_t pid, unsigned long size)
{
    struct ptrace_syscall_info i;

    memset(&i, 0xff, sizeof i);
    long n = trace(PTRACE_GET_SYSCALL_INFO, pid, size, DATA(&i));
    printf("  info(%lu): %ld errno %d", size, n, n < 0 ? errno : 0);
    if (size >= 24)
        printf(" op %d arch %x ip %d sp %d", i.op, i.arch, i.instruction_pointer == regs_of(pid).rip,
               i.stack_pointer == regs_of(pid).rsp);
    if (size >= 80 && i.op == PTRACE_SYSCALL_INFO_ENTRY)
        printf(" nr %ld arg1 %s", (long)i.entry.nr, i.entry.args[1] == regs_of(pid).rsi ? "same" : "other");
    if (size >= 80 && i.op == PTRACE_SYSCALL_INFO_EXIT)
        printf(" error %d value %d", i.exit.is_error, i.exit.rval == (long)regs_of(pid).rax);
    printf("\n");
}

static void follow_calls(int good)
{
    pid_t pid = tracee_start(three_calls);

    show("SETOPTIONS", trace(PTRACE_SETOPTIONS, pid, 0, good ? PTRACE_O_TRACESYSGOOD : 0));
    show_syscall_info(pid, sizeof(struct ptrace_syscall_info));
    for (int i = 0; i < 8; i++) {
        trace(PTRACE_SYSCALL, pid, 0, 0);
        wait_show("call", pid);
        show_call_registers(pid);
        show_syscall_info(pid, sizeof(struct ptrace_syscall_info));
        if (i < 2) {
            show_syscall_info(pid, 0);
            show_syscall_info(pid, 24);
            show_syscall_info(pid, 200);
            unsigned long message = 99;
            show("GETEVENTMSG", trace(PTRACE_GETEVENTMSG, pid, 0, DATA(&message)));
            show("message", message);
        }
    }
    show("bad pointer", trace(PTRACE_GET_SYSCALL_INFO, pid, 88, 8) == -1 ? errno : 0);
    tracee_end(pid);
}

/* Leaves the tracee at the entry of its first getppid. */
static pid_t at_entry(void (*body)(void))
{
    pid_t pid = tracee_start(body);

    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
    do {
        trace(PTRACE_SYSCALL, pid, 0, 0);
        waitpid(pid, NULL, 0);
    } while (regs_of(pid).orig_rax != SYS_getppid);
    return pid;
}

static void exit_with_result(void)
{
    long n = syscall(SYS_getppid, 11, 12);

    child_exit(n == getppid() ? 1 : n == -1 ? 100 + errno : (int)n);
}

static void change_number(const char *what, long nr, long rax, long rdi)
{
    pid_t pid = at_entry(exit_with_result);
    struct user_regs_struct r = regs_of(pid);

    r.orig_rax = nr;
    if (rax)
        r.rax = rax;
    r.rdi = rdi;
    trace(PTRACE_SETREGS, pid, 0, DATA(&r));
    trace(PTRACE_SYSCALL, pid, 0, 0);
    wait_show(what, pid);
    r = regs_of(pid);
    printf("  nr %ld result %ld\n", (long)r.orig_rax, (long)r.rax);
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show(what, pid);
}

static void change_result(void)
{
    pid_t pid = at_entry(exit_with_result);

    trace(PTRACE_SYSCALL, pid, 0, 0);
    wait_show("exit stop", pid);
    show("POKEUSER", trace(PTRACE_POKEUSR, pid, offsetof(struct user, regs.rax), 42));
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("changed result", pid);
}

static void emulate(long request, const char *what)
{
    pid_t pid = tracee_start(exit_with_result);

    show("SETOPTIONS", trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD));
    for (int i = 0; i < 40; i++) {
        trace(request, pid, 0, 0);
        waitpid(pid, NULL, 0);
        struct user_regs_struct r = regs_of(pid);
        if ((long)r.orig_rax == SYS_getppid)
            break;
    }
    struct user_regs_struct r = regs_of(pid);
    printf("%s: nr %ld result %ld\n", what, (long)r.orig_rax, (long)r.rax);
    r.rax = 17;
    trace(PTRACE_SETREGS, pid, 0, DATA(&r));
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show(what, pid);
}

static volatile int handled;

static void on_signal(int signal)
{
    handled++;
}

static void pause_once(void)
{
    signal(SIGUSR1, on_signal);
    int result = pause();
    child_exit(result == -1 ? 50 + errno + handled * 100 : 1);
}

/* An interrupted call shows its restart code at its exit, and is made again if nothing is delivered. */
static void restart_codes(int deliver)
{
    pid_t pid = tracee_start(pause_once);

    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
    do {
        trace(PTRACE_SYSCALL, pid, 0, 0);
        waitpid(pid, NULL, 0);
    } while (regs_of(pid).orig_rax != SYS_pause);
    trace(PTRACE_SYSCALL, pid, 0, 0);
    usleep(20000);
    kill(pid, SIGUSR1);
    wait_show("interrupted", pid);
    printf("  result %ld\n", (long)regs_of(pid).rax);
    trace(PTRACE_SYSCALL, pid, 0, 0);
    wait_show("its signal", pid);
    printf("  result %ld\n", (long)regs_of(pid).rax);
    trace(PTRACE_SYSCALL, pid, 0, deliver ? SIGUSR1 : 0);
    wait_show("next", pid);
    printf("  nr %ld result %ld\n", (long)regs_of(pid).orig_rax, (long)regs_of(pid).rax);
    if (!deliver) {
        trace(PTRACE_CONT, pid, 0, 0);
        usleep(20000);
        kill(pid, SIGUSR1);
        wait_show("second signal", pid);
        trace(PTRACE_CONT, pid, 0, SIGUSR1);
    } else {
        trace(PTRACE_CONT, pid, 0, 0);
    }
    wait_show("end", pid);
}

/* Without a call in orig_rax nothing is restarted: the program sees the code itself. */
static void no_restart(void)
{
    pid_t pid = tracee_start(pause_once);

    trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD);
    do {
        trace(PTRACE_SYSCALL, pid, 0, 0);
        waitpid(pid, NULL, 0);
    } while (regs_of(pid).orig_rax != SYS_pause);
    trace(PTRACE_CONT, pid, 0, 0);
    usleep(20000);
    kill(pid, SIGUSR1);
    wait_show("interrupted", pid);
    struct user_regs_struct r = regs_of(pid);
    printf("  nr %ld result %ld\n", (long)r.orig_rax, (long)r.rax);
    r.orig_rax = -1;
    trace(PTRACE_SETREGS, pid, 0, DATA(&r));
    trace(PTRACE_SYSCALL, pid, 0, 0);
    wait_show("goes on", pid);
    printf("  nr %ld first argument %ld\n", (long)regs_of(pid).orig_rax, (long)regs_of(pid).rdi);
    tracee_end(pid);
}

/* A signal given at a call's stop is sent. */
static void signal_at_call(void)
{
    pid_t pid = at_entry(exit_with_result);

    trace(PTRACE_SYSCALL, pid, 0, SIGUSR2);
    wait_show("after entry", pid);
    trace(PTRACE_SYSCALL, pid, 0, 0);
    wait_show("then", pid);
    trace(PTRACE_CONT, pid, 0, SIGUSR2);
    wait_show("end", pid);
}

static void nothing(void)
{
}

static void show_errors(void)
{
    pid_t pid = tracee_start(nothing);
    struct user_regs_struct r;

    show_call(trace(PTRACE_CONT, pid, 0, 65));
    show_call(trace(PTRACE_CONT, pid, 0, -1));
    show_call(trace(PTRACE_SYSCALL, pid, 0, 1000));
    show_call(trace(PTRACE_DETACH, pid, 0, 65));
    show_call(trace(PTRACE_SETOPTIONS, pid, 0, 0x40000000));
    show_call(trace(PTRACE_SETOPTIONS, pid, 0, 0x200));
    show_call(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESECCOMP));
    show_call(trace(PTRACE_GETREGS, pid, 0, 16));
    show_call(trace(PTRACE_SETREGS, pid, 0, 16));
    show_call(trace(PTRACE_GETEVENTMSG, pid, 0, 16));
    show_call(trace(PTRACE_GETSIGINFO, pid, 0, 16));
    show_call(trace(PTRACE_SETSIGINFO, pid, 0, 16));
    show_call(trace(12345, pid, 0, 0));
    show_call(trace(-1, pid, 0, 0));
    show_call(trace(PTRACE_LISTEN, pid, 0, 0));
    show_call(trace(PTRACE_INTERRUPT, pid, 0, 0));
    show_call(trace(PTRACE_ATTACH, pid, 0, 0));
    show_call(trace(PTRACE_SEIZE, pid, 0, 0));
    show_call(trace(PTRACE_SEIZE, pid, 1, 0));
    show_call(trace(PTRACE_SEIZE, pid, 0, 0x40000000));
    show_call(trace(PTRACE_ATTACH, getpid(), 0, 0));
    show_call(trace(PTRACE_ATTACH, 99999, 0, 0));
    show_call(trace(PTRACE_ATTACH, 0, 0, 0));
    show_call(trace(PTRACE_ATTACH, -1, 0, 0));
    show_call(trace(PTRACE_GETREGS, getppid(), 0, DATA(&r)));
    show_call(trace(PTRACE_GETREGS, 99999, 0, DATA(&r)));
    show_call(trace(PTRACE_KILL, 99999, 0, 0));
    show_call(trace(PTRACE_CONT, pid, 0, 0));
    waitpid(pid, NULL, 0);
    show_call(trace(PTRACE_CONT, pid, 0, 0));
}

int main(void)
{
    follow_calls(1);
    follow_calls(0);
    change_number("none", -1, 0, 0);
    change_number("none, own result", -1, 33, 0);
    change_number("another", SYS_getuid, 0, 0);
    change_number("argument", SYS_dup, 0, 555);
    change_number("no such call", 4000, 0, 0);
    change_number("high bits", 0x100000000L + SYS_getuid, 0, 0);
    change_result();
    emulate(PTRACE_SYSEMU, "emulated");
    emulate(PTRACE_SYSEMU_SINGLESTEP, "emulated by steps");
    restart_codes(1);
    restart_codes(0);
    no_restart();
    signal_at_call();
    show_errors();
    return 0;
}
