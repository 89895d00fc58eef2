/*
 * MSI-X of an emulated PCI function (PCI 3.0, section 6.8.2): the table and the pending bits that lie in its BAR.  Callers
 * hold the lock of the VM's devices.
 */
#ifndef VIRTIO_DEVICE_MSIX_H
#define VIRTIO_DEVICE_MSIX_H

#include "virtio/device/pci_host.h"

#define MSIX_ENTRIES 16u
#define MSIX_TABLE_BYTES (MSIX_ENTRIES * PCI_MSIX_ENTRY_SIZE)
#define MSIX_PENDING_BYTES 8u

struct msix {
    struct pci_model *function;
    unsigned capability; /* offset of it */
    uint32_t table[MSIX_TABLE_BYTES / 4];
    uint64_t pending;
};

/* Adds the capability; table and pending bits are at these offsets of BAR 0. */
void msix_init(struct msix *m, struct pci_model *f, uint32_t table_offset, uint32_t pending_offset);
void msix_reset(struct msix *m);
void msix_raise(struct msix *m, unsigned entry); /* no such entry: nothing happens */
void msix_control_changed(struct msix *m);       /* the guest may have written the capability */

uint32_t msix_table_read(const struct msix *m, unsigned offset); /* 4 bytes, aligned */
void msix_table_write(struct msix *m, unsigned offset, uint32_t value);

#endif
