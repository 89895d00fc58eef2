/*
 * Signals: handlers, masks, what interrupts what.
 */
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

#include "tests/abi/abi_test.h"

static volatile sig_atomic_t count, last, depth, deepest;
static volatile int code, sender_is_me;
static volatile long value;

static void counting(int number)
{
    count++;
    last = number;
}

static void with_info(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;

    count++;
    last = number;
    code = info->si_code;
    sender_is_me = info->si_pid == getpid();
    value = info->si_value.sival_int;
    if (u->uc_mcontext.gregs[REG_RSP] == 0)
        abort();
}

static void nesting(int number)
{
    if (++depth > deepest)
        deepest = depth;
    if (count++ < 5)
        raise(number);
    depth--;
}

static void install(int number, void (*handler)(int), int flags)
{
    struct sigaction a = {.sa_handler = handler, .sa_flags = flags};

    sigaction(number, &a, NULL);
}

static void handlers(void)
{
    struct sigaction a = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO | SA_RESTART}, old;

    SHOW(sigaction(SIGUSR1, &a, NULL));
    SHOW(kill(getpid(), SIGUSR1) * 0);
    printf("count %d last %d code %d mine %d\n", count, last, code, sender_is_me);
    SHOW(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 77}));
    printf("count %d code %d value %ld\n", count, code, value);
    SHOW(syscall(SYS_tgkill, getpid(), getpid(), SIGUSR1) * 0);
    printf("count %d code %d\n", count, code);
    SHOW(sigaction(SIGUSR1, NULL, &old));
    CHECK(old.sa_sigaction == with_info && (old.sa_flags & (SA_SIGINFO | SA_RESTART)) == (SA_SIGINFO | SA_RESTART));
    SHOW(sigaction(SIGKILL, &a, NULL));
    SHOW(sigaction(SIGSTOP, &a, NULL));
    SHOW(sigaction(99, &a, NULL));
    install(SIGUSR1, counting, SA_RESETHAND);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    CHECK(old.sa_handler == SIG_DFL);
    signal(SIGUSR1, SIG_IGN);
    SHOW(raise(SIGUSR1));
    count = 0;
    install(SIGUSR2, nesting, 0);
    raise(SIGUSR2);
    printf("nested: count %d deepest %d\n", count, deepest);
    count = deepest = 0;
    install(SIGUSR2, nesting, SA_NODEFER);
    raise(SIGUSR2);
    printf("nodefer: count %d deepest %d\n", count, deepest);
}

static void masks(void)
{
    sigset_t set, old, pending;

    count = 0;
    install(SIGUSR1, counting, 0);
    install(SIGRTMIN, counting, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    sigaddset(&set, SIGKILL);
    SHOW(sigprocmask(SIG_BLOCK, &set, &old));
    for (int i = 0; i < 3; i++) {
        raise(SIGUSR1);
        raise(SIGRTMIN);
    }
    printf("blocked: count %d\n", count);
    SHOW(sigpending(&pending));
    printf("pending %d %d %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGRTMIN), sigismember(&pending, SIGTERM));
    SHOW(sigprocmask(SIG_SETMASK, &old, &set));
    printf("was blocked: %d %d %d\n", sigismember(&set, SIGUSR1), sigismember(&set, SIGRTMIN), sigismember(&set, SIGKILL));
    printf("after: count %d\n", count);
    SHOW(sigprocmask(77, &set, NULL));
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR1);
    count = 0;
    SHOW(sigsuspend(&old));
    printf("suspend: count %d\n", count);
    raise(SIGUSR1);
    struct timespec now = {0, 0};
    siginfo_t info;
    SHOW(sigtimedwait(&set, &info, &now));
    SHOW(sigtimedwait(&set, &info, &now));
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void interrupting(void)
{
    int pipes[2];
    char c;
    struct itimerval soon = {.it_value = {0, 20000}}, off = {0};

    if (pipe(pipes))
        return;
    count = 0;
    install(SIGALRM, counting, 0);
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(read(pipes[0], &c, 1));
    printf("count %d\n", count);
    install(SIGALRM, counting, SA_RESTART);
    if (fork() == 0) {
        usleep(60000);
        _exit(write(pipes[1], "x", 1) == 1 ? 0 : 1);
    }
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(read(pipes[0], &c, 1));
    printf("count %d\n", count);
    wait(NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(pause());
    struct timespec t = {5, 0}, left = {0};
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(nanosleep(&t, &left));
    CHECK(left.tv_sec == 4);
    setitimer(ITIMER_REAL, &off, NULL);
}

static char stack[16384];
static volatile bool on_stack;

static void look_at_stack(int number)
{
    char here;

    on_stack = &here > stack && &here < stack + sizeof stack;
}

static void alternate_stack(void)
{
    stack_t s = {.ss_sp = stack, .ss_size = sizeof stack}, old;

    SHOW(sigaltstack(&s, NULL));
    install(SIGUSR1, look_at_stack, SA_ONSTACK);
    raise(SIGUSR1);
    printf("on it: %d\n", on_stack);
    SHOW(sigaltstack(NULL, &old));
    CHECK(old.ss_sp == stack && old.ss_size == sizeof stack && old.ss_flags == 0);
    s.ss_size = 10;
    SHOW(sigaltstack(&s, NULL));
    s.ss_flags = SS_DISABLE;
    SHOW(sigaltstack(&s, NULL));
}

static void fault(void)
{
    *(volatile int *)0 = 1;
}

static void divide(void)
{
    __asm__ volatile("xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx" ::: "eax", "ecx", "edx");
}

static void illegal(void)
{
    __asm__ volatile("ud2");
}

static void breakpoint(void)
{
    __asm__ volatile("int3");
}

static void privileged(void)
{
    __asm__ volatile("hlt");
}

static void broken_pipe(void)
{
    int pipes[2];

    if (pipe(pipes))
        _exit(1);
    close(pipes[0]);
    signal(SIGPIPE, SIG_IGN);
    SHOW(write(pipes[1], "x", 1));
    signal(SIGPIPE, SIG_DFL);
    SHOW(write(pipes[1], "x", 1));
}

static void alarm_kills(void)
{
    signal(SIGALRM, SIG_DFL);
    alarm(1);
    for (;;)
        pause();
}

static void stopping(void)
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        raise(SIGSTOP);
        _exit(6);
    }
    CHECK(waitpid(child, &status, WUNTRACED) == child);
    show_status("child", status);
    kill(child, SIGCONT);
    CHECK(waitpid(child, &status, 0) == child);
    show_status("child", status);
}

int main(void)
{
    handlers();
    masks();
    interrupting();
    alternate_stack();
    show_child("null pointer", fault);
    show_child("division", divide);
    show_child("ud2", illegal);
    show_child("int3", breakpoint);
    show_child("hlt", privileged);
    show_child("broken pipe", broken_pipe);
    show_child("alarm", alarm_kills);
    stopping();
    return 0;
}
