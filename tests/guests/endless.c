/*
 * Bad neighbours that never end, one way a run, chosen by the word way=N: each keeps the CPU or the hypervisor as busy as it can.
 * Others must keep their share.
 */
#include "tests/guests/guest.h"

#define X2APIC_SPURIOUS 0x80f
#define X2APIC_LVT_TIMER 0x832
#define X2APIC_TIMER_INITIAL 0x838
#define X2APIC_TIMER_DIVIDE 0x83e
#define X2APIC_SELF_IPI 0x83f
#define LVT_PERIODIC BIT(17)
#define LVT_DEADLINE BIT(18)
#define LVT_MASKED BIT(16)
#define DIVIDE_BY_1 0xb
#define VECTOR 0x40
#define LOG_PORT 0xe9
#define IST_SHIFT 32
#define TSS_IST1 36
#define NOBODYS_PORT 0x80
#define TICKS 100 /* of the timer: far less than a turn takes */

extern uint8_t tss[];

static void apic_on(void)
{
    msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC | APIC_BASE_ENABLE);
    msr_write(X2APIC_SPURIOUS, 0x1ff);
    msr_write(X2APIC_TIMER_DIVIDE, DIVIDE_BY_1);
}

/*
 * #DB is taken on its own stack, where a breakpoint watches what the CPU pushes: as soon as it is delivered the next one is
 * due.  A CPU would never come back from that by itself.
 */
static void debug_for_ever(void)
{
    static uint8_t stack[4096] aligned_to(16);
    uint64_t top = (uintptr_t)stack + sizeof stack;

    __builtin_memcpy(tss + TSS_IST1, &top, sizeof top);
    idt[1][0] |= 1ULL << IST_SHIFT;
    __asm__ volatile("mov %0, %%dr0; mov %1, %%dr7" : : "r"(top - 8), "r"(0x000d0402UL)); /* 8 bytes would do, 4 are enough */
    *(volatile uint32_t *)(top - 8) = 1;
    for (;;)
        barrier();
}

static void output_for_ever(void)
{
    uint64_t from = SCRATCH, n = 1ULL << 62;

    __asm__ volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(NOBODYS_PORT) : "memory");
}

static void log_for_ever(void)
{
    for (;;)
        print("a line that nobody wants to read\n");
}

static void flush_for_ever(void)
{
    for (;;)
        __asm__ volatile("wbinvd");
}

static void pause_for_ever(void)
{
    for (;;)
        __asm__ volatile("pause");
}

/* Sleeps, and wakes up again as soon as it can. */
static void wake_for_ever(void)
{
    apic_on();
    msr_write(X2APIC_LVT_TIMER, LVT_DEADLINE | VECTOR);
    for (;;) {
        msr_write(MSR_TSC_DEADLINE, tsc_read() + TICKS);
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    }
}

/* A timer that goes on while this guest sleeps or waits for the CPU; nobody takes its interrupts. */
static void tick_for_ever(void)
{
    apic_on();
    msr_write(X2APIC_LVT_TIMER, LVT_PERIODIC | VECTOR);
    msr_write(X2APIC_TIMER_INITIAL, TICKS);
    for (;;)
        barrier();
}

/* The same, masked: not even a wake-up comes of it. */
static void tick_in_vain(void)
{
    apic_on();
    msr_write(X2APIC_LVT_TIMER, LVT_PERIODIC | LVT_MASKED | VECTOR);
    msr_write(X2APIC_TIMER_INITIAL, TICKS);
    for (;;)
        __asm__ volatile("sti; hlt" : : : "memory");
}

static void interrupt_for_ever(void)
{
    apic_on();
    irq_enable();
    for (;;)
        msr_write(X2APIC_SELF_IPI, VECTOR);
}

/* In ring 3, where an invalid instruction's handler returns to it. */
static void fault_for_ever(void)
{
    for (;;)
        ATTEMPT("ud2", :);
}

static void touch_for_ever(void)
{
    for (;;)
        for (uint64_t at = SCRATCH; at < memory_end(); at += PAGE_SIZE)
            *(volatile uint8_t *)at += 1;
}

static void clock_for_ever(void)
{
    for (;;)
        msr_write(0x4b564d00, SCRATCH);
}

static void (*const ways[])(void) = {debug_for_ever, output_for_ever, log_for_ever, flush_for_ever, pause_for_ever, wake_for_ever,
                                     tick_for_ever, tick_in_vain, interrupt_for_ever, fault_for_ever, touch_for_ever,
                                     clock_for_ever};

void guest_main(void)
{
    uint64_t way = option("way", 0);

    print("done\n");
    if (way < ARRAY_SIZE(ways))
        ways[way]();
    check("the guest is still there", false);
}
