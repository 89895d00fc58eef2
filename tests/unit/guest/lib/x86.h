/*
 * Stands in for the kernel's lib/x86.h where locks are tested on the host: a process may not touch the interrupt flag.
 */
#ifndef LIB_X86_H
#define LIB_X86_H

#include "lib/compiler.h"

#define RFLAGS_IF BIT(9)

static inline uint64_t rflags_read(void)
{
    return 0;
}

static inline void irq_disable(void)
{
}

static inline void irq_enable(void)
{
}

static inline void cpu_relax(void)
{
}

#endif
