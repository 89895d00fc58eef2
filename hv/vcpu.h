/*
 * Running a vCPU on this CPU: set-up of its VMCS, loading, entry, events.  All with interrupts off.
 */
#ifndef HV_VCPU_H
#define HV_VCPU_H

#include "hv/vm.h"
#include "hv/vmx/vmcs.h"
#include "lib/compiler.h"
#include "lib/x86.h"

/*
 * Bits of CR0 that the guest reads as it wrote them while the CPU's own are ours.  A VM exit leaves CD and NW as the guest
 * has them (SDM vol. 3, 28.5.1): without caches the hypervisor and all other sandboxes would crawl.
 */
#define CR0_CACHE (CR0_CD | CR0_NW)
#define CR0_HELD (CR0_NE | CR0_CACHE)

int vcpu_setup(struct vcpu *v) must_check; /* fills a new VMCS, and leaves it loaded: 0, -EINVAL */
void vcpu_load(struct vcpu *v);   /* make its VMCS and registers current here */
void vcpu_unload(struct vcpu *v); /* and not: all its state is in memory */

/* The state that PVH promises to a kernel: 32-bit, flat, paging off; EBX = start_info. */
void vcpu_set_pvh_state(struct vcpu *v, uint32_t entry, uint32_t start_info);

/* What Linux's 64-bit boot protocol promises: paging on, one to one; RSI = params. */
struct vcpu_linux_state {
    uint64_t entry, params, tables, gdt;
    uint16_t gdt_limit, code, data; /* selectors */
};

int vcpu_set_linux_state(struct vcpu *v, const struct vcpu_linux_state *s) must_check; /* 0 or -EINVAL */

/* As INIT leaves a CPU, and where a start-up message (its vector) makes it begin.  Of the loaded vCPU. */
void vcpu_init_state(struct vcpu *v);
void vcpu_start_at(struct vcpu *v, unsigned vector);

/* May an external interrupt be injected now?  If not, ask for an exit as soon as it may. */
bool vcpu_can_interrupt(void);
void vcpu_want_interrupt_window(struct vcpu *v, bool wanted);
bool vcpu_can_nmi(void);
/* v->nmi_waits: make it v->event now, or ask for an exit as soon as it may be delivered. */
void vcpu_try_nmi(struct vcpu *v);
/* Hand v->event to the entry, which must follow, and forget it. */
void vcpu_inject(struct vcpu *v);
/* An event whose delivery the exit cut short goes back into v->event (SDM vol. 3, 28.2.4). */
void vcpu_reinject_interrupted(struct vcpu *v);

/* Interrupts on and halt until one arrives: this CPU's next timer or a kick. */
void cpu_wait(void);

/* Registers and state to the log, at LOG_ERROR. */
void vcpu_dump(struct vcpu *v);

unsigned vcpu_cpl(void); /* of the vCPU whose VMCS is current */

#endif
