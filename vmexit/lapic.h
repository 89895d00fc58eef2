/*
 * The guest's local APIC, one per vCPU: x2APIC by MSR exits, xAPIC by virtualised APIC accesses (or a decoded MMIO
 * region where the CPU lacks them), timer in one-shot, periodic and TSC-deadline mode, counting at the rate of the TSC;
 * the guest's TSC must be the machine's.  Interrupts are injected by VM entry (no virtual-interrupt delivery).  State
 * belongs to the vCPU; other CPUs post into `irr` with atomic ors and kick.
 */
#ifndef VMEXIT_LAPIC_H
#define VMEXIT_LAPIC_H

#include "lib/compiler.h"

struct vm;
struct vcpu;
struct lapic;

struct lapic *lapic_create(struct vcpu *vcpu, uint32_t apic_id) must_check; /* NULL: no memory */
void lapic_destroy(struct lapic *l);
void lapic_reset(struct lapic *l); /* as INIT does (SDM vol. 3, 11.4.7.3); the id and who is the boot CPU stay */

/* IA32_APIC_BASE and 0x800..0x8ff.  0, or -EINVAL: inject #GP. */
int lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *value) must_check;
int lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t value) must_check; /* also IA32_TSC_DEADLINE */
/* xAPIC page at 0xfee00000. */
uint32_t lapic_mmio_read(struct lapic *l, uint32_t offset);
void lapic_mmio_write(struct lapic *l, uint32_t offset, uint32_t value);

/* The task priority register, which CR8 shows shifted right by 4. */
uint32_t lapic_task_priority(struct lapic *l);
void lapic_set_task_priority(struct lapic *l, uint32_t value);

/* Highest vector that may be delivered now (above the processor priority), or -1.  Then: it was injected. */
int lapic_pending(struct lapic *l);
void lapic_accept(struct lapic *l, unsigned vector);

/* What an interrupt message asks of a vCPU beyond an interrupt; called on the sender's CPU.  Without it, dropped. */
struct lapic_events {
    void (*nmi)(struct vcpu *vcpu);
    void (*init)(struct vcpu *vcpu);
    void (*startup)(struct vcpu *vcpu, unsigned vector);
};
void lapic_set_events(const struct lapic_events *events); /* once, at boot */

/* Interrupt messages of this VM that made no sense or that nobody could take. */
uint64_t lapic_dropped(const struct lapic *l);

/* Deliver an MSI (address, data as a device writes them) to the VM; malformed ones are dropped and counted. */
void vm_msi(struct vm *vm, uint64_t address, uint32_t data);

#endif
