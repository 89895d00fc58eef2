/*
 * PCI bus 0 by configuration mechanism 1; see pci.h.  What the configuration space says is not trusted: capability lists
 * are walked a bounded number of steps and every BAR range is checked before it is mapped.
 */
#include "virtio/driver/pci.h"

#include <linux/errno.h>

#include "lib/log.h"
#include "lib/spinlock.h"
#include "lib/x86.h"

#define CAPABILITY_FIRST 0x40 /* below it the standard header lives */

static struct spinlock config_lock = SPINLOCK_INIT; /* guards the pair of ports and what the first one holds */
static uint32_t selected;                           /* 0: not known */
static uint32_t window_next = PCI_WINDOW_FIRST;     /* boot only, one task */

/* Under a hypervisor each port access is an exit: an address that is there already is not written again. */
static uint16_t select_register(const struct pci_function *f, unsigned offset)
{
    uint32_t address = pci_address(0, f->slot, f->function, offset);

    assert_held(&config_lock);
    if (address != selected)
        port_outl(PCI_ADDRESS_PORT, address);
    selected = address;
    return (uint16_t)(PCI_DATA_PORT + (offset & 3));
}

uint32_t pci_config_read(const struct pci_function *f, unsigned offset, unsigned size)
{
    uint32_t value;

    uint64_t flags = spin_lock_irqsave(&config_lock);
    uint16_t port = select_register(f, offset);
    if (size == 1)
        value = port_inb(port);
    else if (size == 2)
        value = port_inw(port);
    else
        value = port_inl(port);
    spin_unlock_irqrestore(&config_lock, flags);
    return value;
}

void pci_config_write(const struct pci_function *f, unsigned offset, unsigned size, uint32_t value)
{
    uint64_t flags = spin_lock_irqsave(&config_lock);
    uint16_t port = select_register(f, offset);
    if (size == 1)
        port_outb(port, (uint8_t)value);
    else if (size == 2)
        port_outw(port, (uint16_t)value);
    else
        port_outl(port, value);
    spin_unlock_irqrestore(&config_lock, flags);
}

static bool function_probe(struct pci_function *f)
{
    uint32_t id = pci_config_read(f, PCI_VENDOR_ID, 4);

    f->vendor = (uint16_t)id;
    f->device = (uint16_t)(id >> 16);
    return f->vendor != PCI_VENDOR_NONE;
}

void pci_scan(void (*found)(const struct pci_function *f))
{
    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        unsigned functions = 1;
        for (unsigned n = 0; n < functions; n++) {
            struct pci_function f = {.slot = (uint8_t)slot, .function = (uint8_t)n};
            if (!function_probe(&f))
                continue;
            if (n == 0 && (pci_config_read(&f, PCI_HEADER_TYPE, 1) & 0x80))
                functions = PCI_FUNCTIONS;
            found(&f);
        }
    }
}

/* The size that a BAR decodes: write ones, see which bits stick.  Memory decoding is off meanwhile. */
static uint64_t bar_size(const struct pci_function *f, unsigned offset, uint64_t value, bool is_64bit)
{
    uint64_t mask = 0xffffffff00000000ULL;

    pci_config_write(f, offset, 4, 0xffffffff);
    mask |= pci_config_read(f, offset, 4) & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;
    pci_config_write(f, offset, 4, (uint32_t)value);
    if (is_64bit) {
        pci_config_write(f, offset + 4, 4, 0xffffffff);
        mask = (uint32_t)mask | (uint64_t)pci_config_read(f, offset + 4, 4) << 32;
        pci_config_write(f, offset + 4, 4, (uint32_t)(value >> 32));
    }
    return (uint32_t)mask == 0 && mask >> 32 == 0xffffffff ? 0 : ~mask + 1;
}

static bool bar_assign(struct pci_function *f, unsigned offset, struct pci_bar *bar, bool is_64bit)
{
    uint64_t at = ALIGN_UP((uint64_t)window_next, bar->size);

    if (bar->size > PCI_WINDOW_END || at + bar->size > PCI_WINDOW_END)
        return false;
    pci_config_write(f, offset, 4, (uint32_t)at);
    if (is_64bit)
        pci_config_write(f, offset + 4, 4, 0);
    bar->phys = at;
    window_next = (uint32_t)(at + MAX(bar->size, PAGE_SIZE));
    return true;
}

