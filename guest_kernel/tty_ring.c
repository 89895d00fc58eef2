/*
 * See tty_ring.h.
 */
#include "guest_kernel/tty_ring.h"

#include "lib/string.h"

bool tty_ring_put(struct tty_ring *r, const void *bytes, uint32_t n)
{
    if (n > r->size - tty_ring_used(r))
        return false;
    uint32_t at = r->head & (r->size - 1), first = MIN(n, r->size - at);
    memcpy(r->bytes + at, bytes, first);
    memcpy(r->bytes, (const uint8_t *)bytes + first, n - first);
    r->head += n;
    return true;
}

size_t tty_ring_take(struct tty_ring *r, void *dst, size_t n)
{
    uint32_t some = (uint32_t)MIN(n, (size_t)tty_ring_readable(r));
    uint32_t at = r->tail & (r->size - 1), first = MIN(some, r->size - at);

    memcpy(dst, r->bytes + at, first);
    memcpy((uint8_t *)dst + first, r->bytes, some - first);
    r->tail += some;
    return some;
}

void tty_ring_hold(struct tty_ring *r)
{
    if (!r->held)
        r->hold = r->mark;
    r->held = true;
}

void tty_ring_cut(struct tty_ring *r)
{
    r->head = r->tail + MIN(r->mark - r->tail, r->kept);
    r->mark = r->head;
    if (r->held && r->hold - r->tail > tty_ring_used(r))
        r->hold = r->head;
}
