/*
 * Handlers, masks, pending signals, queues: what sigaction(2) and its family promise.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

#include "abi_test.h"

static volatile int count, last_signal, last_code, last_value, depth, deepest, order[16], ordered;

static void on_signal(int signal)
{
    count++;
    last_signal = signal;
}

static void on_info(int signal, siginfo_t *info, void *context)
{
    (void)context;
    count++;
    last_signal = signal;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
    if (ordered < 16)
        order[ordered++] = info->si_value.sival_int;
}

static void on_nested(int signal)
{
    if (++depth > deepest)
        deepest = depth;
    if (++count < 3)
        raise(signal);
    depth--;
}

static void install(int signal, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    sigaction(signal, &action, NULL);
}

static void install_info(int signal, int flags)
{
    struct sigaction action = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO | flags};

    sigaction(signal, &action, NULL);
}

static void block(int signal, int how)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, signal);
    sigprocmask(how, &set, NULL);
}

static void show_handlers(void)
{
    struct sigaction action;

    install(SIGUSR1, on_signal, 0);
    count = 0;
    raise(SIGUSR1);
    show("handled", count);
    show("signal", last_signal);
    sigaction(SIGUSR1, NULL, &action);
    show("handler stays", action.sa_handler == on_signal);
    install(SIGUSR1, on_signal, SA_RESETHAND);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &action);
    show("handler was reset", action.sa_handler == SIG_DFL);
    show_call(sigaction(SIGKILL, &action, NULL));
    show_call(sigaction(SIGSTOP, &action, NULL));
    show_call(sigaction(SIGKILL, NULL, &action));
    show_call(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8));
    show_call(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8));
    show_call(syscall(SYS_rt_sigaction, 10, NULL, NULL, 4));
    show_call(syscall(SYS_rt_sigaction, 10, 8, NULL, 8));
}

static void show_masks(void)
{
    sigset_t pending;

    install(SIGUSR1, on_signal, 0);
    count = 0;
    block(SIGUSR1, SIG_BLOCK);
    raise(SIGUSR1);
    raise(SIGUSR1);
    show("blocked: handled", count);
    sigpending(&pending);
    show("pending", sigismember(&pending, SIGUSR1));
    block(SIGUSR1, SIG_UNBLOCK);
    show("unblocked: handled once", count);
    sigpending(&pending);
    show("pending", sigismember(&pending, SIGUSR1));
    block(SIGKILL, SIG_BLOCK);
    sigprocmask(SIG_BLOCK, NULL, &pending);
    show("SIGKILL blocked", sigismember(&pending, SIGKILL));
    show_call(sigprocmask(99, &pending, NULL));
    show_call(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, NULL, 16));
    show_call(syscall(SYS_rt_sigpending, &pending, 64));
    block(SIGUSR1, SIG_BLOCK);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    sigpending(&pending);
    show("ignoring discards", sigismember(&pending, SIGUSR1));
    block(SIGUSR1, SIG_UNBLOCK);
}

static void show_nesting(void)
{
    install(SIGUSR2, on_nested, 0);
    count = depth = deepest = 0;
    raise(SIGUSR2);
    show("without SA_NODEFER: deepest", deepest);
    show("handled", count);
    install(SIGUSR2, on_nested, SA_NODEFER);
    count = depth = deepest = 0;
    raise(SIGUSR2);
    show("with SA_NODEFER: deepest", deepest);
    show("handled", count);
}

static void show_queues(void)
{
    union sigval value;
    int signal = SIGRTMIN + 3;

    install_info(signal, 0);
    block(signal, SIG_BLOCK);
    count = ordered = 0;
    for (int i = 1; i <= 5; i++) {
        value.sival_int = i * 10;
        show_call(sigqueue(getpid(), signal, value));
    }
    block(signal, SIG_UNBLOCK);
    show("queued signals handled", count);
    for (int i = 0; i < ordered; i++)
        show("value", order[i]);
    show("code", last_code);
    install_info(SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    show("code of kill", last_code);
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
    show("code of tgkill", last_code);
    siginfo_t info = {.si_code = -7};
    info.si_value.sival_int = 77;
    show_call(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info));
    show("code", last_code);
    show("value", last_value);
    info.si_code = SI_USER;
    show_call(syscall(SYS_rt_sigqueueinfo, getppid(), SIGUSR1, &info));
    show_call(syscall(SYS_tgkill, 0, 1, SIGUSR1));
    show_call(syscall(SYS_tkill, -1, SIGUSR1));
    show_call(syscall(SYS_tgkill, getpid(), 99999999, SIGUSR1));
}

static void show_waiting(void)
{
    struct timespec brief = {0, 20000000}, bad = {0, -1};
    siginfo_t info;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN + 1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    show_call(sigtimedwait(&set, &info, &brief));
    show_call(sigtimedwait(&set, &info, &bad));
    raise(SIGRTMIN + 1);
    raise(SIGUSR1);
    show_call(sigwaitinfo(&set, &info));
    show("si_signo", info.si_signo);
    show("takes the real-time one", sigwaitinfo(&set, &info) == SIGRTMIN + 1);
    pid_t child = fork_clean();
    if (!child) {
        usleep(20000);
        kill(getppid(), SIGUSR1);
        child_exit(0);
    }
    show_call(sigwaitinfo(&set, &info));
    show("from the child", info.si_pid == child);
    waitpid(child, NULL, 0);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void show_suspend(void)
{
    sigset_t all_but, now;

    install(SIGUSR1, on_signal, 0);
    block(SIGUSR1, SIG_BLOCK);
    count = 0;
    raise(SIGUSR1);
    sigfillset(&all_but);
    sigdelset(&all_but, SIGUSR1);
    show_call(sigsuspend(&all_but));
    show("handled", count);
    sigprocmask(SIG_BLOCK, NULL, &now);
    show("mask is back: SIGUSR1", sigismember(&now, SIGUSR1));
    show("mask is back: SIGUSR2", sigismember(&now, SIGUSR2));
    block(SIGUSR1, SIG_UNBLOCK);
}

static void show_child_signal(void)
{
    struct sigaction action = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
    int status;

    sigaction(SIGCHLD, &action, NULL);
    count = 0;
    pid_t child = fork_clean();
    if (!child)
        child_exit(5);
    while (!count)
        usleep(1000);
    show("SIGCHLD code", last_code);
    waitpid(child, &status, 0);
    show_status("child", status);
    signal(SIGCHLD, SIG_DFL);
}

int main(void)
{
    show_handlers();
    show_masks();
    show_nesting();
    show_queues();
    show_waiting();
    show_suspend();
    show_child_signal();
    return 0;
}
