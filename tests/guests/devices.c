/*
 * Junk over all device registers and rings: PCI configuration space, every offset of every BAR and of the local APIC's page
 * with every size, queues whose rings are junk, devices that are moved while they are used.
 */
#include "tests/guests/guest.h"
#include "virtio/pci.h"

#define LAPIC_PAGE 0xfee00000ULL
#define LAPIC_ICR 0x300u
#define DEVICE_STRIDE 0x10000u
#define DEVICE_SIZE 0x2000u
#define RINGS (SCRATCH + SCRATCH_SIZE / 2)
#define DOORBELLS 0x400u
#define ROUNDS 3000u
#define MOVED_TO 0xfd800000u

static uint64_t bar_of(unsigned slot)
{
    return PCI_WINDOW_FIRST + DEVICE_STRIDE * slot;
}

static void config_write(unsigned slot, unsigned function, unsigned offset, unsigned size, uint32_t value)
{
    uint16_t port = (uint16_t)(PCI_DATA_PORT + (offset & 3));

    port_outl(PCI_ADDRESS_PORT, pci_address(0, slot, function, offset));
    if (size == 1)
        port_outb(port, (uint8_t)value);
    else if (size == 2)
        port_outw(port, (uint16_t)value);
    else
        port_outl(port, value);
}

static void devices_on(void)
{
    for (unsigned slot = 1; slot <= 2; slot++) {
        config_write(slot, 0, PCI_COMMAND, 2, 0);
        config_write(slot, 0, PCI_BASE_ADDRESS_0, 4, (uint32_t)bar_of(slot));
        config_write(slot, 0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    }
}

/* All functions of all slots, all offsets, all sizes. */
static void config_junk(void)
{
    uint64_t there = 0;

    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        for (unsigned function = 0; function < PCI_FUNCTIONS; function++) {
            for (unsigned offset = 0; offset < 256; offset++) {
                uint32_t value = (uint32_t)random_value();
                if (slot > 3 && offset > 16 && random() & 15)
                    continue;
                port_outl(PCI_ADDRESS_PORT, pci_address(0, slot, function, offset));
                there += port_inl(PCI_DATA_PORT) != 0xffffffff;
                config_write(slot, function, offset, 1 << (random() % 3), value);
            }
        }
    }
    say("devices: configuration words that are somebody's", there);
}

static void access(uint64_t address, unsigned size, uint64_t value, bool write)
{
    if (size == 1 && write)
        *(volatile uint8_t *)address = (uint8_t)value;
    else if (size == 1)
        (void)*(volatile uint8_t *)address;
    else if (size == 2 && write)
        *(volatile uint16_t *)address = (uint16_t)value;
    else if (size == 2)
        (void)*(volatile uint16_t *)address;
    else if (size == 4 && write)
        *(volatile uint32_t *)address = (uint32_t)value;
    else if (size == 4)
        (void)*(volatile uint32_t *)address;
    else if (write)
        *(volatile uint64_t *)address = value;
    else
        (void)*(volatile uint64_t *)address;
}

static void registers_junk(uint64_t base, unsigned size, bool is_lapic)
{
    for (unsigned offset = 0; offset < size; offset++) {
        for (unsigned n = 1; n <= 8; n *= 2) {
            if (offset + n > size || (offset > 0x500 && offset < 0xff0 && random() & 3))
                continue;
            access(base + offset, n, 0, false);
            if (is_lapic && offset + n > LAPIC_ICR && offset < LAPIC_ICR + 4) /* a message could park this CPU */
                continue;
            access(base + offset, n, random_value(), true);
        }
    }
}

/* Other instructions than MOV, as far as they are decoded. */
static void registers_read_modify_write(uint64_t base)
{
    for (unsigned i = 0; i < 200; i++) {
        volatile uint32_t *p = (volatile uint32_t *)(base + (random() & (DEVICE_SIZE - 4)));
        uint32_t value = (uint32_t)random_value();

        __asm__ volatile("xchg %1, %0; addl %1, %0; orl $0x55, %0; andw $0x7f, %0; subb $3, %0; xorl %1, %0; cmpl %1, %0; testb $1, %0"
                         : "+m"(*p), "+r"(value) : : "cc");
    }
}

