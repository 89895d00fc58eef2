/*
 * The device's side of a split virtqueue; see queue.h.
 */
#include "virtio/device/queue.h"

#include <linux/errno.h>

#define AVAIL_FLAGS 0
#define AVAIL_INDEX 2
#define AVAIL_RING 4
#define USED_FLAGS 0
#define USED_INDEX 2
#define USED_RING 4

/* Indices and flags are single loads and stores, so that the other side never sees half of one. */
static uint16_t *word_at(struct queue *q, gpa_t base, unsigned offset)
{
    size_t length;
    uint16_t *word = guest_window(q->vm, gpa_add(base, offset), sizeof(*word), &length);

    return word && length == sizeof(*word) ? word : NULL; /* aligned: never across a page */
}

int queue_enable(struct queue *q)
{
    if (!ring_size_is_valid(q->size) || q->size > QUEUE_SIZE_MAX)
        return -EINVAL;
    if (!IS_ALIGNED(q->desc.address, VRING_DESC_ALIGN_SIZE) || !IS_ALIGNED(q->avail.address, VRING_AVAIL_ALIGN_SIZE) ||
        !IS_ALIGNED(q->used.address, VRING_USED_ALIGN_SIZE))
        return -EINVAL;
    q->avail_next = q->used_next = 0;
    q->enabled = true;
    return 0;
}

/* Add one descriptor, our copy of it, to the chain. */
static int chain_append(struct chain *c, const struct vring_desc *d)
{
    bool device_writes = d->flags & VRING_DESC_F_WRITE;
    uint32_t *total = device_writes ? &c->writable : &c->readable;

    if (d->flags & VRING_DESC_F_INDIRECT) /* was not offered */
        return -EINVAL;
    if (!device_writes && c->parts != c->read_parts) /* 2.7.4.2: what the device reads comes first */
        return -EINVAL;
    if (d->len > UINT32_MAX - *total || d->addr > UINT64_MAX - d->len)
        return -EINVAL;
    *total += d->len;
    c->part[c->parts].at = gpa(d->addr);
    c->part[c->parts].length = d->len;
    c->parts++;
    if (!device_writes)
        c->read_parts++;
    return 0;
}

static int chain_fetch(struct queue *q, uint16_t head, struct chain *c)
{
    struct vring_desc d = {.flags = VRING_DESC_F_NEXT, .next = head};

    c->head = head;
    c->parts = c->read_parts = 0;
    c->readable = c->writable = 0;
    while (d.flags & VRING_DESC_F_NEXT) {
        if (d.next >= q->size || c->parts == q->size)
            return -EINVAL;
        int error = guest_read(q->vm, gpa_add(q->desc, (uint64_t)d.next * sizeof(d)), &d, sizeof(d));
        if (!error)
            error = chain_append(c, &d);
        if (error)
            return error;
    }
    return 1;
}

int queue_peek(struct queue *q, struct chain *c)
{
    if (!q->enabled)
        return 0;
    uint16_t *index = word_at(q, q->avail, AVAIL_INDEX);
    uint16_t *entry = word_at(q, q->avail, AVAIL_RING + 2 * (q->avail_next % q->size));
    if (!index || !entry)
        return -EFAULT;
    /* Acquire: pairs with the driver's store of idx after it wrote entry and descriptors. */
    uint16_t available = (uint16_t)(__atomic_load_n(index, __ATOMIC_ACQUIRE) - q->avail_next);
    if (available == 0)
        return 0;
    if (available > q->size)
        return -EINVAL;
    return chain_fetch(q, __atomic_load_n(entry, __ATOMIC_RELAXED), c);
}

int queue_finish(struct queue *q, const struct chain *c, uint32_t written)
{
    struct vring_used_elem element = {.id = c->head, .len = written};
    unsigned offset = USED_RING + (unsigned)sizeof(element) * (q->used_next % q->size);
    uint16_t *index = word_at(q, q->used, USED_INDEX);

    if (!index)
        return -EFAULT;
    int error = guest_write(q->vm, gpa_add(q->used, offset), &element, sizeof(element));
    if (error)
        return error;
    q->avail_next++;
    q->used_next++;
    /* Release: the driver, which loads idx first, then sees the entry and what was written into the buffers. */
    __atomic_store_n(index, q->used_next, __ATOMIC_RELEASE);
    return 0;
}

int queue_wants_interrupt(struct queue *q)
{
    uint16_t *flags = word_at(q, q->avail, AVAIL_FLAGS);

    if (!flags)
        return -EFAULT;
    /* Our idx must be visible before the flag is read: the driver clears the flag, then looks at idx (2.7.7.2). */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !(__atomic_load_n(flags, __ATOMIC_RELAXED) & VRING_AVAIL_F_NO_INTERRUPT);
}

int queue_want_doorbell(struct queue *q, bool wanted)
{
    if (!q->enabled)
        return 0;
    uint16_t *flags = word_at(q, q->used, USED_FLAGS);
    if (!flags)
        return -EFAULT;
    __atomic_store_n(flags, wanted ? 0 : VRING_USED_F_NO_NOTIFY, __ATOMIC_RELAXED);
    /* The caller looks at avail->idx next; the driver stores idx, then reads this flag. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return 0;
}

/* Copy between `buffer` and parts [first, end) of the chain. */
static long parts_copy(struct queue *q, const struct chain *c, unsigned first, unsigned end, uint32_t skip, void *to,
                       const void *from, size_t n)
{
    size_t done = 0;

    for (unsigned i = first; i < end && done < n; i++) {
        if (skip >= c->part[i].length) {
            skip -= c->part[i].length;
            continue;
        }
        size_t piece = MIN(n - done, (size_t)(c->part[i].length - skip));
        gpa_t at = gpa_add(c->part[i].at, skip);
        int error = to ? guest_read(q->vm, at, (uint8_t *)to + done, piece)
                       : guest_write(q->vm, at, (const uint8_t *)from + done, piece);
        if (error)
            return error;
        skip = 0;
        done += piece;
    }
    return (long)done;
}

long chain_read(struct queue *q, const struct chain *c, uint32_t skip, void *to, size_t n)
{
    return parts_copy(q, c, 0, c->read_parts, skip, to, NULL, n);
}

long chain_write(struct queue *q, const struct chain *c, uint32_t skip, const void *from, size_t n)
{
    return parts_copy(q, c, c->read_parts, c->parts, skip, NULL, from, n);
}
