/*
 * The guest's local APIC: registers, priorities and the two ways to reach them (SDM vol. 3, chapter 11).  Reads and writes
 * by MSR (x2APIC) and by memory (xAPIC) meet in register_read() and register_write(); what the two modes treat differently
 * is decided before.  There is no I/O APIC, so no interrupt is level triggered and TMR stays 0.
 */
#include "vmexit/lapic.h"

#include <linux/errno.h>

#include "hv/alloc.h"
#include "hv/vm.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "vmexit/lapic_state.h"

#define BASE_ADDRESS 0xfee00000ULL
#define VERSION (0x14u | (LAPIC_LVT_COUNT - 1) << 16)
#define SVR_RESET 0xffu
#define DFR_RESET 0xffffffffu
#define X2APIC_LAST 0x83f
#define NO_OFFSET 0xfffu

/* What can be written where; bits outside fault in x2APIC mode and are ignored in xAPIC mode. */
static const struct {
    uint16_t offset;
    uint32_t bits;
} writable[] = {
    {LAPIC_TPR, 0xff},          {LAPIC_EOI, 0},           {LAPIC_SVR, 0x1ff},          {LAPIC_ESR, 0},
    {LAPIC_LVT_TIMER, 0x700ff}, {LAPIC_LVT_THERMAL, 0x107ff}, {LAPIC_LVT_PERF, 0x107ff}, {LAPIC_LVT_LINT0, 0x1a7ff},
    {LAPIC_LVT_LINT1, 0x1a7ff}, {LAPIC_LVT_ERROR, 0x100ff}, {LAPIC_TIMER_INITIAL, 0xffffffff},
    {LAPIC_TIMER_DIVIDE, 0xb},  {LAPIC_SELF_IPI, 0xff},   {LAPIC_LDR, 0xff000000},     {LAPIC_DFR, 0xf0000000},
};

void lapic_reset(struct lapic *l)
{
    lapic_timer_stop(l);
    l->base = (l->base & APIC_BASE_BSP) | BASE_ADDRESS | APIC_BASE_ENABLE;
    l->tpr = l->ldr = l->esr = l->esr_latched_next = l->timer_divide = l->timer_initial = 0;
    l->icr = 0;
    l->svr = SVR_RESET;
    l->dfr = DFR_RESET;
    for (unsigned i = 0; i < LAPIC_LVT_COUNT; i++)
        l->lvt[i] = LAPIC_LVT_MASKED;
    for (unsigned i = 0; i < ARRAY_SIZE(l->isr); i++) {
        l->isr[i] = 0;
        __atomic_store_n(&l->irr[i], 0, __ATOMIC_RELAXED);
    }
}

struct lapic *lapic_create(struct vcpu *vcpu, uint32_t apic_id)
{
    struct lapic *l = mem_alloc_zero(sizeof(*l));
    if (!l)
        return NULL;
    l->vcpu = vcpu;
    l->id = apic_id;
    l->base = vcpu->index == 0 ? APIC_BASE_BSP : 0;
    lapic_timer_init(l);
    lapic_reset(l);
    return l;
}

void lapic_destroy(struct lapic *l)
{
    if (!l)
        return;
    lapic_timer_stop(l);
    mem_free(l);
}

uint64_t lapic_dropped(const struct lapic *l)
{
    return __atomic_load_n(&l->dropped, __ATOMIC_RELAXED);
}

/* Priorities (11.8.3). */

static int highest_bit(const uint32_t words[8])
{
    for (int i = 7; i >= 0; i--) {
        uint32_t w = __atomic_load_n(&words[i], __ATOMIC_RELAXED);
        if (w)
            return i * 32 + 31 - __builtin_clz(w);
    }
    return -1;
}

static uint32_t processor_priority(const struct lapic *l)
{
    int in_service = highest_bit(l->isr);
    uint32_t isr_class = in_service < 0 ? 0 : (uint32_t)in_service & 0xf0;

    return (l->tpr & 0xf0) >= isr_class ? l->tpr : isr_class;
}

