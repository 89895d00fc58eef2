/*
 * clock_nanosleep(2) on CPU time.
 */
#ifndef GUEST_KERNEL_CPU_SLEEP_H
#define GUEST_KERNEL_CPU_SLEEP_H

#include "lib/compiler.h"

/* As the call returns; `remaining`: address of the rest of a relative sleep, 0: none. */
long cpu_sleep(int32_t clock, uint64_t ns, bool absolute, uint64_t remaining) must_check;

#endif