static bool bar_find(struct pci_function *f, unsigned index)
{
    struct pci_bar *bar = &f->bars[index];
    unsigned offset = PCI_BASE_ADDRESS_0 + 4 * index;
    uint64_t value = pci_config_read(f, offset, 4);
    bool is_64bit = (value & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64 && index + 1 < PCI_BARS;

    if (value & PCI_BASE_ADDRESS_SPACE_IO)
        return false;
    if (is_64bit)
        value |= (uint64_t)pci_config_read(f, offset + 4, 4) << 32;
    bar->size = bar_size(f, offset, value, is_64bit);
    bar->phys = value & PCI_BASE_ADDRESS_MEM_MASK;
    if (bar->size == 0 || (bar->size & (bar->size - 1)))
        return false;
    return bar->phys != 0 || bar_assign(f, offset, bar, is_64bit);
}

static void bar_set_up(struct pci_function *f, unsigned index)
{
    struct pci_bar *bar = &f->bars[index];
    uint32_t command = pci_config_read(f, PCI_COMMAND, 2);

    if (command & PCI_COMMAND_MEMORY)
        pci_config_write(f, PCI_COMMAND, 2, command & ~(uint32_t)PCI_COMMAND_MEMORY);
    if (bar_find(f, index))
        bar->mapped = mmio_map(bar->phys, bar->size);
    if (command & PCI_COMMAND_MEMORY)
        pci_config_write(f, PCI_COMMAND, 2, command);
}

volatile void *pci_bar_map(struct pci_function *f, unsigned bar, uint64_t offset, uint64_t length)
{
    if (bar >= PCI_BARS || length == 0)
        return NULL;
    struct pci_bar *b = &f->bars[bar];
    if (!b->mapped)
        bar_set_up(f, bar);
    if (!b->mapped || offset > b->size || length > b->size - offset)
        return NULL;
    return (volatile uint8_t *)b->mapped + offset;
}

void pci_enable(struct pci_function *f)
{
    uint32_t command = pci_config_read(f, PCI_COMMAND, 2);

    pci_config_write(f, PCI_COMMAND, 2, command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
}

bool pci_capability_next(const struct pci_function *f, struct pci_capability *c)
{
    unsigned next = c->header >> 8 & 0xfc;

    if (c->offset == 0) {
        if (!(pci_config_read(f, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
            return false;
        next = pci_config_read(f, PCI_CAPABILITY_LIST, 1) & 0xfc;
    }
    if (next < CAPABILITY_FIRST)
        return false;
    c->offset = next;
    c->header = pci_config_read(f, next, 4);
    return true;
}

int pci_msix_enable(struct pci_function *f)
{
    if (!f->msix.offset)
        return -ENODEV;
    uint32_t control = f->msix.header >> 16;
    uint32_t table = pci_config_read(f, f->msix.offset + PCI_MSIX_TABLE, 4);
    unsigned entries = (control & PCI_MSIX_FLAGS_QSIZE) + 1;

    f->msix_table = pci_bar_map(f, table & PCI_MSIX_TABLE_BIR, table & PCI_MSIX_TABLE_OFFSET,
                                (uint64_t)entries * PCI_MSIX_ENTRY_SIZE);
    if (!f->msix_table)
        return -EIO;
    control = (control | PCI_MSIX_FLAGS_ENABLE) & ~(uint32_t)PCI_MSIX_FLAGS_MASKALL;
    pci_config_write(f, f->msix.offset + PCI_MSIX_FLAGS, 2, control);
    f->msix_entries = (uint16_t)entries;
    return 0;
}

int pci_msix_set(struct pci_function *f, unsigned entry, const struct msi_message *message)
{
    if (entry >= f->msix_entries)
        return -EINVAL;
    volatile uint32_t *e = f->msix_table + entry * PCI_MSIX_ENTRY_SIZE / 4;
    e[PCI_MSIX_ENTRY_LOWER_ADDR / 4] = (uint32_t)message->address;
    e[PCI_MSIX_ENTRY_UPPER_ADDR / 4] = (uint32_t)(message->address >> 32);
    e[PCI_MSIX_ENTRY_DATA / 4] = message->data;
    e[PCI_MSIX_ENTRY_VECTOR_CTRL / 4] = 0;
    return 0;
}