void lapic_post(struct lapic *l, unsigned vector)
{
    uint32_t bit = 1u << vector % 32;

    if (!lapic_is_enabled(l))
        return;
    if (__atomic_fetch_or(&l->irr[vector / 32], bit, __ATOMIC_RELAXED) & bit)
        return; /* it is requested already, and whoever did that kicks */
    /* Release: who sees this set (acquire in lapic_pending) sees the bit. */
    __atomic_store_n(&l->requested, 1, __ATOMIC_RELEASE);
    vcpu_kick(l->vcpu);
}

/* Nothing is requested: say so for the fast path, unless a bit came meanwhile. */
static void requested_clear(struct lapic *l)
{
    __atomic_store_n(&l->requested, 0, __ATOMIC_SEQ_CST);
    if (highest_bit(l->irr) >= 0)
        __atomic_store_n(&l->requested, 1, __ATOMIC_RELAXED);
}

int lapic_pending(struct lapic *l)
{
    if (!__atomic_load_n(&l->requested, __ATOMIC_ACQUIRE))
        return -1;
    int vector = highest_bit(l->irr);
    if (vector < 0) {
        requested_clear(l);
        return -1;
    }
    return ((uint32_t)vector & 0xf0) > (processor_priority(l) & 0xf0) ? vector : -1;
}

void lapic_accept(struct lapic *l, unsigned vector)
{
    assert(vector < 256);
    __atomic_fetch_and(&l->irr[vector / 32], ~(1u << vector % 32), __ATOMIC_RELAXED);
    l->isr[vector / 32] |= 1u << vector % 32;
}

static void end_of_interrupt(struct lapic *l)
{
    int vector = highest_bit(l->isr);

    if (vector >= 0)
        l->isr[vector / 32] &= ~(1u << vector % 32);
}

void lapic_raise_local(struct lapic *l, enum lapic_register lvt)
{
    uint32_t entry = *lapic_lvt(l, lvt);

    if (entry & LAPIC_LVT_MASKED)
        return;
    if ((entry & 0xff) < 16)
        l->esr_latched_next |= LAPIC_ESR_RECEIVE_ILLEGAL;
    else
        lapic_post(l, entry & 0xff);
}

void lapic_error(struct lapic *l, uint32_t esr_bit)
{
    l->esr_latched_next |= esr_bit;
    lapic_raise_local(l, LAPIC_LVT_ERROR);
}

/* Registers. */

static uint32_t id_register(const struct lapic *l)
{
    return lapic_is_x2(l) ? l->id : l->id << 24;
}

/* Of registers that can be read; -EINVAL for the others. */
static int register_read(struct lapic *l, uint32_t offset, uint32_t *value)
{
    if (offset >= LAPIC_ISR && offset < LAPIC_ESR) {
        unsigned word = (offset >> 4) & 7;
        *value = 0; /* TMR */
        if (offset < LAPIC_TMR)
            *value = l->isr[word];
        else if (offset >= LAPIC_IRR)
            *value = __atomic_load_n(&l->irr[word], __ATOMIC_RELAXED);
        return 0;
    }
    if (offset >= LAPIC_LVT_TIMER && offset <= LAPIC_LVT_ERROR) {
        *value = *lapic_lvt(l, (enum lapic_register)offset);
        return 0;
    }
    switch (offset) {
    case LAPIC_ID:
        *value = id_register(l);
        return 0;
    case LAPIC_VERSION:
        *value = VERSION;
        return 0;
    case LAPIC_TPR:
        *value = l->tpr;
        return 0;
    case LAPIC_PPR:
        *value = processor_priority(l);
        return 0;
    case LAPIC_LDR:
        *value = l->ldr;
        return 0;
    case LAPIC_SVR:
        *value = l->svr;
        return 0;
    case LAPIC_ESR:
        *value = l->esr;
        return 0;
    case LAPIC_ICR:
        *value = (uint32_t)l->icr;
        return 0;
    case LAPIC_TIMER_INITIAL:
        *value = l->timer_initial;
        return 0;
    case LAPIC_TIMER_CURRENT:
        *value = lapic_timer_current(l);
        return 0;
    case LAPIC_TIMER_DIVIDE:
        *value = l->timer_divide;
        return 0;
    default:
        return -EINVAL;
    }
}

