/*
 * See hv/apic.h; SDM vol. 3, chapter 11.
 */
#include "hv/apic.h"

#include <asm-generic/errno.h>

#include "hv/cpu.h"
#include "hv/paging.h"
#include "lib/log.h"

/* Offsets of the xAPIC page; the x2APIC MSR is MSR_X2APIC_BASE + offset / 16. */
#define APIC_ID 0x20u
#define APIC_EOI 0xb0u
#define APIC_SPURIOUS 0xf0u
#define APIC_ICR 0x300u
#define APIC_ICR_HIGH 0x310u
#define APIC_LVT_TIMER 0x320u
#define APIC_LVT_LINT0 0x350u
#define APIC_TIMER_INITIAL 0x380u
#define APIC_TIMER_CURRENT 0x390u
#define APIC_TIMER_DIVIDE 0x3e0u

#define SPURIOUS_ENABLE BIT(8)
#define LVT_MASKED BIT(16)
#define LVT_TSC_DEADLINE BIT(18)
#define XAPIC_EVERYBODY 0xffu
#define ICR_NMI (4u << 8)
#define ICR_INIT (5u << 8)
#define ICR_STARTUP (6u << 8)
#define ICR_PENDING BIT(12)
#define ICR_ASSERT BIT(14)
#define ICR_OTHERS (3u << 18)
#define DIVIDE_BY_1 0xb
#define CALIBRATE_TICKS 4000u

static volatile uint32_t *page; /* NULL: x2APIC.  The same for all CPUs, as the two below */
static bool has_deadline;
static uint64_t timer_ratio; /* TSC ticks per APIC timer tick, 32.32 fixed point; without TSC-deadline */

static uint32_t reg_read(uint32_t offset)
{
    return page ? page[offset / 4] : (uint32_t)msr_read(MSR_X2APIC_BASE + offset / 16);
}

static void reg_write(uint32_t offset, uint32_t value)
{
    if (page)
        page[offset / 4] = value;
    else
        msr_write(MSR_X2APIC_BASE + offset / 16, value);
}

#define PIC1_COMMAND 0x20
#define PIC1_DATA 0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA 0xa1

/*
 * Firmware leaves the two 8259s delivering, at vectors of exceptions.  Nothing here uses them: give them harmless
 * vectors, then mask them (ICW1 to ICW4, OCW1).
 */
static void legacy_controllers_silence(void)
{
    port_outb(PIC1_COMMAND, 0x11);
    port_outb(PIC2_COMMAND, 0x11);
    port_outb(PIC1_DATA, VECTOR_DEVICE_FIRST);
    port_outb(PIC2_DATA, VECTOR_DEVICE_FIRST + 8);
    port_outb(PIC1_DATA, 4);
    port_outb(PIC2_DATA, 2);
    port_outb(PIC1_DATA, 1);
    port_outb(PIC2_DATA, 1);
    port_outb(PIC1_DATA, 0xff);
    port_outb(PIC2_DATA, 0xff);
}

/* By the TSC itself: the two frequencies' ratio is all that is needed. */
static void timer_calibrate(void)
{
    reg_write(APIC_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    reg_write(APIC_TIMER_INITIAL, ~0u);
    uint64_t start = tsc_read();
    while (~reg_read(APIC_TIMER_CURRENT) < CALIBRATE_TICKS)
        cpu_relax();
    uint32_t ticks = ~reg_read(APIC_TIMER_CURRENT);
    timer_ratio = ((tsc_read() - start) << 32) / ticks;
    reg_write(APIC_TIMER_INITIAL, 0);
}

int apic_init(void)
{
    struct cpuid_regs features = cpuid_count(1, 0);
    uint64_t base = msr_read(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    if (!(features.edx & BIT(9)))
        return -ENODEV;
    msr_write(MSR_APIC_BASE, base);
    if (features.ecx & BIT(21)) {
        msr_write(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    } else if (!page) {
        page = mmio_map(ALIGN_DOWN(base & 0xffffffffffULL, PAGE_SIZE), PAGE_SIZE);
        if (!page)
            return -ENOMEM;
    }
    this_cpu()->apic_id = page ? reg_read(APIC_ID) >> 24 : reg_read(APIC_ID);
    legacy_controllers_silence();
    reg_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    reg_write(APIC_LVT_LINT0, LVT_MASKED);
    reg_write(APIC_TIMER_DIVIDE, DIVIDE_BY_1);
    has_deadline = features.ecx & BIT(24);
    if (has_deadline)
        reg_write(APIC_LVT_TIMER, LVT_TSC_DEADLINE | VECTOR_TIMER);
    else
        timer_calibrate();
    return 0;
}

void apic_eoi(void)
{
    reg_write(APIC_EOI, 0);
}

void apic_timer_arm(uint64_t deadline_tsc)
{
    uint64_t now = tsc_read();

    if (has_deadline) {
        msr_write(MSR_TSC_DEADLINE, deadline_tsc);
        return;
    }
    uint64_t wait = deadline_tsc > now ? MIN(deadline_tsc - now, UINT32_MAX) : 0;
    uint64_t ticks = (wait << 32) / timer_ratio;
    reg_write(APIC_LVT_TIMER, VECTOR_TIMER);
    reg_write(APIC_TIMER_INITIAL, (uint32_t)MAX(MIN(ticks, UINT32_MAX), 1));
}

void apic_timer_stop(void)
{
    if (has_deadline)
        msr_write(MSR_TSC_DEADLINE, 0);
    else
        reg_write(APIC_TIMER_INITIAL, 0);
}

/* In the xAPIC a command must have left before the next one may be written (SDM vol. 3, 11.6.1). */
static void command_send(uint32_t apic_id, uint32_t command)
{
    if (!page) {
        msr_write(MSR_X2APIC_BASE + APIC_ICR / 16, (uint64_t)apic_id << 32 | command);
        return;
    }
    while (reg_read(APIC_ICR) & ICR_PENDING)
        cpu_relax();
    reg_write(APIC_ICR_HIGH, apic_id << 24);
    reg_write(APIC_ICR, command);
}

bool apic_reaches(uint32_t apic_id)
{
    return !page || apic_id < XAPIC_EVERYBODY;
}

void apic_send(uint32_t apic_id, unsigned vector)
{
    command_send(apic_id, vector);
}

void apic_send_nmi(uint32_t apic_id)
{
    command_send(apic_id, ICR_ASSERT | ICR_NMI);
}

static void command_send_to(uint32_t apic_id, uint32_t command)
{
    if (apic_id == APIC_OTHERS)
        command_send(0, ICR_OTHERS | ICR_ASSERT | command);
    else
        command_send(apic_id, ICR_ASSERT | command);
}

void apic_send_init(uint32_t apic_id)
{
    command_send_to(apic_id, ICR_INIT);
}

void apic_send_startup(uint32_t apic_id, unsigned start_page)
{
    command_send_to(apic_id, ICR_STARTUP | start_page);
}
