/*
 * A hostile guest kernel: random numbers into everything that exits.  Whatever it gets back, the hypervisor must not crash;
 * most of it faults.  What would only kill the guest itself is left out.  Words of the command line: seed=N (a run can be
 * repeated), count=N events; from=N: say the kind of each from the N-th on.  With an even seed the local APIC is reached by its page and no interrupts are taken, with an odd
 * one it is an x2APIC and they are.
 */
#include "abi/capture.h"
#include "tests/guests/guest.h"
#include "virtio/pci.h"

#define COUNT 20000
#define LAPIC_PAGE 0xfee00000ULL
#define DEVICE_STRIDE 0x10000u
#define DEVICE_SIZE 0x2000u
#define DEVICES 2u /* in slots 1 and 2 */
#define RINGS (SCRATCH + SCRATCH_SIZE / 2)
#define POWER_PORT_FIRST 0x600
#define POWER_PORT_LAST 0x607
#define KEYBOARD_PORT 0x64
#define SAY_EVERY 1000000u

#define X2APIC_TPR 0x808
#define X2APIC_SPURIOUS 0x80f
#define X2APIC_ICR 0x830
#define X2APIC_LVT_TIMER 0x832
#define X2APIC_TIMER_INITIAL 0x838
#define X2APIC_SELF_IPI 0x83f
#define LVT_DEADLINE BIT(18)
#define VECTOR_FIRST 0x30

static bool takes_interrupts;

static uint32_t random_msr(void)
{
    static const uint32_t known[] = {0x10, 0x1b, 0x3a, 0x8b, 0x174, 0x1a0, 0x277, 0x6e0, 0xda0, 0x4b564d00, 0x4b564d01,
                                     MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_KERNEL_GS_BASE, MSR_TSC_AUX, MSR_EFER};
    uint64_t r = random();

    if (r & 1)
        return known[(r >> 8) % ARRAY_SIZE(known)];
    return r & 2 ? 0x800 + (r >> 8 & 0xff) : (uint32_t)random_value();
}

/* What would stop this guest: another APIC mode, messages to itself, a timer that leaves it no time, no interrupts at all. */
static bool is_suicide(uint32_t msr)
{
    return msr == MSR_APIC_BASE || msr == X2APIC_TPR || msr == X2APIC_SPURIOUS || msr == X2APIC_ICR || msr == X2APIC_LVT_TIMER ||
           msr == X2APIC_TIMER_INITIAL || msr == X2APIC_SELF_IPI || msr == MSR_TSC_DEADLINE;
}

