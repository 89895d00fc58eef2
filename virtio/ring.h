/*
 * Split virtqueues (virtio 1.2, section 2.7): the sizes of their three parts, shared by the drivers of the guest kernel
 * and the device models of the hypervisor.  The structures themselves are those of <linux/virtio_ring.h>.
 *
 * Who writes what: the driver writes the descriptor table and the available ring, the device writes the used ring.  An
 * index is stored after what it makes visible (release) and loaded before that is looked at (acquire).
 */
#ifndef VIRTIO_RING_H
#define VIRTIO_RING_H

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "lib/compiler.h"

#define RING_SIZE_MAX 32768u /* entries a split ring may have (2.7) */

static inline size_t ring_desc_bytes(unsigned entries)
{
    return sizeof(struct vring_desc) * entries;
}

/* With the used_event word at the end, which is there whether or not it is in use. */
static inline size_t ring_avail_bytes(unsigned entries)
{
    return sizeof(struct vring_avail) + sizeof(__virtio16) * (entries + 1);
}

static inline size_t ring_used_bytes(unsigned entries)
{
    return sizeof(struct vring_used) + sizeof(struct vring_used_elem) * entries + sizeof(__virtio16);
}

static inline bool ring_size_is_valid(unsigned entries)
{
    return entries != 0 && entries <= RING_SIZE_MAX && (entries & (entries - 1)) == 0;
}

#endif
