/*
 * What hv/main needs of the sandbox's devices: a PCI host bridge by ports 0xCF8/0xCFC, a virtio-console with the ports of
 * abi/init_spec.h and a virtio-rng, each with MSI-X.  Everything a guest writes to them is checked; a malformed ring
 * marks that device DEVICE_NEEDS_RESET and stops it, nothing else.
 */
#ifndef VIRTIO_DEVICE_DEVICE_H
#define VIRTIO_DEVICE_DEVICE_H

#include "lib/compiler.h"

struct vm;
struct vm_devices;

/* Where the console's ports lead.  Called in root mode on one of the VM's exits. */
struct console_backend {
    void (*output)(struct vm *vm, unsigned port, const void *data, size_t n);
    size_t (*input)(struct vm *vm, unsigned port, void *dst, size_t n); /* bytes, 0: none now */
    bool (*input_at_end)(struct vm *vm, unsigned port);
    void (*input_wanted)(struct vm *vm, unsigned port, bool wanted);
};

/* Once at boot, before the first VM: how an MSI (address, data) reaches a VM's local APICs. */
void vm_devices_set_msi(void (*deliver)(struct vm *vm, uint64_t address, uint32_t data));

/* NULL: no memory, or the ports are taken.  The backend is called with the lock of the VM's devices held. */
struct vm_devices *vm_devices_create(struct vm *vm, const struct console_backend *backend) must_check;
void vm_devices_destroy(struct vm_devices *d);
/* Input arrived for a port, or its end. */
void vm_devices_input(struct vm_devices *d, unsigned port);
/* Host to guest text on the control port. */
void vm_devices_control(struct vm_devices *d, const char *text, size_t n);
void vm_devices_resize(struct vm_devices *d, unsigned rows, unsigned columns);

#endif
