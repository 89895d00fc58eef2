/*
 * The handlers of VM exits, one a reason; vmexit/loop.c has the table.  See vmexit/exit.h for what they return.
 */
#ifndef VMEXIT_HANDLERS_H
#define VMEXIT_HANDLERS_H

#include "vmexit/exit.h"

enum exit_outcome exit_exception(struct vcpu *v);          /* exception.c */
enum exit_outcome exit_cpuid(struct vcpu *v);              /* cpuid.c */
enum exit_outcome exit_msr_read(struct vcpu *v);           /* msr.c */
enum exit_outcome exit_msr_write(struct vcpu *v);
enum exit_outcome exit_cr_access(struct vcpu *v);          /* control_registers.c */
enum exit_outcome exit_xsetbv(struct vcpu *v);
enum exit_outcome exit_io(struct vcpu *v);                 /* io.c */
enum exit_outcome exit_ept_violation(struct vcpu *v);      /* memory.c */
enum exit_outcome exit_ept_misconfiguration(struct vcpu *v);
enum exit_outcome exit_vmcall(struct vcpu *v);             /* hypercall.c */
enum exit_outcome exit_hlt(struct vcpu *v);                /* small.c */
enum exit_outcome exit_pause(struct vcpu *v);
enum exit_outcome exit_triple_fault(struct vcpu *v);
enum exit_outcome exit_external_interrupt(struct vcpu *v);
enum exit_outcome exit_nothing(struct vcpu *v);            /* enter again */
enum exit_outcome exit_skip(struct vcpu *v);               /* the instruction has no effect here */
enum exit_outcome exit_undefined(struct vcpu *v);          /* #UD */
enum exit_outcome exit_protection(struct vcpu *v);         /* #GP(0) */

#define FAULT_DEBUG 1u
#define FAULT_INVALID_OPCODE 6u
#define FAULT_DOUBLE 8u
#define FAULT_PROTECTION 13u
#define FAULT_PAGE 14u
#define FAULT_ALIGNMENT 17u
#define FAULT_MACHINE_CHECK 18u

/* #PF at `address`; `error_code` as the CPU would push it. */
enum exit_outcome vcpu_page_fault(struct vcpu *v, uint64_t address, uint32_t error_code);
/* From now on only another vCPU can wake this one (start.c).  True: there is none left that could. */
bool vcpu_is_last_stuck(struct vcpu *v);
/* Is the vCPU in 64-bit code? */
bool vcpu_is_64_bit(void);

#endif
