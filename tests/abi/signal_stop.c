/*
 * Job control: stopping, continuing, and what the parent hears of it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>

#include "abi_test.h"

static volatile int children_signals, continued;

static void on_child(int signal)
{
    (void)signal;
    children_signals++;
}

static void on_continue(int signal)
{
    (void)signal;
    continued++;
}

static void show_stop(int signal)
{
    siginfo_t info;
    int status;
    pid_t child = fork_clean();

    if (!child) {
        setpgid(0, 0);
        for (;;)
            pause();
    }
    usleep(10000);
    show_call(kill(child, signal));
    waitpid(child, &status, WUNTRACED);
    show_status("child", status);
    show_call(waitpid(child, &status, WUNTRACED | WNOHANG));
    show_call(kill(child, SIGCONT));
    memset(&info, 0, sizeof(info));
    show_call(waitid(P_PID, child, &info, WCONTINUED));
    show("si_code", info.si_code);
    show("si_status", info.si_status);
    show_call(kill(child, SIGKILL));
    waitpid(child, &status, 0);
    show_status("child", status);
}

static void show_pending_while_stopped(void)
{
    int status;
    pid_t child = fork_clean();

    if (!child) {
        signal(SIGCONT, on_continue);
        raise(SIGSTOP);
        child_exit(continued ? 11 : 12);
    }
    waitpid(child, &status, WUNTRACED);
    show_status("stopped itself", status);
    kill(child, SIGTERM);
    show_call(waitpid(child, &status, WNOHANG));
    kill(child, SIGCONT);
    waitpid(child, &status, 0);
    show_status("then took the other signal", status);

    child = fork_clean();
    if (!child) {
        signal(SIGCONT, on_continue);
        raise(SIGSTOP);
        child_exit(continued ? 11 : 12);
    }
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGCONT);
    waitpid(child, &status, 0);
    show_status("handler of SIGCONT ran", status);

    child = fork_clean();
    if (!child) {
        raise(SIGSTOP);
        child_exit(0);
    }
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    show_status("killed while stopped", status);
}

static void show_child_signals(int flags)
{
    struct sigaction action = {.sa_handler = on_child, .sa_flags = flags};
    int status;

    sigaction(SIGCHLD, &action, NULL);
    children_signals = 0;
    pid_t child = fork_clean();
    if (!child) {
        raise(SIGSTOP);
        child_exit(0);
    }
    while (waitpid(child, &status, WUNTRACED) < 0)
        ;
    usleep(10000);
    show("SIGCHLD after stop", children_signals);
    kill(child, SIGCONT);
    while (waitpid(child, &status, 0) < 0)
        ;
    usleep(10000);
    show("SIGCHLD was sent in the end", children_signals > 0);
    signal(SIGCHLD, SIG_DFL);
}

int main(void)
{
    /* A session of its own: what the shell that starts the test does must not matter. */
    int status;
    pid_t child = fork_clean();

    if (!child) {
        setsid();
        show_stop(SIGSTOP);
        show_stop(SIGTSTP);
        show_stop(SIGTTIN);
        show_pending_while_stopped();
        show_child_signals(0);
        show_child_signals(SA_NOCLDSTOP);
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_status("all", status);
    return 0;
}
