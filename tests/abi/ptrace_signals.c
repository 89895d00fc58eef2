/*
 * ptrace: signals as a tracer sees, changes and injects them; group stops.
 */
#include "tests/abi/ptrace_test.h"

static volatile sig_atomic_t handled, handled_code, handled_value;

static void on_signal(int signal, siginfo_t *info, void *context)
{
    handled = signal;
    handled_code = info->si_code;
    handled_value = info->si_value.sival_int;
}

static void catch(int signal)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

    sigaction(signal, &action, NULL);
}

static void raise_and_exit(void)
{
    catch(SIGUSR1);
    catch(SIGUSR2);
    raise(SIGUSR1);
    child_exit(handled == 0 ? 1 : handled == SIGUSR1 ? 2 : handled == SIGUSR2 ? 3 : 4);
}

static void deliver(const char *what, int signal)
{
    pid_t pid = tracee_start(raise_and_exit);

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show(what, pid);
    show("CONT", trace(PTRACE_CONT, pid, 0, signal));
    wait_show(what, pid);
}

static void report_info(void)
{
    catch(SIGUSR1);
    catch(SIGUSR2);
    raise(SIGUSR1);
    printf("tracee: signal %d code %d value %d\n", handled, handled_code, handled_value);
}

static void change_info(int number)
{
    pid_t pid = tracee_start(report_info);
    siginfo_t info;

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("before", pid);
    show("GETSIGINFO", trace(PTRACE_GETSIGINFO, pid, 0, DATA(&info)));
    info.si_signo = number;
    info.si_code = SI_QUEUE;
    info.si_value.sival_int = 77;
    show("SETSIGINFO", trace(PTRACE_SETSIGINFO, pid, 0, DATA(&info)));
    trace(PTRACE_CONT, pid, 0, number);
    wait_show("changed", pid);
}

static void ignored_signals(void)
{
    signal(SIGUSR1, SIG_IGN);
    raise(SIGUSR1);
    raise(SIGCHLD);
    raise(SIGCONT);
}

static void show_all_stops(const char *what, void (*body)(void))
{
    pid_t pid = tracee_start(body);
    int status;

    do {
        trace(PTRACE_CONT, pid, 0, 0);
        status = wait_show(what, pid);
    } while (WIFSTOPPED(status));
}

static void blocked_signals(void)
{
    sigset_t set, old;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &set, &old);
    kill(getpid(), SIGUSR1);
    syscall(SYS_tgkill, getpid(), getpid(), SIGUSR2);
    union sigval value = {.sival_int = 5};
    sigqueue(getpid(), SIGRTMIN + 1, value);
    value.sival_int = 6;
    sigqueue(getpid(), SIGRTMIN + 1, value);
    raise(SIGSTOP);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void peek(pid_t pid, int flags, long off, int nr)
{
    struct ptrace_peeksiginfo_args args = {.off = off, .flags = flags, .nr = nr};
    siginfo_t infos[4];

    memset(infos, 0, sizeof infos);
    long n = trace(PTRACE_PEEKSIGINFO, pid, DATA(&args), DATA(infos));
    printf("PEEKSIGINFO flags %d off %ld nr %d: %ld errno %d", flags, off, nr, n, n < 0 ? errno : 0);
    for (long i = 0; i < n; i++)
        printf(" [%d code %d value %d]", infos[i].si_signo, infos[i].si_code,
               infos[i].si_code == SI_QUEUE ? infos[i].si_value.sival_int : 0);
    printf("\n");
}

static void queues_and_masks(void)
{
    pid_t pid = tracee_start(blocked_signals);
    uint64_t mask = 0;

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("blocked", pid);
    peek(pid, 0, 0, 4);
    peek(pid, PTRACE_PEEKSIGINFO_SHARED, 0, 4);
    peek(pid, PTRACE_PEEKSIGINFO_SHARED, 1, 1);
    peek(pid, PTRACE_PEEKSIGINFO_SHARED, 9, 4);
    peek(pid, 0, 0, 0);
    peek(pid, 2, 0, 1);
    peek(pid, 0, 0, -1);
    show("bad arguments", trace(PTRACE_PEEKSIGINFO, pid, 16, 0) == -1 ? errno : 0);
    show("GETSIGMASK", trace(PTRACE_GETSIGMASK, pid, 8, DATA(&mask)));
    printf("mask %lx\n", (long)mask);
    show("size 4", trace(PTRACE_GETSIGMASK, pid, 4, DATA(&mask)) == -1 ? errno : 0);
    show("bad mask", trace(PTRACE_SETSIGMASK, pid, 8, 16) == -1 ? errno : 0);
    mask = ~0ULL;
    show("SETSIGMASK", trace(PTRACE_SETSIGMASK, pid, 8, DATA(&mask)));
    show("GETSIGMASK", trace(PTRACE_GETSIGMASK, pid, 8, DATA(&mask)));
    printf("mask %lx\n", (long)mask);
    mask = 1ULL << (SIGUSR1 - 1);
    trace(PTRACE_SETSIGMASK, pid, 8, DATA(&mask));
    trace(PTRACE_CONT, pid, 0, 0);
    int status;
    while (WIFSTOPPED(status = wait_show("unblocked", pid)))
        trace(PTRACE_CONT, pid, 0, 0);
}

