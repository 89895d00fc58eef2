/*
 * The modern PCI transport of virtio 1.2 (section 4.1) for the guest kernel's drivers.  A device is opened, its queues set
 * up, then started; all at boot by one task.  One MSI-X vector serves the whole device: its drivers look at every queue.
 */
#ifndef VIRTIO_DRIVER_VIRTIO_PCI_H
#define VIRTIO_DRIVER_VIRTIO_PCI_H

#include "virtio/driver/pci.h"
#include "virtio/driver/virtqueue.h"

struct virtio_device {
    struct pci_function pci;
    volatile struct virtio_pci_common_cfg *common;
    volatile uint8_t *notify;
    uint32_t notify_length, notify_multiplier;
    volatile uint8_t *config; /* device configuration; NULL: none */
    uint32_t config_length;
    uint64_t features; /* agreed on */
    uint16_t queue_count;
    uint8_t status; /* as we wrote it */
    uint8_t *ring_memory; /* what is left of the last page for rings */
    size_t ring_left;
};

static inline bool virtio_device_has(const struct virtio_device *v, unsigned feature)
{
    return v->features & BIT(feature);
}

/*
 * Reset the device and agree on `wanted` features (VERSION_1 is always demanded).  0 or -errno, said in the log; a
 * device that failed is left marked so.
 */
int virtio_device_open(struct virtio_device *v, const struct pci_function *pci, uint64_t wanted) must_check;
/* Before any queue: who is told in interrupt context that something changed on any queue. */
int virtio_device_interrupt(struct virtio_device *v, void (*handler)(void *context), void *context) must_check;
/* Queue `index` with at most `size` (at most VIRTQUEUE_MAX) entries.  -ENODEV: the device has no such queue. */
int virtio_device_queue(struct virtio_device *v, unsigned index, unsigned size, struct virtqueue *q) must_check;
void virtio_device_start(struct virtio_device *v);
void virtio_device_fail(struct virtio_device *v, const char *what, int error);

#endif
