/*
 * Exceptions and interrupts: the 256 entries, what user mode's faults become, where interrupt handlers register.
 */
#ifndef GUEST_KERNEL_CORE_TRAP_H
#define GUEST_KERNEL_CORE_TRAP_H

#include <asm/ptrace.h>

#include "lib/compiler.h"

enum trap_vector {
    TRAP_DIVIDE = 0,
    TRAP_DEBUG = 1,
    TRAP_NMI = 2,
    TRAP_BREAKPOINT = 3,
    TRAP_OVERFLOW = 4,
    TRAP_BOUNDS = 5,
    TRAP_INVALID_OPCODE = 6,
    TRAP_NO_DEVICE = 7,
    TRAP_DOUBLE_FAULT = 8,
    TRAP_INVALID_TSS = 10,
    TRAP_NO_SEGMENT = 11,
    TRAP_STACK = 12,
    TRAP_PROTECTION = 13,
    TRAP_PAGE_FAULT = 14,
    TRAP_X87 = 16,
    TRAP_ALIGNMENT = 17,
    TRAP_MACHINE_CHECK = 18,
    TRAP_SIMD = 19,
};

#define VECTOR_FIRST_DEVICE 0x30
#define VECTOR_LAST_DEVICE 0xdf
#define VECTOR_TIMER 0xf0
#define VECTOR_RESCHEDULE 0xf1
#define VECTOR_CALL 0xf2
#define VECTOR_STOP 0xf3
#define VECTOR_SPURIOUS 0xff

/* Error code of a page fault (Intel SDM vol. 3 section 4.7). */
#define FAULT_PRESENT BIT(0)
#define FAULT_WRITE BIT(1)
#define FAULT_USER BIT(2)
#define FAULT_RESERVED BIT(3)
#define FAULT_FETCH BIT(4)

void trap_init_cpu(void); /* loads the IDT; the first call builds it */

/* Interrupt handler of a vector >= 32, set once; runs with interrupts off; EOI is sent after it returned. */
void trap_set_interrupt(unsigned vector, void (*handler)(void));

static inline bool regs_from_user(const struct pt_regs *regs)
{
    return regs->cs & 3;
}

/* In assembly. */
void syscall_entry(void);
void user_return(void); /* leaves by IRET with the registers at RSP; interrupts off, work done */

/* Called from assembly. */
void trap_dispatch(struct pt_regs *regs, unsigned vector);
noreturn void trap_fatal(struct pt_regs *regs, unsigned vector);

/* Registers and backtrace on the log. */
void regs_print(const struct pt_regs *regs);
void backtrace_print(uint64_t rbp);

/* A panic that shows these registers instead of the caller's. */
noreturn void panic_with_regs(const struct pt_regs *regs, const char *fmt, ...) printf_like(2, 3);

#endif
