/*
 * Entering the guest: inline, because it is on the path of every exit.
 */
#ifndef HV_VCPU_ENTER_H
#define HV_VCPU_ENTER_H

#include "config.h"
#include "hv/cpu.h"
#include "hv/vcpu.h"
#include "hv/vmx/vmx.h"
#include "lib/compiler.h"
#include "lib/log.h"

/* Emulators forgive a forgotten VMCLEAR or flush, so the debug build looks. */
#if CONFIG_DEBUG_CHECKS
#define DEBUG_ASSERT(x) assert(x)
#else
#define DEBUG_ASSERT(x) ((void)0)
#endif

#define VCPU_ENTRY_FAILED 0xffffffffu

/* Not inline: flush what this CPU has cached of the guest's memory; explain why an entry failed. */
void vcpu_flush(struct vcpu *v);
void vcpu_entry_failed(struct vcpu *v, int result);

/* The stay in the guest ends when root mode must look again; `now` is before that. */
static inline void vcpu_timer_set(struct vcpu *v, const struct cpu *c, uint64_t now)
{
    uint32_t value = (uint32_t)((c->next_deadline - now) >> vmx.preemption_shift);

    if (value == v->timer_value)
        return;
    v->timer_value = value;
    vmcs_put(VMCS_PREEMPTION_TIMER, value);
}

/*
 * Enter the guest on this CPU `c`; returns at the next exit, at the latest at c->next_deadline.  The exit reason as the
 * VMCS has it, or VCPU_ENTRY_FAILED: the log says which rule was broken.  `now`: a fresh TSC value, before that deadline.
 * The caller has seen that this CPU's caches are of the current EPT generation.
 */
static inline uint32_t vcpu_enter(struct vcpu *v, const struct cpu *c, uint64_t now)
{
    vcpu_timer_set(v, c, now);
    DEBUG_ASSERT(v->cpu == c && c->vcpu == v);                                   /* whose VMCS this is */
    DEBUG_ASSERT(v->flushed == c && v->ept_generation == v->vm->ept.generation); /* nothing stale is cached here */
    int result = vmx_enter(v, v->launched);
    if (unlikely(result)) {
        vcpu_entry_failed(v, result);
        return VCPU_ENTRY_FAILED;
    }
    v->launched = true;
    v->exit_reason = (uint32_t)vmcs_read(VMCS_EXIT_REASON);
    return v->exit_reason;
}

#endif
