/*
 * Fault injection of usual builds: the N-th allocation from now on fails, whoever makes it (kernel option
 * `failalloc=N`).
 */
#include "guest_kernel/core/pages.h"

uint64_t fail_countdown;

void alloc_fail_at(uint64_t n)
{
    __atomic_store_n(&fail_countdown, n, __ATOMIC_RELAXED);
}

bool alloc_fail_due(void)
{
    return __atomic_sub_fetch(&fail_countdown, 1, __ATOMIC_RELAXED) == 0;
}
