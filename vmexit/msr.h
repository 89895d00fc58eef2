/*
 * MSRs of a sandbox: which need no exit.
 */
#ifndef VMEXIT_MSR_H
#define VMEXIT_MSR_H

struct vm;

void msr_pass_all(struct vm *vm);

#endif