static void svr_write(struct lapic *l, uint32_t value)
{
    l->svr = value;
    if (value & LAPIC_SVR_ENABLED)
        return;
    for (unsigned i = 0; i < LAPIC_LVT_COUNT; i++) /* 11.4.7.2: all masked while the APIC is disabled by software */
        l->lvt[i] |= LAPIC_LVT_MASKED;
}

static void lvt_write(struct lapic *l, enum lapic_register r, uint32_t value)
{
    uint32_t *entry = lapic_lvt(l, r), old = *entry;

    *entry = value | (l->svr & LAPIC_SVR_ENABLED ? 0 : LAPIC_LVT_MASKED);
    if (r == LAPIC_LVT_TIMER)
        lapic_timer_mode_changed(l, old);
}

/* `value` has only bits that can be written there. */
static void register_write(struct lapic *l, uint32_t offset, uint32_t value)
{
    uint32_t old;

    if (offset >= LAPIC_LVT_TIMER && offset <= LAPIC_LVT_ERROR) {
        lvt_write(l, (enum lapic_register)offset, value);
        return;
    }
    switch (offset) {
    case LAPIC_TPR:
        l->tpr = value;
        break;
    case LAPIC_EOI:
        end_of_interrupt(l);
        break;
    case LAPIC_LDR:
        l->ldr = value;
        break;
    case LAPIC_DFR:
        l->dfr = value | 0x0fffffff;
        break;
    case LAPIC_SVR:
        svr_write(l, value);
        break;
    case LAPIC_ESR: /* any write makes what happened since the last one readable (11.5.3) */
        l->esr = l->esr_latched_next;
        l->esr_latched_next = 0;
        break;
    case LAPIC_TIMER_INITIAL:
        lapic_timer_set_initial(l, value);
        break;
    case LAPIC_TIMER_DIVIDE:
        old = l->timer_divide;
        l->timer_divide = value;
        lapic_timer_divide_changed(l, old);
        break;
    }
}

static bool writable_bits(uint32_t offset, uint32_t *bits)
{
    for (size_t i = 0; i < ARRAY_SIZE(writable); i++) {
        if (writable[i].offset == offset) {
            *bits = writable[i].bits;
            return true;
        }
    }
    return false;
}

/* The xAPIC page. */

uint32_t lapic_mmio_read(struct lapic *l, uint32_t offset)
{
    uint32_t value;

    if (!(l->base & APIC_BASE_ENABLE) || lapic_is_x2(l))
        return 0xffffffff; /* nobody is there */
    if (offset == LAPIC_DFR)
        return l->dfr;
    if (offset == LAPIC_ICR_HIGH)
        return (uint32_t)(l->icr >> 32);
    if (offset == LAPIC_APR) /* of lowest-priority arbitration, which we settle otherwise */
        return processor_priority(l);
    if (offset == LAPIC_EOI || offset & 0xf)
        return 0;
    if (register_read(l, offset, &value)) {
        lapic_error(l, LAPIC_ESR_ILLEGAL_REGISTER);
        return 0;
    }
    return value;
}

