/*
 * Exceptions and interrupts taken in root mode.  Exceptions are our own bugs: panic with registers and backtrace.  The
 * IDT is shared by all CPUs and constant after idt_init.
 */
#include "hv/trap.h"

#include "hv/apic.h"
#include "hv/console.h"
#include "hv/cpu.h"
#include "lib/log.h"

#define STUB_SIZE 16
#define EXCEPTIONS 32
#define VECTOR_NMI 2
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_GENERAL_PROTECTION 13
#define VECTOR_MACHINE_CHECK 18
#define GATE_INTERRUPT 0x8e00ULL

struct idt_gate {
    uint64_t low, high;
};

extern const char trap_stubs[];
extern const char msr_read_site[], msr_write_site[], msr_fault[];
void trap_handle(struct trap_frame *f);

static struct idt_gate idt[256];
static void (*irq_handlers[256])(void);

static void gate_set(unsigned vector, unsigned ist)
{
    uint64_t at = (uintptr_t)trap_stubs + vector * STUB_SIZE;

    idt[vector].low = (at & 0xffff) | SELECTOR_CODE << 16 | (uint64_t)ist << 32 | GATE_INTERRUPT << 32 |
                      (at >> 16 & 0xffff) << 48;
    idt[vector].high = at >> 32;
}

void idt_init(void)
{
    for (unsigned v = 0; v < 256; v++)
        gate_set(v, IST_NONE);
}

void idt_use_stacks(void)
{
    gate_set(VECTOR_NMI, IST_NMI);
    gate_set(VECTOR_DOUBLE_FAULT, IST_DOUBLE_FAULT);
    gate_set(VECTOR_MACHINE_CHECK, IST_MACHINE_CHECK);
}

void idt_load(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } packed_layout pointer = {sizeof idt - 1, (uintptr_t)idt};

    __asm__ volatile("lidt %0" : : "m"(pointer));
}

uint64_t idt_base(void)
{
    return (uintptr_t)idt;
}

void irq_set_handler(unsigned vector, void (*handler)(void))
{
    assert(vector >= VECTOR_DEVICE_FIRST && vector < 256);
    irq_handlers[vector] = handler;
}

static bool msr_fault_fixed(struct trap_frame *f)
{
    if (f->vector != VECTOR_GENERAL_PROTECTION)
        return false;
    if (f->rip != (uintptr_t)msr_read_site && f->rip != (uintptr_t)msr_write_site)
        return false;
    f->rip = (uintptr_t)msr_fault;
    return true;
}

void trap_handle(struct trap_frame *f)
{
    if (f->vector >= EXCEPTIONS) {
        if (irq_handlers[f->vector]) /* else: left over from whoever used this machine before us */
            irq_handlers[f->vector]();
        if (f->vector != VECTOR_SPURIOUS)
            apic_eoi();
        return;
    }
    if (msr_fault_fixed(f))
        return;
    if (f->vector == VECTOR_NMI) {
        cpu_halt_if_stopped();
        log_warn("trap: NMI at %#llx", (unsigned long long)f->rip);
        return;
    }
    panic_at(f, "exception %u, error %#llx", (unsigned)f->vector, (unsigned long long)f->error);
}
