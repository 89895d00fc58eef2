/*
 * A split virtqueue seen from the device (virtio 1.2, section 2.7), in the memory of a hostile guest.
 *
 * Every descriptor is copied once and checked in the copy; a chain is bounded by the queue's size, so loops end; indices
 * that cannot be are an error, never an access.  After any error the caller stops the device.  Callers hold the lock of
 * the VM's devices.
 */
#ifndef VIRTIO_DEVICE_QUEUE_H
#define VIRTIO_DEVICE_QUEUE_H

#include "hv/guest_memory.h"
#include "virtio/ring.h"

#define QUEUE_SIZE_MAX 64u

struct queue {
    struct vm *vm;
    bool enabled;
    uint16_t size;
    uint16_t avail_next; /* the available entry to look at next */
    uint16_t used_next;
    gpa_t desc, avail, used;
};

/* What one available entry describes: parts that the device reads, then parts that it writes. */
struct chain {
    uint16_t head;
    uint16_t parts, read_parts;
    uint32_t readable, writable; /* bytes in all */
    struct {
        gpa_t at;
        uint32_t length;
    } part[QUEUE_SIZE_MAX];
};

/* With size and addresses set by the guest: 0, or -EINVAL if they cannot be. */
int queue_enable(struct queue *q) must_check;

/* The next chain, which stays available until queue_finish(): 1, 0 (none), or -errno (the guest broke the ring). */
int queue_peek(struct queue *q, struct chain *c) must_check;
/* The chain that was peeked at is done; the device wrote `written` bytes of it. */
int queue_finish(struct queue *q, const struct chain *c, uint32_t written) must_check;

/* 1 if the guest wants to be interrupted for what was finished, 0 if not, -errno. */
int queue_wants_interrupt(struct queue *q) must_check;
/* Whether the guest should ring when it makes a chain available.  After turning it on, look again. */
int queue_want_doorbell(struct queue *q, bool wanted) must_check;

/* Bytes of the readable (writable) parts from `skip` on: how many were copied, or -errno. */
long chain_read(struct queue *q, const struct chain *c, uint32_t skip, void *to, size_t n) must_check;
long chain_write(struct queue *q, const struct chain *c, uint32_t skip, const void *from, size_t n) must_check;

#endif
