/*
 * Debug registers of tasks: the breakpoints that a tracer has set by ptrace (Intel SDM vol. 3 chapter 18).  They are
 * in the CPU from a task's way to user mode on.  When another task comes, nothing is done: the registers are loaded
 * anew for the next one that has any, and until then a hit of what is left is recognised as nobody's and ends it.
 */
#ifndef GUEST_KERNEL_CORE_DEBUG_H
#define GUEST_KERNEL_CORE_DEBUG_H

#include <asm/ptrace.h>

#include "lib/compiler.h"

struct task;

#define DEBUG_ADDRESSES 4

struct debug_registers {               /* of a task; its own, or its tracer's while it is stopped */
    uint64_t address[DEBUG_ADDRESSES]; /* below USER_END */
    uint64_t control;                  /* DR7 as it was given */
};

/*
 * Set one of DR0 to DR3, DR6, DR7 of a task that is not running.  0, -EINVAL for what the CPU or Linux refuses, -EIO:
 * no such register, -ENOMEM.
 */
long debug_register_set(struct task *t, unsigned number, uint64_t value) must_check;
uint64_t debug_register_get(const struct task *t, unsigned number); /* 0 for those that are not there */
void debug_registers_forget(struct task *t);                        /* execve: the current task */

/* Into this CPU; the current task. */
void debug_registers_load(void);
/* A debug exception of user mode, before anything else can have caused one: the SIGTRAP's si_code, 0: none is due. */
int debug_exception(struct pt_regs *regs);

#endif
