/*
 * The C side of the SYSCALL entry, and the way back to user mode: work bits, capture, and registers that IRET and
 * SYSRET accept.
 */
#ifndef GUEST_KERNEL_CORE_RETURN_H
#define GUEST_KERNEL_CORE_RETURN_H

#include <asm/ptrace.h>

#include "lib/compiler.h"

/*
 * Called with interrupts off, returns with interrupts off and no work left; the registers are then safe for IRET.
 */
void return_to_user(struct pt_regs *regs);

/*
 * From entry.S, by the CPU's `dispatch`: true when SYSRET will do.  The second one is for tasks whose calls are traced; a
 * CPU on which such a task ran keeps it until the next call of another one, which puts the first back.
 */
bool syscall_dispatch(struct pt_regs *regs);
bool syscall_dispatch_traced(struct pt_regs *regs);

/* Calls by number that had no body; the last one stands for all numbers beyond the table. */
uint32_t syscall_missing_count(unsigned nr);

#endif
