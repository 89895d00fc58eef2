/*
 * Pure signal logic; see signal_set.h.
 */
#include "guest_kernel/signal_set.h"

#define CORE_SIGNALS                                                                                                   \
    (SIGNAL_BIT(SIGQUIT) | SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGABRT) | SIGNAL_BIT(SIGBUS) |       \
     SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGXCPU) | SIGNAL_BIT(SIGXFSZ) | SIGNAL_BIT(SIGSYS))
#define IGNORED_SIGNALS (SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH))

enum signal_default signal_default_action(int n)
{
    signal_set bit = SIGNAL_BIT(n);

    if (bit & CORE_SIGNALS)
        return SIGNAL_CORE;
    if (bit & SIGNALS_STOP)
        return SIGNAL_STOP;
    if (n == SIGCONT)
        return SIGNAL_CONTINUE;
    if (bit & IGNORED_SIGNALS)
        return SIGNAL_IGNORE;
    return SIGNAL_TERMINATE;
}

int signal_next(signal_set set)
{
    if (set & SIGNALS_SYNCHRONOUS)
        set &= SIGNALS_SYNCHRONOUS;
    return set ? __builtin_ctzll(set) + 1 : 0;
}
