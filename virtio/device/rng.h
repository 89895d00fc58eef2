/*
 * virtio entropy device.
 */
#ifndef VIRTIO_DEVICE_RNG_H
#define VIRTIO_DEVICE_RNG_H

#include "virtio/device/transport.h"

struct rng {
    struct virtio virtio;
    struct chain chain; /* scratch: too large for the stack */
};

void rng_init(struct rng *r, struct vm *vm, uint32_t bar_address, const struct region_ops *bar_ops, void *bar_context);

#endif
