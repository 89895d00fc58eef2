/*
 * See apic.h; Intel SDM vol. 3 chapter 11.  The 8259s are masked: only message-signalled interrupts are used.
 */
#include "guest_kernel/core/apic.h"

#include "guest_kernel/core/clock.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/irq.h"
#include "guest_kernel/core/trap.h"
#include "lib/log.h"

enum apic_register {
    APIC_ID = 0x20,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SPURIOUS = 0xf0,
    APIC_COMMAND = 0x300,
    APIC_COMMAND_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_LVT_LINT0 = 0x350,
    APIC_LVT_LINT1 = 0x360,
    APIC_LVT_ERROR = 0x370,
    APIC_TIMER_INITIAL = 0x380,
    APIC_TIMER_CURRENT = 0x390,
    APIC_TIMER_DIVIDE = 0x3e0,
};

#define APIC_PHYS 0xfee00000
#define APIC_SOFTWARE_ENABLE BIT(8)
#define LVT_MASKED BIT(16)
#define LVT_TSC_DEADLINE BIT(18)
#define DIVIDE_BY_1 0xb
#define COMMAND_INIT 0x500
#define COMMAND_STARTUP 0x600
#define COMMAND_PENDING BIT(12)
#define COMMAND_ASSERT BIT(14)
#define XAPIC_ID_MAX 254 /* 255 is everyone */

static volatile uint32_t *registers; /* NULL: x2APIC */
static bool use_deadline;
static uint64_t timer_ticks_per_tsc; /* 32.32 fixed point, one-shot mode */

static uint32_t apic_read(enum apic_register r)
{
    return registers ? registers[r / 4] : (uint32_t)msr_read(MSR_X2APIC_BASE + r / 16);
}

static void apic_write(enum apic_register r, uint32_t value)
{
    if (registers)
        registers[r / 4] = value;
    else
        msr_write(MSR_X2APIC_BASE + r / 16, value);
}

static void pic_mask(void)
{
    port_outb(0x21, 0xff);
    port_outb(0xa1, 0xff);
}

static void this_init(void)
{
    uint64_t base = msr_read(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    msr_write(MSR_APIC_BASE, registers ? base : base | APIC_BASE_X2APIC);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    apic_write(APIC_LVT_LINT1, LVT_MASKED);
    apic_write(APIC_LVT_ERROR, LVT_MASKED);
    apic_write(APIC_SPURIOUS, APIC_SOFTWARE_ENABLE | VECTOR_SPURIOUS);
    this_cpu()->apic_id = apic_id();
}

void apic_init(void)
{
    pic_mask();
    if (!cpu_features.x2apic) {
        registers = mmio_map(APIC_PHYS, PAGE_SIZE);
        if (!registers)
            panic("apic: no memory to map it");
    }
    this_init();
}

uint32_t apic_id(void)
{
    return registers ? apic_read(APIC_ID) >> 24 : apic_read(APIC_ID);
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

/* When the timer had so much left; of a few looks the one that took least, for this CPU may be stopped meanwhile. */
static uint64_t count_read(uint32_t *left)
{
    uint64_t least = UINT64_MAX, when = 0;

    for (unsigned i = 0; i < 4; i++) {
        uint64_t before = tsc_read();
        uint32_t count = apic_read(APIC_TIMER_CURRENT);
        uint64_t took = tsc_read() - before;

        if (took >= least)
            continue;
        least = took;
        when = before + took / 2;
        *left = count;
    }
    return when;
}

/* Count down from the top for a while of the known clock. */
static uint64_t bus_measure(uint64_t tsc_hz)
{
    uint32_t first, last;

    apic_write(APIC_TIMER_INITIAL, UINT32_MAX);
    uint64_t start = count_read(&first);

    while (tsc_read() - start < tsc_hz / 500) /* 2 ms */
        cpu_relax();
    uint64_t passed = count_read(&last) - start;

    apic_write(APIC_TIMER_INITIAL, 0);
    return mul_div(first - last, tsc_hz, passed);
}

static void timer_use_deadline(void)
{
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | LVT_TSC_DEADLINE);
    /* SDM 11.5.4.1: order the (memory mapped) LVT write before the first write of the MSR. */
    __asm__ volatile("mfence" : : : "memory");
}

void apic_init_cpu(void)
{
    this_init();
    if (use_deadline) {
        timer_use_deadline();
        return;
    }
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
}

void apic_timer_init(uint64_t bus_hz, uint64_t tsc_hz)
{
    use_deadline = cpu_features.tsc_deadline;
    if (use_deadline) {
        timer_use_deadline();
        return;
    }
    apic_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    if (!bus_hz)
        bus_hz = bus_measure(tsc_hz);
    timer_ticks_per_tsc = mul_div(bus_hz, BIT(32), tsc_hz);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    log_debug("apic: timer runs at %lu kHz", bus_hz / 1000);
}

void apic_timer_set(uint64_t tsc)
{
    if (use_deadline) {
        msr_write(MSR_TSC_DEADLINE, MAX(tsc, (uint64_t)1));
        return;
    }
    int64_t left = (int64_t)(tsc - tsc_read());
    unsigned __int128 ticks = left > 0 ? (unsigned __int128)left * timer_ticks_per_tsc >> 32 : 0;

    /* Rounded up, so that the deadline has passed when it fires; a longer one fires early and is set again. */
    apic_write(APIC_TIMER_INITIAL, ticks < UINT32_MAX ? (uint32_t)ticks + 1 : UINT32_MAX);
}

static void command_send(uint32_t id, uint32_t command)
{
    if (!registers) {
        /* SDM 11.12.3: this write waits for no earlier store, and the receiver must see what was written for it. */
        __asm__ volatile("mfence; lfence" : : : "memory");
        msr_write(MSR_X2APIC_BASE + APIC_COMMAND / 16, (uint64_t)id << 32 | command);
        return;
    }
    uint64_t flags = rflags_read();

    irq_disable(); /* an interrupt between the two writes may send one itself */
    while (apic_read(APIC_COMMAND) & COMMAND_PENDING)
        cpu_relax();
    apic_write(APIC_COMMAND_HIGH, id << 24);
    apic_write(APIC_COMMAND, command);
    if (flags & RFLAGS_IF)
        irq_enable();
}

void apic_send_fixed(uint32_t id, unsigned vector)
{
    command_send(id, COMMAND_ASSERT | vector);
}

void apic_send_init(uint32_t id)
{
    command_send(id, COMMAND_ASSERT | COMMAND_INIT);
}

void apic_send_startup(uint32_t id, uint64_t phys)
{
    command_send(id, COMMAND_ASSERT | COMMAND_STARTUP | (uint32_t)(phys >> PAGE_SHIFT));
}

bool apic_can_reach(uint32_t id)
{
    return !registers || id <= XAPIC_ID_MAX;
}
