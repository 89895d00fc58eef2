/*
 * Stands in for the kernel's lib/x86.h: the interrupt flag is a variable of the test.
 */
#ifndef LIB_X86_H
#define LIB_X86_H

#include "lib/compiler.h"

#define RFLAGS_IF BIT(9)

extern uint64_t test_flags;

static inline uint64_t rflags_read(void)
{
    return test_flags;
}

static inline void irq_disable(void)
{
    test_flags &= ~RFLAGS_IF;
}

static inline void irq_enable(void)
{
    test_flags |= RFLAGS_IF;
}

static inline void cpu_relax(void)
{
}

#endif
