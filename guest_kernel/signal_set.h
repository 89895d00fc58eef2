/*
 * Sets of signals and what Linux does by default with each: pure, no state (signal(7), POSIX XSH 2.4).  Signal N is bit
 * N - 1.  Unit-tested on the host.
 */
#ifndef GUEST_KERNEL_SIGNAL_SET_H
#define GUEST_KERNEL_SIGNAL_SET_H

#include <asm/signal.h>

#include "lib/compiler.h"

#define SIGNAL_COUNT 64 /* 1 .. 64 */

typedef uint64_t signal_set;

#define SIGNAL_BIT(n) BIT((n) - 1)
#define SIGNALS_UNBLOCKABLE (SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP))
#define SIGNALS_STOP (SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU))
/* Caused by the instruction that runs: delivered before all others. */
#define SIGNALS_SYNCHRONOUS                                                                                            \
    (SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGFPE) |        \
     SIGNAL_BIT(SIGSYS))

enum signal_default { SIGNAL_TERMINATE, SIGNAL_CORE, SIGNAL_STOP, SIGNAL_CONTINUE, SIGNAL_IGNORE };

static inline bool signal_is_valid(int64_t n)
{
    return n >= 1 && n <= SIGNAL_COUNT;
}

static inline bool signal_is_realtime(int n)
{
    return n >= SIGRTMIN;
}

static inline bool signal_in(signal_set set, int n)
{
    return set & SIGNAL_BIT(n);
}

enum signal_default signal_default_action(int n);

/* The signal of `set` to deliver next: synchronous ones first, then the lowest number; 0 if the set is empty. */
int signal_next(signal_set set);

#endif
