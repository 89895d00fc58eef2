/*
 * For the ptrace_*.c programs: a tracee, and what its tracer sees of it.
 */
#ifndef TESTS_ABI_PTRACE_TEST_H
#define TESTS_ABI_PTRACE_TEST_H

#include <elf.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stddef.h>
#include <sys/uio.h>
#include <sys/user.h>

#include "tests/abi/abi_test.h"

/* The C library's wrapper changes results of PEEK requests: the call itself. */
static inline long trace(long request, pid_t pid, unsigned long address, unsigned long data)
{
    return syscall(SYS_ptrace, request, pid, address, data);
}

#define DATA(x) ((unsigned long)(x))

/* A child that is traced and has stopped by itself; it goes on in body(). */
static inline pid_t tracee_start(void (*body)(void))
{
    int status;
    pid_t pid = fork_clean();

    if (!pid) {
        if (trace(PTRACE_TRACEME, 0, 0, 0) != 0)
            _exit(99);
        raise(SIGSTOP);
        body();
        child_exit(0);
    }
    waitpid(pid, &status, 0);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP)
        printf("tracee_start: status %x\n", status);
    return pid;
}

/* A child that is not traced yet. */
static inline pid_t child_start(void (*body)(void))
{
    pid_t pid = fork_clean();

    if (!pid) {
        body();
        child_exit(0);
    }
    return pid;
}

/* "what: stopped by 5 event 3 info code 773" */
static inline int wait_show(const char *what, pid_t pid)
{
    siginfo_t info;
    int status = 0;
    pid_t got = waitpid(pid, &status, __WALL);

    if (got != pid) {
        printf("%s: waitpid %s errno %d\n", what, got < 0 ? "-1" : "another", errno);
    } else if (WIFSTOPPED(status)) {
        printf("%s: stopped by %d event %d", what, WSTOPSIG(status), status >> 16);
        memset(&info, 0, sizeof info);
        if (trace(PTRACE_GETSIGINFO, pid, 0, DATA(&info)) == 0)
            printf(" info signal %d code %d\n", info.si_signo, info.si_code);
        else
            printf(" no info errno %d\n", errno);
    } else {
        show_status(what, status);
    }
    fflush(stdout);
    return status;
}

static inline struct user_regs_struct regs_of(pid_t pid)
{
    struct user_regs_struct regs;

    memset(&regs, 0, sizeof regs);
    if (trace(PTRACE_GETREGS, pid, 0, DATA(&regs)) != 0)
        printf("GETREGS: errno %d\n", errno);
    return regs;
}

static inline void tracee_end(pid_t pid)
{
    int status;

    kill(pid, SIGKILL);
    while (waitpid(pid, &status, __WALL) == pid && !WIFSIGNALED(status) && !WIFEXITED(status))
        ;
}

#endif