/* A device as a driver sets it up; its queues' rings are junk that is nearly right. */
static void rings_junk(unsigned slot)
{
    uint64_t bar = bar_of(slot);
    volatile uint8_t *status = (volatile uint8_t *)(bar + VIRTIO_PCI_COMMON_STATUS);
    volatile uint64_t *words = (volatile uint64_t *)RINGS;

    *status = 0;
    *status = 3;
    *(volatile uint32_t *)(bar + VIRTIO_PCI_COMMON_GFSELECT) = 0;
    *(volatile uint32_t *)(bar + VIRTIO_PCI_COMMON_GF) = (uint32_t)random() & 3;
    *(volatile uint32_t *)(bar + VIRTIO_PCI_COMMON_GFSELECT) = 1;
    *(volatile uint32_t *)(bar + VIRTIO_PCI_COMMON_GF) = 1;
    *status = 11;
    for (unsigned queue = 0; queue < 13; queue++) {
        *(volatile uint16_t *)(bar + VIRTIO_PCI_COMMON_Q_SELECT) = (uint16_t)queue;
        *(volatile uint16_t *)(bar + VIRTIO_PCI_COMMON_Q_SIZE) = (uint16_t)(1u << (random() & 7));
        for (unsigned i = 0; i < 3; i++)
            *(volatile uint64_t *)(bar + VIRTIO_PCI_COMMON_Q_DESCLO + 8 * i) = RINGS + i * PAGE_SIZE;
        *(volatile uint16_t *)(bar + VIRTIO_PCI_COMMON_Q_ENABLE) = 1;
    }
    for (unsigned i = 0; i < 32; i++) /* address; length, flags, next */
        words[i] = i % 2 ? random() & (random() & 1 ? 0x7000700000fffULL : ~0ULL)
                         : random() & 3 ? SCRATCH + (random() & 0x7ffff) : memory_end() - (random() & 0xfff);
    words[PAGE_SIZE / 8] = random() & 0x7000700070001ULL; /* available: flags, index, entries */
    *status = 15;
    for (unsigned i = 0; i < 8; i++)
        *(volatile uint32_t *)(bar + DOORBELLS + 4 * (random() & 15)) = 0;
}

/* The BAR goes over memory, over the local APIC, over the other device, away, and back. */
static void bars_junk(void)
{
    static const uint32_t places[] = {0, 0x100000, 0x900000, (uint32_t)LAPIC_PAGE, PCI_WINDOW_FIRST + DEVICE_STRIDE,
                                      0xfffff000, 0xffffe000, MOVED_TO, 0xfec00000, 0x80000000};

    for (unsigned i = 0; i < 200; i++) {
        unsigned slot = 1 + i % 2;
        config_write(slot, 0, PCI_BASE_ADDRESS_0, 4, places[random() % ARRAY_SIZE(places)]);
        config_write(slot, 0, PCI_COMMAND, 2, (uint32_t)random());
    }
    config_write(1, 0, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    config_write(1, 0, PCI_BASE_ADDRESS_0, 4, MOVED_TO);
    check_equal("devices: a BAR that was moved answers", *(volatile uint16_t *)(MOVED_TO + VIRTIO_PCI_COMMON_NUMQ), 12);
    devices_on();
}

void guest_main(void)
{
    random_seed(option("seed", 1));
    fourth_gib_map();
    config_junk();
    bars_junk();
    for (unsigned slot = 1; slot <= 2; slot++) {
        registers_junk(bar_of(slot), DEVICE_SIZE, false);
        registers_read_modify_write(bar_of(slot));
    }
    registers_junk(LAPIC_PAGE, PAGE_SIZE, true);
    for (unsigned i = 0; i < ROUNDS; i++)
        rings_junk(1 + i % 2);
    check("devices: all registers and rings were written", true);
    print("done\n");
}
