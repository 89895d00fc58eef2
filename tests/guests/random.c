/*
 * A hostile guest kernel: random numbers into everything that exits.  Whatever it gets back, the hypervisor must not crash;
 * most of it faults.  The seed is fixed, so a run can be repeated; what would only kill the guest itself is left out.
 */
#include "abi/capture.h"
#include "tests/guests/guest.h"

#define ROUNDS 20000
#define LAPIC_PAGE 0xfee00000ULL
#define DEVICES 0xfd000000ULL
#define DEVICE_STRIDE 0x10000u
#define DEVICE_SIZE 0x2000u
#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define POWER_PORT 0x604
#define SCRATCH 0x900000ULL

static uint64_t state = 0x123456789abcdef1;

static uint64_t random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Often small, often near a power of two, sometimes anything. */
static uint64_t random_value(void)
{
    uint64_t r = random();

    switch (r & 3) {
    case 0:
        return r >> 8 & 0xff;
    case 1:
        return (1ULL << (r >> 8 & 63)) - (r >> 16 & 3);
    case 2:
        return SCRATCH + (r >> 8 & 0xfffff);
    default:
        return random();
    }
}

static uint32_t random_msr(void)
{
    static const uint32_t known[] = {0x10, 0x1b, 0x3a, 0x8b, 0x174, 0x1a0, 0x277, 0x6e0, 0xda0, 0x4b564d00, 0x4b564d01,
                                     MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_KERNEL_GS_BASE, MSR_TSC_AUX};
    uint64_t r = random();

    if (r & 1)
        return known[r % ARRAY_SIZE(known)];
    return r & 2 ? 0x800 + (r >> 8 & 0xff) : (uint32_t)random_value();
}

static void try_msr(void)
{
    uint32_t msr = random_msr();
    uint64_t value = random_value();

    if (msr >> 8 == 0x4b564d) /* the hypervisor writes where these say */
        value = SCRATCH + (value & 0x1ffff0) + (value >> 32 & 1);
    ATTEMPT("rdmsr", : : "c"(msr) : "eax", "edx");
    if (msr == MSR_EFER || msr == MSR_APIC_BASE || msr == 0x80f || msr == 0x838 || msr == 0x83f)
        return; /* no stray vectors, no fast timer */
    ATTEMPT("wrmsr", : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void try_port(void)
{
    uint16_t port = random() & 1 ? (uint16_t)(0xcf8 + (random() & 7)) : (uint16_t)random_value();
    uint32_t value = (uint32_t)random_value();

    if (port >= POWER_PORT - 4 && port < POWER_PORT + 4)
        return;
    if (port >= 0xe6 && port <= 0xe9) /* the log */
        return;
    if (port >= 0x3f5 && port < 0x400)
        return;
    if (port >= PCI_DATA - 3 && port < PCI_DATA + 4) { /* a device that is moved or switched off would end this test */
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
        ATTEMPT("rep outsl", : : "S"(SCRATCH + (value & 0xffff)), "c"(value & 0x7f), "d"(port));
        break;
    case 6:
        ATTEMPT("rep insb", : : "D"(SCRATCH + (value & 0xffff)), "c"(value & 0x7f), "d"(port) : "memory");
        break;
    default: /* beyond what is mapped: a page fault */
        ATTEMPT("rep outsw", : : "S"(GiB(1) - 16), "c"(64), "d"(port));
    }
}

/* A capture page that is valid by chance would be written to: only scratch memory is offered, besides nonsense. */
static void try_call(void)
{
    uint64_t number = random() & 3 ? CAPTURE_CALL_REGISTER - 1 + random() % 7 : random_value();
    uint64_t argument = random() & 1 ? SCRATCH + (random() & 0x1ff000) : ~0ULL << (random() & 63);

    if (random() & 1)
        *(volatile uint32_t *)(SCRATCH + (random() & 0x1ff000)) = CAPTURE_VERSION;
    for (unsigned i = 0; i < 8; i++)
        *(volatile uint64_t *)(SCRATCH + (random() & 0x1ffff8)) = random_value();
    ATTEMPT("vmcall", : "+a"(number) : "b"(argument), "c"(random_value()), "d"(random_value()), "S"(random_value()) : "memory");
}

static void try_device(void)
{
    uint64_t address = LAPIC_PAGE + (random() & 0xff0);
    if (random() & 1)
        address = DEVICES + DEVICE_STRIDE * (1 + (random() & 1)) + (random() & (DEVICE_SIZE - 8));
    volatile uint32_t *p = (volatile uint32_t *)(address & ~3ULL);

    if ((address & ~0xfffULL) == LAPIC_PAGE && ((address & 0xfff) == 0xf0 || (address & 0xfff) == 0x300 ||
                                                    (address & 0xfff) == 0x380))
        return;
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
        *(volatile uint64_t *)((uintptr_t)p & ~7ULL) |= random_value();
    }
}

static void try_other(void)
{
    uint64_t value = random_value();

    switch (random() & 3) {
    case 0:
        cpuid_count((uint32_t)(random() & 1 ? value : 0x40000000 + (value & 0x1ff)), (uint32_t)random_value());
        break;
    case 1:
        ATTEMPT("xsetbv", : : "c"(value & 1), "a"(random_value() | 1), "d"(0));
        break;
    case 2:
        ATTEMPT("mov %0, %%cr8", : : "r"(value & 0x1f));
        break;
    default:
        ATTEMPT("wbinvd; invlpg (%0)", : : "r"(value));
    }
}

/* The PCI window lies in the fourth GiB: map it as the first is.  The devices are switched on: memory, bus master. */
static void devices_map(void)
{
    static uint64_t directory[512] aligned_to(4096);

    for (unsigned i = 0; i < 512; i++)
        directory[i] = (GiB(3) + MiB(2) * i) | 0x83;
    tables[1][3] = (uintptr_t)directory | 3;
    for (uint32_t slot = 1; slot <= 2; slot++) {
        port_outl(PCI_ADDRESS, 0x80000004u | slot << 11);
        port_outw(PCI_DATA, 6);
    }
}

void guest_main(void)
{
    static void (*const attempts[])(void) = {try_msr, try_port, try_call, try_device, try_other};

    devices_map();
    cr4_write(cr4_read() | CR4_OSXSAVE);
    for (unsigned i = 0; i < ROUNDS; i++)
        attempts[random() % ARRAY_SIZE(attempts)]();
    print("done\n");
}
