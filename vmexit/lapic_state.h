/*
 * Inside of the guest's local APIC: what lapic.c (registers, priorities), lapic_timer.c and lapic_ipi.c (ICR, MSI) share.
 * All but `irr`, `requested` and the counters is touched by the vCPU's own CPU only.
 */
#ifndef VMEXIT_LAPIC_STATE_H
#define VMEXIT_LAPIC_STATE_H

#include "hv/timer.h"
#include "lib/compiler.h"
#include "lib/x86.h"
#include "vmexit/lapic.h"

/* Registers by their offset in the xAPIC page; x2APIC has them at MSR 0x800 + offset / 16 (SDM vol. 3, table 11-6). */
enum lapic_register {
    LAPIC_ID = 0x020,
    LAPIC_VERSION = 0x030,
    LAPIC_TPR = 0x080,
    LAPIC_APR = 0x090,
    LAPIC_PPR = 0x0a0,
    LAPIC_EOI = 0x0b0,
    LAPIC_LDR = 0x0d0,
    LAPIC_DFR = 0x0e0,
    LAPIC_SVR = 0x0f0,
    LAPIC_ISR = 0x100,
    LAPIC_TMR = 0x180,
    LAPIC_IRR = 0x200,
    LAPIC_ESR = 0x280,
    LAPIC_ICR = 0x300,
    LAPIC_ICR_HIGH = 0x310,
    LAPIC_LVT_TIMER = 0x320,
    LAPIC_LVT_THERMAL = 0x330,
    LAPIC_LVT_PERF = 0x340,
    LAPIC_LVT_LINT0 = 0x350,
    LAPIC_LVT_LINT1 = 0x360,
    LAPIC_LVT_ERROR = 0x370,
    LAPIC_TIMER_INITIAL = 0x380,
    LAPIC_TIMER_CURRENT = 0x390,
    LAPIC_TIMER_DIVIDE = 0x3e0,
    LAPIC_SELF_IPI = 0x3f0,
};

#define LAPIC_LVT_COUNT 6u /* timer to error, in the order of their offsets */
#define LAPIC_SVR_ENABLED BIT(8)
#define LAPIC_LVT_MASKED BIT(16)
#define LAPIC_ESR_SEND_ILLEGAL BIT(5)
#define LAPIC_ESR_RECEIVE_ILLEGAL BIT(6)
#define LAPIC_ESR_ILLEGAL_REGISTER BIT(7)

enum lapic_timer_mode { LAPIC_ONE_SHOT, LAPIC_PERIODIC, LAPIC_TSC_DEADLINE };

struct lapic {
    struct vcpu *vcpu;
    uint32_t id;
    uint64_t base; /* IA32_APIC_BASE */
    uint32_t tpr, ldr, dfr, svr, esr, esr_latched_next, timer_divide;
    uint64_t icr;
    uint32_t lvt[LAPIC_LVT_COUNT];
    uint32_t isr[8];

    uint32_t timer_initial;
    uint64_t timer_deadline; /* host TSC; 0: not running */
    struct hv_timer timer;

    uint32_t irr[8];    /* atomic or from any CPU, atomic and-not by our own */
    uint32_t requested; /* atomic: set after a bit of irr was; 0: irr is known to be empty */
    uint64_t dropped;   /* atomic: messages that made no sense */
};

/* May there be something to deliver?  One load, on the path of every exit; lapic_pending() says more. */
static inline bool lapic_is_requested(const struct lapic *l)
{
    return __atomic_load_n(&l->requested, __ATOMIC_RELAXED);
}

static inline bool lapic_is_x2(const struct lapic *l)
{
    return (l->base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
}

static inline bool lapic_is_enabled(const struct lapic *l)
{
    return (l->base & APIC_BASE_ENABLE) && (l->svr & LAPIC_SVR_ENABLED);
}

static inline uint32_t *lapic_lvt(struct lapic *l, enum lapic_register r)
{
    return &l->lvt[(r - LAPIC_LVT_TIMER) >> 4];
}

/* Make a vector pending, from any CPU. */
void lapic_post(struct lapic *l, unsigned vector);
/* Raise the interrupt of a local vector table entry, unless it is masked. */
void lapic_raise_local(struct lapic *l, enum lapic_register lvt);
void lapic_error(struct lapic *l, uint32_t esr_bit);

void lapic_icr_write(struct lapic *l, uint64_t icr);

void lapic_timer_init(struct lapic *l);
void lapic_timer_stop(struct lapic *l);
void lapic_timer_set_initial(struct lapic *l, uint32_t count);
uint32_t lapic_timer_current(const struct lapic *l);
void lapic_timer_mode_changed(struct lapic *l, uint32_t old_lvt);
void lapic_timer_divide_changed(struct lapic *l, uint32_t old_divide);
uint64_t lapic_timer_deadline_read(const struct lapic *l);
void lapic_timer_deadline_write(struct lapic *l, uint64_t tsc);

#endif
