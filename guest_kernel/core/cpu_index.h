/*
 * cpu_index(): this CPU's number from 0.  In a header of its own since lib/spinlock.h needs nothing more.
 */
#ifndef GUEST_KERNEL_CORE_CPU_INDEX_H
#define GUEST_KERNEL_CORE_CPU_INDEX_H

#include <stdint.h>

#include "guest_kernel/core/cpu_offsets.h"

static inline uint32_t cpu_index(void)
{
    uint32_t index;

    __asm__ volatile("movl %%gs:%c1, %0" : "=r"(index) : "i"(CPU_INDEX));
    return index;
}

#endif
