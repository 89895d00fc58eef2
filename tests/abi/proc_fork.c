/*
 * fork, wait4, waitid: what parent and child share and do not share, and how an end is told.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "abi_test.h"

static volatile int private_value = 1;

static void show_memory_is_copied(void)
{
    int status;
    pid_t child = fork_clean();

    if (!child) {
        private_value = 2;
        child_exit(private_value);
    }
    show("waited for the child", waitpid(child, &status, 0) == child);
    show_status("child", status);
    show("parent's value", private_value);
}

static void show_ends(void)
{
    static const int signals[] = {SIGTERM, SIGKILL, SIGSEGV, SIGABRT, SIGHUP, SIGPIPE, SIGALRM, SIGUSR1, SIGXCPU};
    int status;

    for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        pid_t child = fork_clean();
        if (!child) {
            kill(getpid(), signals[i]);
            child_exit(99);
        }
        waitpid(child, &status, 0);
        show_status("killed child", status);
    }
    for (int code = 0; code < 1000; code += 255) {
        pid_t child = fork_clean();
        if (!child)
            child_exit(code);
        waitpid(child, &status, 0);
        show_status("exit code", status);
    }
}

static void show_faults(void)
{
    int status;

    pid_t child = fork_clean();
    if (!child) {
        *(volatile int *)8 = 1;
        child_exit(99);
    }
    waitpid(child, &status, 0);
    show_status("null pointer", status);

    child = fork_clean();
    if (!child) {
        __asm__ volatile("ud2");
        child_exit(99);
    }
    waitpid(child, &status, 0);
    show_status("illegal instruction", status);

    child = fork_clean();
    if (!child) {
        __asm__ volatile("xor %%eax, %%eax; xor %%edx, %%edx; xor %%ecx, %%ecx; idiv %%ecx" : : : "eax", "ecx", "edx");
        child_exit(99);
    }
    waitpid(child, &status, 0);
    show_status("division by zero", status);

    child = fork_clean();
    if (!child) {
        __asm__ volatile("int3");
        child_exit(99);
    }
    waitpid(child, &status, 0);
    show_status("breakpoint", status);

    child = fork_clean();
    if (!child) {
        __asm__ volatile("hlt");
        child_exit(99);
    }
    waitpid(child, &status, 0);
    show_status("privileged instruction", status);
}

static void show_wait_errors(void)
{
    int status;
    siginfo_t info;

    show_call(waitpid(-1, &status, 0));
    show_call(waitpid(-1, &status, WNOHANG));
    show_call(waitpid(12345678, &status, 0));
    show_call(wait4(-1, &status, 0x10000000, NULL));
    show_call(waitid(P_ALL, 0, &info, 0));
    show_call(waitid(P_PID, 0, &info, WEXITED));
    show_call(waitid(99, 1, &info, WEXITED));
    show_call(waitid(P_ALL, 0, &info, WEXITED));
}

static void show_waitid(void)
{
    siginfo_t info;
    pid_t child = fork_clean();

    if (!child)
        child_exit(42);
    memset(&info, 0xff, sizeof(info));
    show_call(waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    show("si_signo", info.si_signo);
    show("si_code", info.si_code);
    show("si_status", info.si_status);
    show("si_pid is the child", info.si_pid == child);
    show_call(waitid(P_PID, child, &info, WEXITED));
    show_call(waitid(P_PID, child, &info, WEXITED));

    child = fork_clean();
    if (!child) {
        pause();
        child_exit(1);
    }
    memset(&info, 0, sizeof(info));
    show_call(waitid(P_PID, child, &info, WEXITED | WNOHANG));
    show("nothing yet: si_pid", info.si_pid);
    kill(child, SIGKILL);
    show_call(waitid(P_PID, child, &info, WEXITED));
    show("si_code", info.si_code);
    show("si_status", info.si_status);
}

static void show_orphan(void)
{
    int fds[2], status;
    char byte;

    if (pipe(fds))
        return;
    pid_t child = fork_clean();
    if (!child) {
        pid_t me = getpid();
        if (!fork()) {
            close(fds[0]);
            while (getppid() == me)
                usleep(1000);
            byte = 'o';
            if (write(fds[1], &byte, 1) != 1)
                _exit(1);
            _exit(0);
        }
        _exit(0);
    }
    close(fds[1]);
    waitpid(child, &status, 0);
    show_status("middle process", status);
    show("the orphan got a new parent", read(fds[0], &byte, 1));
    show("end of file after it", read(fds[0], &byte, 1));
}

static void show_ignored_children(void)
{
    int status;

    signal(SIGCHLD, SIG_IGN);
    if (!fork_clean())
        child_exit(0);
    show_call(waitpid(-1, &status, 0));
    signal(SIGCHLD, SIG_DFL);
}

static void show_many(void)
{
    int count = 0, sum = 0, status;

    for (int i = 0; i < 40; i++) {
        if (!fork_clean())
            child_exit(i);
    }
    while (wait(&status) > 0) {
        count++;
        sum += WEXITSTATUS(status);
    }
    show("children", count);
    show("sum of codes", sum);
}

static void show_all(void)
{
    show_memory_is_copied();
    show_ends();
    show_faults();
    show_wait_errors();
    show_waitid();
    show_orphan();
    show_ignored_children();
    show_many();
    child_exit(0);
}

/* In a child: the orphan must not come back to the process that counts its children, should that be the first one. */
int main(void)
{
    int status;
    pid_t child = fork_clean();

    if (!child)
        show_all();
    waitpid(child, &status, 0);
    show_status("all", status);
    return 0;
}