static void fault(void)
{
    *(volatile int *)16 = 1;
}

static void trap(void)
{
    __asm__ volatile("int3");
}

static void divide(void)
{
    volatile int zero = 0;

    zero = 1 / zero;
}

static void stop_twice(void)
{
    raise(SIGSTOP);
    raise(SIGTSTP);
}

/* What kind of stop it is: a group stop has no siginfo. */
static void old_group_stop(void)
{
    pid_t pid = tracee_start(stop_twice);
    siginfo_t info = {0};

    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("SIGSTOP before delivery", pid);
    trace(PTRACE_CONT, pid, 0, SIGSTOP);
    wait_show("group stop", pid);
    show("LISTEN", trace(PTRACE_LISTEN, pid, 0, 0) == -1 ? errno : 0);
    kill(pid, SIGCONT);
    usleep(20000);
    show("nothing to hear", waitpid(pid, NULL, WNOHANG));
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("SIGCONT", pid);
    trace(PTRACE_CONT, pid, 0, SIGCONT);
    wait_show("SIGTSTP before delivery", pid);
    trace(PTRACE_CONT, pid, 0, SIGTSTP);
    show("waitid", waitid(P_PID, pid, &info, WSTOPPED));
    printf("  code %d status %d\n", info.si_code, info.si_status);
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("goes on though the group is stopped", pid);
}

static void pauses(void)
{
    for (;;)
        pause();
}

static char state_of(pid_t pid)
{
    char path[64], line[512] = "", *at;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    read(fd, line, sizeof line - 1);
    close(fd);
    at = strrchr(line, ')');
    return at ? at[2] : '?';
}

static int tracer_of(pid_t pid)
{
    char path[64], text[4096] = "";
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    char *at = strstr(text, "TracerPid:");
    return at ? atoi(at + 10) : -1;
}

static void attach(void)
{
    pid_t pid = child_start(pauses);

    usleep(20000);
    show("tracer", tracer_of(pid));
    show_call(trace(PTRACE_ATTACH, pid, 0, 0));
    wait_show("attached", pid);
    printf("state %c tracer is me: %d\n", state_of(pid), tracer_of(pid) == getpid());
    show_call(trace(PTRACE_ATTACH, pid, 0, 0));
    trace(PTRACE_CONT, pid, 0, 0);
    usleep(20000);
    printf("state %c\n", state_of(pid));
    show_call(trace(PTRACE_CONT, pid, 0, 0));
    kill(pid, SIGUSR1);
    wait_show("signal", pid);
    show_call(trace(PTRACE_DETACH, pid, 0, 0));
    usleep(20000);
    printf("state %c tracer %d\n", state_of(pid), tracer_of(pid));
    show_call(trace(PTRACE_DETACH, pid, 0, 0));
    show_call(trace(PTRACE_ATTACH, pid, 0, 0));
    wait_show("again", pid);
    show_call(trace(PTRACE_DETACH, pid, 0, SIGTERM));
    wait_show("detached with a signal", pid);
}

static void attach_to_stopped(void)
{
    pid_t pid = child_start(pauses);
    int status;

    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    show_status("stopped", status);
    printf("state %c\n", state_of(pid));
    show_call(trace(PTRACE_ATTACH, pid, 0, 0));
    wait_show("attached", pid);
    printf("state %c\n", state_of(pid));
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("its SIGSTOP", pid);
    show_call(trace(PTRACE_DETACH, pid, 0, 0));
    usleep(20000);
    printf("state %c\n", state_of(pid));
    kill(pid, SIGCONT);
    usleep(20000);
    printf("state %c\n", state_of(pid));
    tracee_end(pid);
}

