/*
 * What a PCI driver and a PCI device model agree on beyond <linux/pci_regs.h>: configuration mechanism 1 (PCI Local Bus
 * 3.0, section 3.2.2.3.2) and how virtio devices are numbered (virtio 1.2, section 4.1.2).
 */
#ifndef VIRTIO_PCI_H
#define VIRTIO_PCI_H

#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>

#include "lib/compiler.h"

#define PCI_ADDRESS_PORT 0xcf8
#define PCI_DATA_PORT 0xcfc
#define PCI_ADDRESS_ENABLE 0x80000000u
#define PCI_SLOTS 32u
#define PCI_FUNCTIONS 8u
#define PCI_BARS 6u
#define PCI_VENDOR_NONE 0xffff

#define VIRTIO_PCI_VENDOR 0x1af4
#define VIRTIO_PCI_DEVICE_BASE 0x1040 /* + the numbers of <linux/virtio_ids.h> */

/* Where memory BARs go when nobody assigned them: below the I/O APIC, where no machine of ours has memory. */
#define PCI_WINDOW_FIRST 0xfd000000u
#define PCI_WINDOW_END 0xfec00000u

static inline uint32_t pci_address(unsigned bus, unsigned slot, unsigned function, unsigned offset)
{
    return PCI_ADDRESS_ENABLE | bus << 16 | slot << 11 | function << 8 | (offset & 0xfc);
}

#endif
