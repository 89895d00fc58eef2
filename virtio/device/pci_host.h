/*
 * A PCI bus of emulated functions behind ports 0xCF8..0xCFF: bus 0, one function a slot, each with a type 0 header, at
 * most one memory BAR and MSI-X in it.  Belongs to one VM; callers hold the lock of its devices.
 */
#ifndef VIRTIO_DEVICE_PCI_HOST_H
#define VIRTIO_DEVICE_PCI_HOST_H

#include "hv/region.h"
#include "lib/compiler.h"
#include "virtio/pci.h"

#define PCI_SLOTS_USED 4u
#define PCI_CONFIG_BYTES 256u

/* A function's configuration space: its bytes, and which bits of them a guest may write. */
struct pci_model {
    struct vm *vm;
    uint8_t bytes[PCI_CONFIG_BYTES];
    uint8_t writable[PCI_CONFIG_BYTES];
    unsigned capability_end, capability_last; /* where the list goes on; offset of the last entry, 0: none */
    uint64_t bar_size;                        /* BAR 0; 0: none */
    uint64_t bar_mapped;                      /* where it is reached now; 0: nowhere */
    const struct region_ops *bar_ops;
    void *bar_context;
    /* The guest is about to read, has written `size` bytes at `offset`.  NULL: nobody cares. */
    void (*config_reading)(struct pci_model *f, unsigned offset, unsigned size);
    void (*config_written)(struct pci_model *f, unsigned offset, unsigned size);
};

struct pci_host {
    uint32_t address; /* what port 0xCF8 holds */
    struct pci_model *slots[PCI_SLOTS_USED];
};

/* Fill in a header; class as in PCI_CLASS_REVISION >> 8. */
void pci_model_init(struct pci_model *f, struct vm *vm, uint16_t vendor, uint16_t device, uint32_t class_code,
                    uint16_t subsystem);
/* BAR 0: 32-bit memory, a power of 2 of at least 16 bytes, answered by ops once the guest switches it on. */
void pci_model_set_bar(struct pci_model *f, uint32_t address, uint32_t size, const struct region_ops *ops, void *context);
/* Append a capability of `length` bytes (the first two are filled in here); returns its offset. */
unsigned pci_model_add_capability(struct pci_model *f, uint8_t id, const void *bytes, unsigned length);

static inline uint16_t pci_model_word(const struct pci_model *f, unsigned offset)
{
    return (uint16_t)(f->bytes[offset] | f->bytes[offset + 1] << 8);
}

/* What the guest reads and writes at ports 0xCF8 + offset. */
uint32_t pci_host_port_read(const struct pci_host *h, unsigned offset, unsigned size);
void pci_host_port_write(struct pci_host *h, unsigned offset, unsigned size, uint32_t value);

#endif
