/*
 * A split virtqueue seen from the driver (virtio 1.2, section 2.7).  Every buffer is one descriptor: what the console and
 * the entropy device need.  The queue has no lock: its owner's lock is held around every call.
 *
 * The device is not believed: what it was given is remembered in private memory, and a used entry that names a buffer
 * the device does not hold, or more bytes than it may write, breaks the queue for good.
 */
#ifndef VIRTIO_DRIVER_VIRTQUEUE_H
#define VIRTIO_DRIVER_VIRTQUEUE_H

#include "virtio/ring.h"

#define VIRTQUEUE_MAX 16u /* entries used of what a device offers */

struct virtqueue_slot {
    void *token;     /* of the owner; NULL: the slot is free */
    uint32_t length; /* bytes that the device may write */
    uint16_t next;   /* free list */
};

struct virtqueue {
    uint16_t size;
    uint16_t free_count, free_head;
    uint16_t avail_next; /* our copy of avail->idx */
    uint16_t used_next;  /* the used entry to look at next */
    bool broken;         /* set once: no entry is taken from or given to the device any more */
    struct vring_desc *desc;
    struct vring_avail *avail;
    struct vring_used *used;
    volatile uint16_t *doorbell;
    uint16_t index; /* what goes into the doorbell */
    struct virtqueue_slot slots[VIRTQUEUE_MAX];
};

/* Bytes of zeroed, physically contiguous, 16-byte aligned memory that a queue takes; size: a power of 2. */
size_t virtqueue_bytes(unsigned size);
void virtqueue_init(struct virtqueue *q, unsigned size, void *memory);

/* Hand a buffer to the device, which may write (or only read) it.  False: no slot, or broken.  Not told yet. */
bool virtqueue_add(struct virtqueue *q, uint64_t phys, uint32_t length, bool device_writes, void *token) must_check;
/* Ring the doorbell, unless the device said that it looks by itself. */
void virtqueue_kick(struct virtqueue *q);
/* The token of a buffer that the device is done with, and how many bytes it wrote; NULL: none. */
void *virtqueue_take(struct virtqueue *q, uint32_t *written);
bool virtqueue_has_used(const struct virtqueue *q);
/* Buffers that the device holds. */
unsigned virtqueue_outstanding(const struct virtqueue *q);

/* A hint to the device.  After turning interrupts on, look again: an entry may have come just before. */
void virtqueue_want_interrupts(struct virtqueue *q, bool wanted);

#endif
