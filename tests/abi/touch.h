/*
 * Touching memory that may fault, for programs that install on_fault() with SA_SIGINFO for SIGSEGV and SIGBUS.
 */
#ifndef TESTS_ABI_TOUCH_H
#define TESTS_ABI_TOUCH_H

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>

static sigjmp_buf jump;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    siglongjmp(jump, sig << 8 | info->si_code);
}

/* 0, or the signal shifted by 8 and its code. */
static int touch(volatile char *p, bool write)
{
    int got = sigsetjmp(jump, 1);

    if (!got) {
        if (write)
            *p = 1;
        else
            (void)*p;
    }
    return got;
}

#endif
