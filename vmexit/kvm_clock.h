/*
 * KVM's paravirtual clock (Linux, Documentation/virt/kvm/x86/msr.rst): the guest names a place in its memory and finds
 * there how to turn the TSC into nanoseconds since the VM was made, and the time of day of that moment.
 */
#ifndef VMEXIT_KVM_CLOCK_H
#define VMEXIT_KVM_CLOCK_H

#include "lib/compiler.h"

struct vm;
struct vcpu;

/* The MSR's new value: false if it is not one (then #GP). */
bool kvm_clock_set(struct vcpu *v, uint64_t value) must_check;
bool kvm_wall_clock_set(struct vm *vm, uint64_t value) must_check;

#endif