void lapic_mmio_write(struct lapic *l, uint32_t offset, uint32_t value)
{
    uint32_t bits;

    if (!(l->base & APIC_BASE_ENABLE) || lapic_is_x2(l) || offset & 0xf)
        return;
    if (offset == LAPIC_ICR) {
        l->icr = (l->icr & 0xffffffff00000000ULL) | (value & 0xccfff);
        lapic_icr_write(l, l->icr);
    } else if (offset == LAPIC_ICR_HIGH) {
        l->icr = (uint32_t)l->icr | (uint64_t)(value & 0xff000000) << 32;
    } else if (offset != LAPIC_SELF_IPI && writable_bits(offset, &bits)) {
        register_write(l, offset, value & bits);
    } else {
        lapic_error(l, LAPIC_ESR_ILLEGAL_REGISTER);
    }
}

/* CR8, whatever the mode. */

uint32_t lapic_task_priority(struct lapic *l)
{
    return l->tpr;
}

void lapic_set_task_priority(struct lapic *l, uint32_t value)
{
    l->tpr = value;
}

/* MSRs. */

static int base_write(struct lapic *l, uint64_t value)
{
    uint64_t mode = value & (APIC_BASE_ENABLE | APIC_BASE_X2APIC);

    /* The page stays where it is, and "x2APIC but not enabled" is no mode. */
    if ((value ^ l->base) & ~(uint64_t)(APIC_BASE_ENABLE | APIC_BASE_X2APIC) || mode == APIC_BASE_X2APIC)
        return -EINVAL;
    /* 11.12.5: x2APIC is entered from xAPIC and left to disabled only. */
    if (lapic_is_x2(l) && mode == APIC_BASE_ENABLE)
        return -EINVAL;
    if (!(l->base & APIC_BASE_ENABLE) && (mode & APIC_BASE_X2APIC))
        return -EINVAL;
    l->base = value;
    if (lapic_is_x2(l))
        l->ldr = (l->id >> 4) << 16 | 1u << (l->id & 15);
    if (!mode)
        lapic_timer_stop(l);
    return 0;
}

static bool is_x2apic_register(const struct lapic *l, uint32_t msr)
{
    return lapic_is_x2(l) && msr >= MSR_X2APIC_BASE && msr <= X2APIC_LAST;
}

int lapic_msr_read(struct lapic *l, uint32_t msr, uint64_t *value)
{
    uint32_t low;

    if (msr == MSR_APIC_BASE) {
        *value = l->base;
        return 0;
    }
    if (msr == MSR_TSC_DEADLINE) {
        *value = lapic_timer_deadline_read(l);
        return 0;
    }
    if (!is_x2apic_register(l, msr))
        return -EINVAL;
    uint32_t offset = (msr - MSR_X2APIC_BASE) << 4;
    if (offset == LAPIC_ICR) {
        *value = l->icr;
        return 0;
    }
    if (register_read(l, offset, &low))
        return -EINVAL;
    *value = low;
    return 0;
}

int lapic_msr_write(struct lapic *l, uint32_t msr, uint64_t value)
{
    uint32_t bits;

    if (msr == MSR_APIC_BASE)
        return base_write(l, value);
    if (msr == MSR_TSC_DEADLINE) {
        lapic_timer_deadline_write(l, value);
        return 0;
    }
    if (!is_x2apic_register(l, msr))
        return -EINVAL;
    uint32_t offset = (msr - MSR_X2APIC_BASE) << 4;
    if (offset == LAPIC_ICR) {
        if (value & 0xfff33000)
            return -EINVAL;
        l->icr = value;
        lapic_icr_write(l, value);
        return 0;
    }
    if (offset == LAPIC_LDR || offset == LAPIC_DFR || !writable_bits(offset, &bits) || value & ~(uint64_t)bits)
        return -EINVAL;
    if (offset == LAPIC_SELF_IPI) {
        if (value < 16)
            lapic_error(l, LAPIC_ESR_SEND_ILLEGAL);
        else
            lapic_post(l, (unsigned)value);
        return 0;
    }
    register_write(l, offset, (uint32_t)value);
    return 0;
}
