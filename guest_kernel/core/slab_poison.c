/*
 * See slab_poison.h.  The lock of the object's cache is held.
 */
#include "guest_kernel/core/slab_poison.h"

#if CONFIG_DEBUG_CHECKS

#include <stdint.h>

#include "lib/log.h"
#include "lib/string.h"

#define POISON_FRESH 0x5a
#define LINK_BYTES sizeof(uint16_t)

/* No data that a program is likely to have left; and no canonical address anywhere. */
static uint8_t poison_at(size_t at)
{
    return (uint8_t)(0x6b + at * 29);
}

static void poison_fill(void *object, size_t size)
{
    for (size_t at = LINK_BYTES; at < size; at++)
        ((uint8_t *)object)[at] = poison_at(at);
}

/* The first byte behind the allocator's that is not the pattern; size: all are. */
static size_t poison_end(const void *object, size_t size)
{
    const uint8_t *bytes = object;
    size_t at = LINK_BYTES;

    while (at < size && bytes[at] == poison_at(at))
        at++;
    return at;
}

void slab_poison_new(void *object, size_t size)
{
    poison_fill(object, size);
}

void slab_poison_alloc(void *object, size_t size, const char *name)
{
    size_t at = poison_end(object, size);

    if (at < size)
        panic("slab: object %p of %s was written to after it was freed, at byte %zu", object, name, at);
    memset(object, POISON_FRESH, size);
}

void slab_poison_free(void *object, size_t size, const char *name)
{
    if (poison_end(object, size) == size)
        panic("slab: object %p of %s is freed twice", object, name);
    poison_fill(object, size);
}

#endif
