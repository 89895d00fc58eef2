/*
 * See hv/cpu.h.
 */
#include "hv/cpu.h"

#include <asm-generic/errno.h>

#include "hv/apic.h"
#include "hv/paging.h"
#include "hv/trap.h"
#include "lib/log.h"

#define GDT_CODE64            0x00af9b000000ffffULL
#define GDT_DATA              0x00cf93000000ffffULL
#define GDT_TSS_TYPE          0x89ULL
#define EXCEPTION_STACK_PAGES 2
#define STOP_SPIN             1000000u

_Static_assert(offsetof(struct cpu, index) == CPU_INDEX_OFFSET, "hv/cpu_index.h");
_Static_assert(sizeof(struct tss) == 104, "SDM vol. 3, 8.7");

static struct cpu cpus[CPU_MAX];
static unsigned count;             /* atomic */
static uint32_t stopping, stopped; /* atomic: the number + 1 of the CPU that stops the others; how many have stopped */

unsigned cpu_count(void)
{
    return __atomic_load_n(&count, __ATOMIC_ACQUIRE);
}

struct cpu *cpu_at(unsigned index)
{
    return &cpus[index];
}

void cpu_kick(struct cpu *c)
{
    if (c == this_cpu())
        c->next_deadline = 0;
    else
        apic_send(c->apic_id, VECTOR_KICK);
}

void cpu_call(struct cpu *c)
{
    /* Release: what it is called for is there when it sees this. */
    __atomic_store_n(&c->called, true, __ATOMIC_RELEASE);
    cpu_kick(c);
}

void cpu_interrupt(struct cpu *c, unsigned vector)
{
    apic_send(c->apic_id, vector);
}

void cpu_wake_idle(void)
{
    for (unsigned i = 0; i < cpu_count(); i++) {
        if (&cpus[i] == this_cpu() || !__atomic_load_n(&cpus[i].idle, __ATOMIC_RELAXED))
            continue;
        apic_send(cpus[i].apic_id, VECTOR_KICK);
        return;
    }
}

void cpu_halt_if_stopped(void)
{
    uint32_t who = __atomic_load_n(&stopping, __ATOMIC_RELAXED);

    if (!who || who == cpu_index() + 1)
        return;
    __atomic_fetch_add(&stopped, 1, __ATOMIC_RELAXED);
    for (;;)
        cpu_halt();
}

void cpu_stop_others(void)
{
    uint32_t nobody = 0;

    __atomic_compare_exchange_n(&stopping, &nobody, cpu_index() + 1, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
    cpu_halt_if_stopped(); /* another was first */
    for (unsigned i = 0; i < cpu_count(); i++)
        if (&cpus[i] != this_cpu())
            apic_send_nmi(cpus[i].apic_id);
    for (unsigned spin = 0; __atomic_load_n(&stopped, __ATOMIC_RELAXED) + 1 < cpu_count() && spin < STOP_SPIN; spin++)
        cpu_relax();
}

static void kicked(void)
{
    this_cpu()->next_deadline = 0;
}

static void gdt_load(struct cpu *c)
{
    uint64_t base = (uintptr_t)&c->tss;
    struct {
        uint16_t limit;
        uint64_t base;
    } packed_layout pointer = {sizeof c->gdt - 1, (uintptr_t)c->gdt};

    c->gdt[SELECTOR_CODE / 8] = GDT_CODE64;
    c->gdt[SELECTOR_DATA / 8] = GDT_DATA;
    c->gdt[SELECTOR_TSS / 8] =
        (sizeof c->tss - 1) | (base & 0xffffff) << 16 | GDT_TSS_TYPE << 40 | (base >> 24 & 0xff) << 56;
    c->gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
    c->tss.io_map = sizeof c->tss;
    __asm__ volatile("lgdt %0" : : "m"(pointer));
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

/* SMEP, SMAP, UMIP: root mode has no user pages, so these cost nothing and catch wild jumps and pointers. */
static void protections_enable(void)
{
    struct cpuid_regs features = cpuid_count(0, 0);
    uint64_t cr4 = cr4_read();

    if (features.eax >= 7) {
        features = cpuid_count(7, 0);
        cr4 |= features.ebx & BIT(7) ? CR4_SMEP : 0;
        cr4 |= features.ebx & BIT(20) ? CR4_SMAP : 0;
        cr4 |= features.ecx & BIT(2) ? CR4_UMIP : 0;
    }
    cr4_write(cr4);
}

void cpu_init(uint32_t index)
{
    struct cpu *c = &cpus[index];

    assert(index < CPU_MAX);
    c->self = c;
    c->index = index;
    c->next_deadline = ~0ULL;
    c->queue.first = ~0ULL;
    RB_INIT(&c->timers);
    RB_INIT(&c->queue.tree);
    msr_write(MSR_GS_BASE, (uintptr_t)c);
    gdt_load(c);
    if (index == 0) {
        idt_init();
        irq_set_handler(VECTOR_KICK, kicked);
        count = 1;
    }
    idt_load();
    protections_enable();
}

void cpu_join(void)
{
    __atomic_fetch_add(&count, 1, __ATOMIC_RELEASE);
}

int cpu_init_stacks(void)
{
    struct cpu *c = this_cpu();

    for (unsigned i = 0; i < IST_COUNT - 1; i++) {
        void *top = stack_create(EXCEPTION_STACK_PAGES);
        if (!top)
            return -ENOMEM;
        c->tss.ist[i] = (uintptr_t)top;
    }
    idt_use_stacks();
    return 0;
}
