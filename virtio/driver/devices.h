/*
 * The drivers that virtio_driver_init() may start on a PCI function of theirs.  Each logs why it could not.
 */
#ifndef VIRTIO_DRIVER_DEVICES_H
#define VIRTIO_DRIVER_DEVICES_H

struct pci_function;

void console_start(const struct pci_function *pci);
void rng_start(const struct pci_function *pci);

#endif
