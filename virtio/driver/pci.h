/*
 * PCI bus 0 as the guest kernel's drivers need it: find functions, give memory BARs an address where no firmware did,
 * walk capabilities, switch MSI-X on.  Called at boot by one task; only configuration accesses take a lock (a leaf,
 * because address and data port are a pair).
 */
#ifndef VIRTIO_DRIVER_PCI_H
#define VIRTIO_DRIVER_PCI_H

#include "guest_kernel/core/irq.h"
#include "lib/compiler.h"
#include "virtio/pci.h"

#define PCI_CAPABILITIES_MAX 48u /* what fits into the 192 bytes after the header, at 4 bytes each */

struct pci_bar {
    uint64_t phys;
    uint64_t size;
    volatile void *mapped; /* NULL: not looked at yet, or not usable */
};

struct pci_capability {
    unsigned offset; /* 0: before the first */
    uint32_t header; /* its first four bytes; the first is the id */
};

struct pci_function {
    uint8_t slot, function;
    uint16_t vendor, device;
    uint16_t msix_entries; /* 0: MSI-X is off */
    struct pci_capability msix; /* found by the driver's walk; offset 0: none */
    volatile uint32_t *msix_table;
    struct pci_bar bars[PCI_BARS];
};

/* Aligned accesses of 1, 2 or 4 bytes. */
uint32_t pci_config_read(const struct pci_function *f, unsigned offset, unsigned size);
void pci_config_write(const struct pci_function *f, unsigned offset, unsigned size, uint32_t value);

/* Calls found() for each function of bus 0; it copies *f if it wants to keep it. */
void pci_scan(void (*found)(const struct pci_function *f));

/* Step to the next capability; false: there is none.  Start from all zero. */
bool pci_capability_next(const struct pci_function *f, struct pci_capability *c) must_check;

/*
 * `length` bytes at `offset` of a memory BAR, mapped uncached; NULL if they do not lie in one.  The BAR is sized, and
 * assigned where nobody did, when it is first asked for.
 */
volatile void *pci_bar_map(struct pci_function *f, unsigned bar, uint64_t offset, uint64_t length) must_check;

/* Lets the function decode memory and be a bus master. */
void pci_enable(struct pci_function *f);

/* MSI-X on, by f->msix; each entry is masked, as reset leaves it.  0, -ENODEV (no such capability), -EIO (nonsense). */
int pci_msix_enable(struct pci_function *f) must_check;
/* Give an entry its message and unmask it.  -EINVAL: no such entry. */
int pci_msix_set(struct pci_function *f, unsigned entry, const struct msi_message *message) must_check;

#endif