static void seize(void)
{
    pid_t pid = child_start(pauses);
    siginfo_t info;
    int status;

    usleep(20000);
    show_call(trace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD));
    usleep(10000);
    printf("state %c\n", state_of(pid));
    show_call(waitpid(pid, &status, WNOHANG));
    show_call(trace(PTRACE_INTERRUPT, pid, 0, 0));
    wait_show("interrupted", pid);
    show_call(trace(PTRACE_INTERRUPT, pid, 0, 0));
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("interrupted again", pid);
    show_call(trace(PTRACE_LISTEN, pid, 0, 0));
    show_call(trace(PTRACE_GETSIGINFO, pid, 0, DATA(&info)));
    printf("state %c\n", state_of(pid));
    show_call(trace(PTRACE_INTERRUPT, pid, 0, 0));
    wait_show("out of listening", pid);
    trace(PTRACE_CONT, pid, 0, 0);
    kill(pid, SIGSTOP);
    wait_show("SIGSTOP", pid);
    trace(PTRACE_CONT, pid, 0, SIGSTOP);
    wait_show("group stop", pid);
    show_call(trace(PTRACE_LISTEN, pid, 0, 0));
    usleep(10000);
    show_call(waitpid(pid, &status, WNOHANG));
    kill(pid, SIGCONT);
    wait_show("group stop is over", pid);
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("SIGCONT", pid);
    trace(PTRACE_CONT, pid, 0, 0);
    kill(pid, SIGCONT);
    wait_show("notified", pid);
    trace(PTRACE_CONT, pid, 0, 0);
    wait_show("another SIGCONT", pid);
    trace(PTRACE_CONT, pid, 0, 0);
    kill(pid, SIGTSTP);
    wait_show("SIGTSTP", pid);
    trace(PTRACE_CONT, pid, 0, SIGTSTP);
    wait_show("its group stop", pid);
    show_call(trace(PTRACE_DETACH, pid, 0, 0));
    usleep(20000);
    printf("state %c\n", state_of(pid));
    show_call(trace(PTRACE_SEIZE, pid, 0, 0));
    wait_show("seized while stopped", pid);
    show_call(trace(PTRACE_KILL, pid, 0, 0));
    wait_show("killed", pid);
}

static void kill_while_stopped(void)
{
    pid_t pid = tracee_start(pauses);
    struct user_regs_struct regs;

    kill(pid, SIGKILL);
    wait_show("SIGKILL in a stop", pid);
    show_call(trace(PTRACE_GETREGS, pid, 0, DATA(&regs)));

    pid = tracee_start(pauses);
    show_call(trace(PTRACE_KILL, pid, 0, 0));
    wait_show("PTRACE_KILL in a stop", pid);

    pid = tracee_start(raise_and_exit);
    show_call(trace(PTRACE_CONT, pid, 0, SIGKILL));
    wait_show("continued with SIGKILL", pid);

    pid = tracee_start(pauses);
    trace(PTRACE_CONT, pid, 0, 0);
    usleep(10000);
    show_call(trace(PTRACE_KILL, pid, 0, 0));
    wait_show("PTRACE_KILL while it runs", pid);
}

static volatile int children;

static void on_child(int signal, siginfo_t *info, void *context)
{
    children = info->si_code * 1000 + info->si_status;
}

static void child_signals(void)
{
    struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART};
    int status;

    sigaction(SIGCHLD, &action, NULL);
    pid_t pid = tracee_start(raise_and_exit);
    show("after the first stop", children);
    trace(PTRACE_CONT, pid, 0, 0);
    waitpid(pid, &status, 0);
    show("after a signal", children);
    trace(PTRACE_CONT, pid, 0, 0);
    waitpid(pid, &status, 0);
    show("after the end", children);
    action.sa_flags |= SA_NOCLDSTOP;
    sigaction(SIGCHLD, &action, NULL);
    children = 0;
    pid = tracee_start(raise_and_exit);
    show("with SA_NOCLDSTOP", children);
    tracee_end(pid);
    signal(SIGCHLD, SIG_DFL);
}

int main(void)
{
    setsid();
    deliver("as it is", SIGUSR1);
    deliver("swallowed", 0);
    deliver("another", SIGUSR2);
    deliver("deadly", SIGTERM);
    change_info(SIGUSR1);
    change_info(SIGUSR2);
    show_all_stops("ignored", ignored_signals);
    queues_and_masks();
    for (int i = 0; i < 3; i++) {
        pid_t pid = tracee_start(i == 0 ? fault : i == 1 ? trap : divide);
        trace(PTRACE_CONT, pid, 0, 0);
        int status = wait_show("fault", pid);
        trace(PTRACE_CONT, pid, 0, i == 1 ? 0 : WSTOPSIG(status));
        status = wait_show("fault", pid);
        if (WIFSTOPPED(status))
            tracee_end(pid);
    }
    old_group_stop();
    attach();
    attach_to_stopped();
    seize();
    kill_while_stopped();
    child_signals();
    return 0;
}
