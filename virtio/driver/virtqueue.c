/*
 * The driver's side of a split virtqueue; see virtqueue.h.
 */
#include "virtio/driver/virtqueue.h"

#include "lib/log.h"

size_t virtqueue_bytes(unsigned size)
{
    return ALIGN_UP(ring_desc_bytes(size), 16) + ALIGN_UP(ring_avail_bytes(size), 16) +
           ALIGN_UP(ring_used_bytes(size), 16);
}

void virtqueue_init(struct virtqueue *q, unsigned size, void *memory)
{
    uint8_t *at = memory;

    assert(ring_size_is_valid(size) && size <= VIRTQUEUE_MAX);
    *q = (struct virtqueue){.size = (uint16_t)size, .free_count = (uint16_t)size};
    q->desc = (struct vring_desc *)(void *)at;
    at += ALIGN_UP(ring_desc_bytes(size), 16);
    q->avail = (struct vring_avail *)(void *)at;
    at += ALIGN_UP(ring_avail_bytes(size), 16);
    q->used = (struct vring_used *)(void *)at;
    for (unsigned i = 0; i < size; i++)
        q->slots[i].next = (uint16_t)(i + 1);
}

bool virtqueue_add(struct virtqueue *q, uint64_t phys, uint32_t length, bool device_writes, void *token)
{
    uint16_t head = q->free_head;

    assert(token != NULL);
    if (q->broken || q->free_count == 0)
        return false;
    q->free_head = q->slots[head].next;
    q->free_count--;
    q->slots[head] = (struct virtqueue_slot){.token = token, .length = device_writes ? length : 0};
    q->desc[head] = (struct vring_desc){.addr = phys, .len = length, .flags = device_writes ? VRING_DESC_F_WRITE : 0};
    q->avail->ring[q->avail_next % q->size] = head;
    q->avail_next++;
    /* Release: the device, which loads idx first, then sees the ring entry and the descriptor. */
    __atomic_store_n(&q->avail->idx, q->avail_next, __ATOMIC_RELEASE);
    return true;
}

void virtqueue_kick(struct virtqueue *q)
{
    if (q->broken)
        return;
    /* Our idx must be visible before we read the device's flag: it sets the flag, then looks at idx (2.7.13.4). */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!(__atomic_load_n(&q->used->flags, __ATOMIC_RELAXED) & VRING_USED_F_NO_NOTIFY))
        *q->doorbell = q->index;
}

bool virtqueue_has_used(const struct virtqueue *q)
{
    /* Acquire: pairs with the device's store of idx after it wrote the entry and the buffer. */
    return !q->broken && __atomic_load_n(&q->used->idx, __ATOMIC_ACQUIRE) != q->used_next;
}

static void queue_break(struct virtqueue *q, const char *why, uint32_t value)
{
    q->broken = true;
    log_error("virtio: queue %u is not used any more: the device returned %s (%u)", q->index, why, value);
}

void *virtqueue_take(struct virtqueue *q, uint32_t *written)
{
    if (!virtqueue_has_used(q))
        return NULL;

    const volatile struct vring_used_elem *entry = &q->used->ring[q->used_next % q->size];
    uint32_t id = entry->id, length = entry->len; /* each fetched once */
    if (id >= q->size || !q->slots[id].token) {
        queue_break(q, "a buffer that it does not hold", id);
        return NULL;
    }

    struct virtqueue_slot *slot = &q->slots[id];
    if (length > slot->length && slot->length != 0) {
        queue_break(q, "more bytes than there is room for", length);
        return NULL;
    }
    void *token = slot->token;
    *written = slot->length ? length : 0;
    slot->token = NULL;
    slot->next = q->free_head;
    q->free_head = (uint16_t)id;
    q->free_count++;
    q->used_next++;
    return token;
}

unsigned virtqueue_outstanding(const struct virtqueue *q)
{
    return (unsigned)(q->size - q->free_count);
}

void virtqueue_want_interrupts(struct virtqueue *q, bool wanted)
{
    __atomic_store_n(&q->avail->flags, wanted ? 0 : VRING_AVAIL_F_NO_INTERRUPT, __ATOMIC_RELAXED);
    /* The caller looks at used->idx next; the device stores idx, then reads this flag. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
