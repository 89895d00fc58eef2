/*
 * Emulated PCI bus; see pci_host.h.  A guest can write only the bits that a function's mask allows, so no write needs a
 * check of its own; BAR 0 is looked at after each and (un)mapped when command register or address changed.
 */
#include "virtio/device/pci_host.h"

#include <linux/errno.h>

#include "lib/log.h"
#include "lib/string.h"

static void put(uint8_t *at, uint32_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get(const uint8_t *at, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)at[i] << 8 * i;
    return value;
}

void pci_model_init(struct pci_model *f, struct vm *vm, uint16_t vendor, uint16_t device, uint32_t class_code,
                    uint16_t subsystem)
{
    *f = (struct pci_model){.vm = vm, .capability_end = 0x40};
    put(&f->bytes[PCI_VENDOR_ID], vendor, 2);
    put(&f->bytes[PCI_DEVICE_ID], device, 2);
    put(&f->bytes[PCI_CLASS_REVISION], class_code << 8 | 1, 4);
    put(&f->bytes[PCI_SUBSYSTEM_VENDOR_ID], vendor, 2);
    put(&f->bytes[PCI_SUBSYSTEM_ID], subsystem, 2);
    put(&f->writable[PCI_COMMAND], PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE, 2);
    f->writable[PCI_INTERRUPT_LINE] = 0xff;
    f->writable[PCI_CACHE_LINE_SIZE] = 0xff;
}

void pci_model_set_bar(struct pci_model *f, uint32_t address, uint32_t size, const struct region_ops *ops, void *context)
{
    assert(size >= 16 && (size & (size - 1)) == 0 && IS_ALIGNED(address, size));
    put(&f->bytes[PCI_BASE_ADDRESS_0], address, 4);
    put(&f->writable[PCI_BASE_ADDRESS_0], ~(size - 1), 4);
    f->bar_size = size;
    f->bar_ops = ops;
    f->bar_context = context;
}

unsigned pci_model_add_capability(struct pci_model *f, uint8_t id, const void *bytes, unsigned length)
{
    unsigned at = f->capability_end;

    assert(length >= 2 && at + length <= PCI_CONFIG_BYTES);
    memcpy(&f->bytes[at], bytes, length);
    f->bytes[at + PCI_CAP_LIST_ID] = id;
    f->bytes[at + PCI_CAP_LIST_NEXT] = 0;
    if (f->capability_last)
        f->bytes[f->capability_last + PCI_CAP_LIST_NEXT] = (uint8_t)at;
    else
        f->bytes[PCI_CAPABILITY_LIST] = (uint8_t)at;
    f->bytes[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    f->capability_last = at;
    f->capability_end = ALIGN_UP(at + length, 4u);
    return at;
}

/* Where BAR 0 should be reached; 0: nowhere.  All ones is a guest that asks for the size. */
static uint64_t bar_target(const struct pci_model *f)
{
    uint64_t address = get(&f->bytes[PCI_BASE_ADDRESS_0], 4) & (uint32_t)PCI_BASE_ADDRESS_MEM_MASK;

    if (!f->bar_size || !(f->bytes[PCI_COMMAND] & PCI_COMMAND_MEMORY) || address + f->bar_size > UINT32_MAX)
        return 0;
    return address;
}

static void bar_update(struct pci_model *f)
{
    uint64_t target = bar_target(f);

    if (target == f->bar_mapped)
        return;
    if (f->bar_mapped)
        vm_remove_mmio(f->vm, f->bar_mapped);
    f->bar_mapped = 0;
    if (!target)
        return;
    int error = vm_add_mmio(f->vm, target, f->bar_size, f->bar_ops, f->bar_context);
    if (error)
        log_info("pci: BAR at %#llx cannot be reached there (error %d)", (unsigned long long)target, -error);
    else
        f->bar_mapped = target;
}

/* The selected function, and the offset in it of `offset` bytes into the data port; NULL: nobody is there. */
static struct pci_model *selected(const struct pci_host *h, unsigned offset, unsigned *config_offset)
{
    unsigned bus = h->address >> 16 & 0xff, slot = h->address >> 11 & 0x1f, function = h->address >> 8 & 7;

    if (!(h->address & PCI_ADDRESS_ENABLE) || bus != 0 || function != 0 || slot >= PCI_SLOTS_USED)
        return NULL;
    *config_offset = (h->address & 0xfc) + offset;
    return h->slots[slot];
}

uint32_t pci_host_port_read(const struct pci_host *h, unsigned offset, unsigned size)
{
    unsigned at;

    if (offset < 4)
        return offset == 0 && size == 4 ? h->address : 0xffffffff;
    struct pci_model *f = selected(h, offset - 4, &at);
    if (!f)
        return 0xffffffff;
    if (f->config_reading)
        f->config_reading(f, at, size);
    return get(&f->bytes[at], size);
}

void pci_host_port_write(struct pci_host *h, unsigned offset, unsigned size, uint32_t value)
{
    unsigned at;

    if (offset < 4) {
        if (offset == 0 && size == 4)
            h->address = value;
        return;
    }
    struct pci_model *f = selected(h, offset - 4, &at);
    if (!f)
        return;
    for (unsigned i = 0; i < size; i++) {
        uint8_t mask = f->writable[at + i];
        f->bytes[at + i] = (uint8_t)((f->bytes[at + i] & ~mask) | (value >> 8 * i & mask));
    }
    bar_update(f);
    if (f->config_written)
        f->config_written(f, at, size);
}
