/*
 * The devices of one VM: a PCI bus with a host bridge, the console and the entropy device.  One lock a VM guards them
 * all; it is above the channel's and below nothing.  BARs have an address from the start, as firmware would have left
 * them, and are switched on by the guest.
 */
#include "virtio/device/device.h"

#include <linux/errno.h>

#include "hv/alloc.h"
#include "hv/vm.h"
#include "lib/spinlock.h"
#include "virtio/device/console.h"
#include "virtio/device/platform.h"
#include "virtio/device/rng.h"

enum slot { SLOT_BRIDGE, SLOT_CONSOLE, SLOT_RNG };

#define BAR_STRIDE 0x10000u
#define BRIDGE_VENDOR 0x8086 /* the numbers of a 440FX: Linux looks for a bridge it knows before it trusts the ports */
#define BRIDGE_DEVICE 0x1237
#define BRIDGE_CLASS 0x060000

struct bar_context {
    struct vm_devices *devices;
    struct virtio *virtio;
};

struct vm_devices {
    struct spinlock lock; /* guards all below */
    struct pci_host host;
    struct pci_model bridge;
    struct console console;
    struct rng rng;
    struct bar_context console_bar, rng_bar;
};

static void (*msi_deliver)(struct vm *vm, uint64_t address, uint32_t data); /* set once at boot */

void vm_devices_set_msi(void (*deliver)(struct vm *vm, uint64_t address, uint32_t data))
{
    msi_deliver = deliver;
}

void platform_msi(struct vm *vm, uint64_t address, uint32_t data)
{
    msi_deliver(vm, address, data);
}

/* The access that reached this device is to be made again, after the hypervisor has looked at what else there is to do. */
static void again_tell(struct vcpu *vcpu, struct virtio *v)
{
    vcpu->again |= v->unfinished;
    v->unfinished = false;
}

static uint64_t port_read(struct vcpu *vcpu, void *context, uint64_t offset, unsigned size)
{
    struct vm_devices *d = context;

    uint64_t flags = spin_lock_irqsave(&d->lock);
    uint32_t value = pci_host_port_read(&d->host, (unsigned)offset, size);
    spin_unlock_irqrestore(&d->lock, flags);
    return value;
}

static void port_write(struct vcpu *vcpu, void *context, uint64_t offset, unsigned size, uint64_t value)
{
    struct vm_devices *d = context;

    uint64_t flags = spin_lock_irqsave(&d->lock);
    pci_host_port_write(&d->host, (unsigned)offset, size, (uint32_t)value);
    again_tell(vcpu, &d->console.virtio);
    spin_unlock_irqrestore(&d->lock, flags);
}

/* Accesses of 8 bytes are two of 4 (4.1.3.1). */
static uint64_t bar_read(struct vcpu *vcpu, void *context, uint64_t offset, unsigned size)
{
    struct bar_context *b = context;

    uint64_t flags = spin_lock_irqsave(&b->devices->lock);
    uint64_t value = virtio_bar_read(b->virtio, offset, MIN(size, 4u));
    if (size == 8)
        value |= (uint64_t)virtio_bar_read(b->virtio, offset + 4, 4) << 32;
    spin_unlock_irqrestore(&b->devices->lock, flags);
    return value;
}

static void bar_write(struct vcpu *vcpu, void *context, uint64_t offset, unsigned size, uint64_t value)
{
    struct bar_context *b = context;

    uint64_t flags = spin_lock_irqsave(&b->devices->lock);
    virtio_bar_write(b->virtio, offset, MIN(size, 4u), (uint32_t)value);
    if (size == 8)
        virtio_bar_write(b->virtio, offset + 4, 4, (uint32_t)(value >> 32));
    vcpu->doorbell = b->virtio->rung;
    b->virtio->rung = 0;
    again_tell(vcpu, b->virtio);
    spin_unlock_irqrestore(&b->devices->lock, flags);
}

static const struct region_ops port_ops = {port_read, port_write};
static const struct region_ops bar_ops = {bar_read, bar_write};

static uint32_t bar_address(enum slot slot)
{
    return PCI_WINDOW_FIRST + BAR_STRIDE * (uint32_t)slot;
}

struct vm_devices *vm_devices_create(struct vm *vm, const struct console_backend *backend)
{
    assert(msi_deliver != NULL);
    struct vm_devices *d = mem_alloc_zero(sizeof(*d));
    if (!d)
        return NULL;
    d->console_bar = (struct bar_context){d, &d->console.virtio};
    d->rng_bar = (struct bar_context){d, &d->rng.virtio};
    pci_model_init(&d->bridge, vm, BRIDGE_VENDOR, BRIDGE_DEVICE, BRIDGE_CLASS, 0);
    console_init(&d->console, vm, backend, bar_address(SLOT_CONSOLE), &bar_ops, &d->console_bar);
    rng_init(&d->rng, vm, bar_address(SLOT_RNG), &bar_ops, &d->rng_bar);
    d->host.slots[SLOT_BRIDGE] = &d->bridge;
    d->host.slots[SLOT_CONSOLE] = &d->console.virtio.pci;
    d->host.slots[SLOT_RNG] = &d->rng.virtio.pci;
    int error = vm_add_ports(vm, PCI_ADDRESS_PORT, 8, &port_ops, d);
    if (error) {
        log_error("pci: ports %#x cannot be answered (error %d)", PCI_ADDRESS_PORT, -error);
        mem_free(d);
        return NULL;
    }
    return d;
}

void vm_devices_destroy(struct vm_devices *d)
{
    if (!d)
        return;
    console_stop(&d->console);
    mem_free(d);
}

void vm_devices_input(struct vm_devices *d, unsigned port)
{
    uint64_t flags = spin_lock_irqsave(&d->lock);
    console_input(&d->console, port);
    spin_unlock_irqrestore(&d->lock, flags);
}

void vm_devices_control(struct vm_devices *d, const char *text, size_t n)
{
    uint64_t flags = spin_lock_irqsave(&d->lock);
    console_text(&d->console, text, n);
    spin_unlock_irqrestore(&d->lock, flags);
}

void vm_devices_resize(struct vm_devices *d, unsigned rows, unsigned columns)
{
    uint64_t flags = spin_lock_irqsave(&d->lock);
    console_resize(&d->console, rows, columns);
    spin_unlock_irqrestore(&d->lock, flags);
}
