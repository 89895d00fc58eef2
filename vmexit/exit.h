/*
 * What a handler of a VM exit is given and gives back.  A handler never moves RIP, never injects by itself and never
 * prints: it says what happened and the dispatcher (vmexit/loop.c) acts on it.
 */
#ifndef VMEXIT_EXIT_H
#define VMEXIT_EXIT_H

#include "hv/vm.h"
#include "lib/compiler.h"

enum exit_outcome {
    EXIT_RETIRED, /* the instruction is done: step over it */
    EXIT_RETRY,   /* enter again where it was */
    EXIT_FAULTED, /* the handler queued an exception by vcpu_fault() */
    EXIT_ENDED,   /* the sandbox has ended, with vm_end() */
};

/* Queue an exception as the result of the current instruction.  Returns EXIT_FAULTED. */
enum exit_outcome vcpu_fault(struct vcpu *vcpu, unsigned vector, uint32_t error_code);
/* The default: say what is wrong, dump the vCPU to the log, end this sandbox alone.  Returns EXIT_ENDED. */
enum exit_outcome vcpu_crash(struct vcpu *vcpu, const char *fmt, ...) printf_like(2, 3);

/*
 * An EPT violation on an address without memory (vmexit/mmio.c): decode the instruction, call the region.  RETIRED:
 * *length holds the instruction's length (the VMCS's field is not defined for EPT violations).
 */
enum exit_outcome exit_mmio(struct vcpu *vcpu, uint64_t gpa, unsigned *length);

#endif
