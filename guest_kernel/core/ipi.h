/*
 * Interrupts between CPUs: have a function run elsewhere, make a CPU look at its run queue or its task's work, stop the
 * others.  With one CPU nothing here is ever called.
 */
#ifndef GUEST_KERNEL_CORE_IPI_H
#define GUEST_KERNEL_CORE_IPI_H

#include "guest_kernel/core/cpu.h"
#include "lib/compiler.h"

void ipi_init(void);

/*
 * Run fn(argument) on the online CPUs of `mask` but this one, and wait for all of them.  There it runs with interrupts
 * off, in any context: it must be short and take no lock.  Not in interrupts, and with no spinlock held: the others may
 * be spinning for it with interrupts off.
 */
void ipi_call(uint64_t mask, void (*fn)(void *), void *argument);

/* CPU `index` goes through the end of an interrupt soon. */
void ipi_reschedule(uint32_t index);

/* All others stop for good, as far as they still listen; from any context. */
void ipi_stop_others(void);

#endif
