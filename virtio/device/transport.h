/*
 * A virtio device on PCI (virtio 1.2, sections 2, 3.1 and 4.1): everything between the guest's registers and a device
 * model, which sees started, reset and doorbells only.  Callers hold the lock of the VM's devices.
 *
 * BAR 0: registers in the first page, MSI-X in the second.  A model that finds a broken ring calls virtio_break(): the
 * device asks for a reset and does nothing until it gets it; the sandbox goes on.
 */
#ifndef VIRTIO_DEVICE_TRANSPORT_H
#define VIRTIO_DEVICE_TRANSPORT_H

#include "virtio/device/msix.h"
#include "virtio/device/queue.h"

#define VIRTIO_QUEUES_MAX 16u

struct virtio;

struct virtio_model {
    const char *name;
    uint16_t id; /* of <linux/virtio_ids.h> */
    uint32_t class_code;
    uint64_t features; /* beyond VERSION_1 */
    unsigned queue_count;
    uint16_t queue_size;
    const void *config; /* device configuration, read only */
    unsigned config_length;
    void (*started)(struct virtio *v);
    void (*reset)(struct virtio *v);
    void (*doorbell)(struct virtio *v, unsigned queue); /* only once started */
};

struct virtio_queue {
    struct queue ring;
    uint16_t vector; /* MSI-X entry, VIRTIO_MSI_NO_VECTOR: none */
};

struct virtio {
    struct pci_model pci;
    const struct virtio_model *model;
    void *owner; /* the model's own */
    struct msix msix;
    unsigned window; /* offset of the capability that reaches BAR 0 through configuration space */
    struct virtio_queue queues[VIRTIO_QUEUES_MAX];
    uint64_t driver_features;
    uint32_t device_feature_select, driver_feature_select;
    uint16_t queue_select;
    uint16_t config_vector;
    uint8_t status, isr;
    uint32_t rung;   /* the doorbell of this access, as vcpu->doorbell has it; 0: none */
    bool unfinished; /* the doorbell that was rung last is to be rung again: there is more than one answer should do */
    uint32_t resets_needed; /* how often a ring was broken: an unlimited log would be a way to hurt others */
};

void virtio_init(struct virtio *v, struct vm *vm, const struct virtio_model *model, void *owner,
                 uint32_t bar_address, const struct region_ops *bar_ops, void *bar_context);

/* Accesses to BAR 0 by the guest. */
uint32_t virtio_bar_read(struct virtio *v, uint64_t offset, unsigned size);
void virtio_bar_write(struct virtio *v, uint64_t offset, unsigned size, uint32_t value);

static inline bool virtio_is_running(const struct virtio *v)
{
    return (v->status & (VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET)) == VIRTIO_CONFIG_S_DRIVER_OK;
}

static inline bool virtio_has(const struct virtio *v, unsigned feature)
{
    return v->driver_features & BIT(feature);
}

static inline struct queue *virtio_ring(struct virtio *v, unsigned queue)
{
    return &v->queues[queue].ring;
}

/* Something was finished on a queue: interrupt the guest if it wants that. */
void virtio_interrupt(struct virtio *v, unsigned queue);
/* The guest broke a queue: the device stops.  error: the -errno that said so. */
void virtio_break(struct virtio *v, unsigned queue, int error);

#endif
