/*
 * This CPU's number, from its per-CPU area (hv/cpu.h).  Apart, because lib/spinlock.h includes it.
 */
#ifndef HV_CPU_INDEX_H
#define HV_CPU_INDEX_H

#include <stdint.h>

#define CPU_INDEX_OFFSET 8 /* of struct cpu's `index`; asserted in hv/cpu.c */

static inline uint32_t cpu_index(void)
{
    uint32_t index;
    __asm__("movl %%gs:%c1, %0" : "=r"(index) : "i"(CPU_INDEX_OFFSET));
    return index;
}

#endif