static void try_msr(void)
{
    uint32_t msr = random_msr();
    uint64_t value = random_value();

    if (msr >> 8 == 0x4b564d) /* the hypervisor writes where these say */
        value = SCRATCH + (value & 0x1ffff0) + (value >> 32 & 1);
    ATTEMPT("rdmsr", : : "c"(msr) : "eax", "edx");
    if (is_suicide(msr))
        return;
    ATTEMPT("wrmsr", : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void try_port(void)
{
    uint16_t port = random() & 1 ? (uint16_t)(PCI_ADDRESS_PORT + (random() & 7)) : (uint16_t)random_value();
    uint32_t value = (uint32_t)random_value();

    if (port >= POWER_PORT_FIRST - 3 && port <= POWER_PORT_LAST)
        return;
    if (port >= 0xe6 && port <= 0xe9) /* the log, as is the next */
        return;
    if (port >= 0x3f5 && port < 0x400)
        return;
    if (port >= KEYBOARD_PORT - 3 && port <= KEYBOARD_PORT)
        return;
    if (port >= PCI_DATA_PORT - 3 && port < PCI_DATA_PORT + 4) { /* a device moved or switched off would end this test */
        port_inl(port);
        return;
    }
    switch (random() & 7) {
    case 0:
        port_outb(port, (uint8_t)value);
        break;
    case 1:
        port_outw(port, (uint16_t)value);
        break;
    case 2:
        port_outl(port, value);
        break;
    case 3:
        port_inb(port);
        break;
    case 4:
        port_inl(port);
        break;
    case 5:
        ATTEMPT("rep outsl", : : "S"(SCRATCH + (value & 0xffff)), "c"(value & 7), "d"(port));
        break;
    case 6:
        ATTEMPT("rep insb", : : "D"(SCRATCH + (value & 0xffff)), "c"(value & 7), "d"(port) : "memory");
        break;
    default: /* beyond what is mapped: a page fault */
        ATTEMPT("rep outsw", : : "S"(GiB(1) - 4), "c"(64), "d"(port));
    }
}

/* A capture page that is valid by chance would be written to: only scratch memory is offered, besides nonsense. */
static void try_call(void)
{
    uint64_t number = random() & 3 ? CAPTURE_CALL_REGISTER - 1 + random() % (CAPTURE_CALL_ANSWER - CAPTURE_CALL_REGISTER + 3) : random_value();
    uint64_t argument = random() & 1 ? SCRATCH + (random() & 0xff000) : ~0ULL << (random() & 63);

    if (random() & 1)
        *(volatile uint32_t *)(SCRATCH + (random() & 0xff000)) = CAPTURE_VERSION;
    for (unsigned i = 0; i < 8; i++)
        *(volatile uint64_t *)(SCRATCH + (random() & 0xffff8)) = random_value();
    ATTEMPT("vmcall", : "+a"(number) : "b"(argument), "c"(random_value()), "d"(random_value()), "S"(random_value()) : "memory");
}

static uint64_t random_register(void)
{
    if (random() & 1)
        return PCI_WINDOW_FIRST + DEVICE_STRIDE * (1 + random() % DEVICES) + (random() & (DEVICE_SIZE - 8));
    uint64_t offset = random() & 0xff0;
    return offset == 0xf0 || offset == 0x300 || offset == 0x320 || offset == 0x380 ? LAPIC_PAGE : LAPIC_PAGE + offset;
}

static void try_device(void)
{
    volatile uint32_t *p = (volatile uint32_t *)(random_register() & ~3ULL);

    switch (random() & 3) {
    case 0:
        (void)*p;
        break;
    case 1:
        *p = (uint32_t)random_value();
        break;
    case 2:
        *(volatile uint8_t *)p = (uint8_t)random();
        break;
    default:
        if (((uintptr_t)p & ~0xfffULL) != LAPIC_PAGE)
            *(volatile uint64_t *)((uintptr_t)p & ~7ULL) |= random_value();
    }
}

/* Where a device is told to write: not where this guest's own code, tables and stacks are. */
static uint64_t random_target(void)
{
    uint64_t value = random_value();

    return value < SCRATCH ? value + GiB(4) : value;
}

/* A device as a driver sets it up, with a queue whose rings are junk that is nearly right; then its doorbell. */
static void try_ring(void)
{
    uint64_t bar = PCI_WINDOW_FIRST + DEVICE_STRIDE * (1 + random() % DEVICES);
    volatile uint8_t *status = (volatile uint8_t *)(bar + VIRTIO_PCI_COMMON_STATUS);
    volatile uint64_t *words = (volatile uint64_t *)RINGS;
    uint16_t queue = (uint16_t)(random() & 15);

    *status = 0;
    *status = 3;
    *(volatile uint32_t *)(bar + VIRTIO_PCI_COMMON_GFSELECT) = 1;
    *(volatile uint32_t *)(bar + VIRTIO_PCI_COMMON_GF) = 1;
    *status = 11;
    *(volatile uint16_t *)(bar + VIRTIO_PCI_COMMON_Q_SELECT) = queue;
    *(volatile uint16_t *)(bar + VIRTIO_PCI_COMMON_Q_SIZE) = (uint16_t)(1u << (random() & 7));
    for (unsigned i = 0; i < 3; i++)
        *(volatile uint64_t *)(bar + VIRTIO_PCI_COMMON_Q_DESCLO + 8 * i) = random() % 16 ? RINGS + i * PAGE_SIZE : random_target();
    *(volatile uint16_t *)(bar + VIRTIO_PCI_COMMON_Q_ENABLE) = 1;
    for (unsigned i = 0; i < 16; i++) /* descriptors: address; length, flags, next */
        words[i] = i % 2 ? random() & (random() & 1 ? 0x7000700000fffULL : ~0ULL) : random_target();
    words[PAGE_SIZE / 8] = random() & (random() & 1 ? 0x7000700070001ULL : ~0ULL); /* available: flags, index, entries */
    *status = 15;
    for (unsigned i = 0; i < 4; i++) {
        *(volatile uint32_t *)(bar + 0x400 + 4 * (i ? random() & 15 : queue)) = 0;
        words[(random() & 15) | 1] ^= 1ULL << (random() & 63);
    }
}

/* Bits that would make this guest's own pages unusable stay as they are. */
static void try_control(void)
{
    uint64_t bit = 1ULL << (random() & 63), cr0 = cr0_read(), cr4 = cr4_read(), value = random_value();

    switch (random() & 7) {
    case 0:
        ATTEMPT("mov %0, %%cr0", : : "r"(cr0 ^ bit));
        cr0_write(cr0);
        break;
    case 1:
        ATTEMPT("mov %0, %%cr4", : : "r"(cr4 ^ (bit & ~(CR4_SMEP | CR4_SMAP))));
        cr4_write(cr4);
        break;
    case 2:
        ATTEMPT("xsetbv", : : "c"(value & 1), "a"(random_value() | 1), "d"(0));
        break;
    case 3:
        ATTEMPT("mov %0, %%cr8", : : "r"(takes_interrupts ? value & ~15ULL : value & 0x1f));
        break;
    case 4:
        ATTEMPT("mov %0, %%dr0; mov %0, %%dr3; mov %0, %%dr6", : : "r"(value));
        break;
    case 5: /* no breakpoints: their addresses are random, but general detect is */
        ATTEMPT("mov %0, %%dr7", : : "r"(value & ~0xffULL));
        ATTEMPT("mov %0, %%dr7", : : "r"(0x400UL));
        ATTEMPT("mov %0, %%dr7", : : "r"(0x400UL)); /* the first one may have been detected */
        break;
    case 6:
        ATTEMPT("lmsw %w0", : : "r"((uint16_t)(value | 1)));
        ATTEMPT("clts", :);
        cr0_write(cr0);
        break;
    default:
        ATTEMPT("wbinvd; invd; invlpg (%0)", : : "r"(value));
    }
}

static void try_undefined(void)
{
    uint64_t value = random_value();
    uint64_t *memory = (uint64_t *)(SCRATCH + (random() & 0xffff0));

    switch (random() & 7) {
    case 0:
        ATTEMPT("vmxon %0", : : "m"(*memory));
        break;
    case 1:
        ATTEMPT("vmread %0, %%rdx", : : "r"(value) : "rdx");
        break;
    case 2:
        ATTEMPT("vmlaunch", :);
        break;
    case 3:
        ATTEMPT("vmfunc", : : "a"(value), "c"(value));
        break;
    case 4:
        ATTEMPT("invept %1, %0", : : "r"(value), "m"(*memory));
        break;
    case 5:
        ATTEMPT("invpcid %1, %0", : : "r"(value & 7), "m"(*memory));
        break;
    case 6:
        ATTEMPT("mwait", : : "a"(value), "c"(value));
        break;
    default:
        ATTEMPT(".byte 0x0f, 0x37", : : "a"(value & 15)); /* GETSEC */
    }
}

static void try_descriptor(void)
{
    extern const char gdt_pointer[], idt_pointer[];
    const struct {
        uint16_t limit;
        uint64_t base;
    } packed_layout junk = {(uint16_t)random(), random_value()};
    uint16_t selector = (uint16_t)random();

    switch (random() & 3) {
    case 0:
        ATTEMPT("lgdt %0", : : "m"(junk));
        __asm__ volatile("lgdt (%0)" : : "r"(gdt_pointer));
        break;
    case 1: /* a fault in between would be the last: there is none for a canonical base */
        if ((uint64_t)((int64_t)junk.base >> 47) + 1 <= 1)
            __asm__ volatile("lidt %0; lidt (%1)" : : "m"(junk), "r"(idt_pointer));
        break;
    case 2:
        ATTEMPT("mov %w0, %%fs; mov %w0, %%gs; mov %w0, %%es", : : "r"(selector & 0x7f));
        break;
    default:
        ATTEMPT("lldt %w0", : : "r"(selector));
        ATTEMPT("ltr %w0", : : "r"(selector & ~0xff8));
    }
}

static void try_cpuid(void)
{
    cpuid_count((uint32_t)(random() & 1 ? random_value() : 0x40000000 + (random() & 0x1ff)), (uint32_t)random_value());
}

/* An interrupt or two, from a timer or a message, at about the same time. */
static void try_interrupt(void)
{
    if (!takes_interrupts)
        return;
    uint64_t vector = VECTOR_FIRST + random() % (256 - VECTOR_FIRST - 1);

    msr_write(MSR_TSC_DEADLINE, tsc_read() + (random() & 0x3ff));
    if (random() & 1) {
        msr_write(X2APIC_SELF_IPI, vector);
        __asm__ volatile("sti; hlt; cli" : : : "memory");
        return;
    }
    irq_enable();
    msr_write(X2APIC_SELF_IPI, vector);
    irq_disable();
}

static void prepare(void)
{
    fourth_gib_map();
    for (uint32_t slot = 1; slot <= DEVICES; slot++) { /* on: memory, bus master */
        port_outl(PCI_ADDRESS_PORT, pci_address(0, slot, 0, PCI_COMMAND));
        port_outw(PCI_DATA_PORT, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    }
    cr4_write(cr4_read() | CR4_OSXSAVE);
    if (!takes_interrupts)
        return;
    msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC | APIC_BASE_ENABLE);
    msr_write(X2APIC_SPURIOUS, 0x1ff);
    msr_write(X2APIC_LVT_TIMER, LVT_DEADLINE | VECTOR_FIRST);
}

void guest_main(void)
{
    static void (*const attempts[])(void) = {try_msr, try_port, try_call, try_device, try_ring, try_control, try_undefined,
                                             try_descriptor, try_cpuid, try_interrupt};
    uint64_t seed = option("seed", 1), count = option("count", COUNT), from = option("from", count);

    say("random: seed", seed);
    random_seed(seed);
    takes_interrupts = seed & 1;
    prepare();
    for (uint64_t i = 0; i < count; i++) {
        uint64_t kind = random() % ARRAY_SIZE(attempts);
        if (i >= from)
            say("random: kind", kind);
        attempts[kind]();
        if (i % SAY_EVERY == SAY_EVERY - 1)
            say("random: events", i + 1);
    }
    say("random: events in all", count);
    say("random: interrupts", interrupts);
    print("done\n");
}
