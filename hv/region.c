/*
 * See hv/region.h.
 */
#include "hv/region.h"

#include <asm-generic/errno.h>

#include "hv/vm.h"
#include "lib/string.h"

/* Index of the first region whose end lies above `address`. */
static unsigned region_position(const struct region_table *t, uint64_t address)
{
    unsigned low = 0, high = t->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (t->entry[middle].first + (t->entry[middle].size - 1) < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int region_add(struct region_table *t, const struct region *r)
{
    if (r->size == 0 || r->first + (r->size - 1) < r->first)
        return -EINVAL;
    if (t->count == REGIONS_MAX)
        return -ENOSPC;
    unsigned at = region_position(t, r->first);
    if (at < t->count && t->entry[at].first <= r->first + (r->size - 1))
        return -EEXIST;
    memmove(&t->entry[at + 1], &t->entry[at], (t->count - at) * sizeof t->entry[0]);
    t->entry[at] = *r;
    t->count++;
    return 0;
}

void region_remove(struct region_table *t, uint64_t first)
{
    unsigned at = region_position(t, first);

    if (at == t->count || t->entry[at].first != first)
        return;
    t->count--;
    memmove(&t->entry[at], &t->entry[at + 1], (t->count - at) * sizeof t->entry[0]);
}

const struct region *region_find(const struct region_table *t, uint64_t address, unsigned size)
{
    unsigned at = region_position(t, address);

    if (at == t->count || t->entry[at].first > address)
        return NULL;
    const struct region *r = &t->entry[at];
    uint64_t offset = address - r->first;
    return size <= r->size - offset ? r : NULL;
}

int vm_add_ports(struct vm *vm, uint16_t first, uint16_t count, const struct region_ops *ops, void *context)
{
    return region_add(&vm->ports, &(struct region){first, count, ops, context});
}

bool vm_find_mmio(struct vm *vm, uint64_t address, unsigned size, struct region *out)
{
    uint64_t flags = spin_lock_irqsave(&vm->region_lock);
    const struct region *r = region_find(&vm->mmio, address, size);

    if (r)
        *out = *r;
    spin_unlock_irqrestore(&vm->region_lock, flags);
    return r != NULL;
}

int vm_add_mmio(struct vm *vm, uint64_t first, uint64_t size, const struct region_ops *ops, void *context)
{
    uint64_t flags = spin_lock_irqsave(&vm->region_lock);
    int error = region_add(&vm->mmio, &(struct region){first, size, ops, context});

    spin_unlock_irqrestore(&vm->region_lock, flags);
    return error;
}

void vm_remove_mmio(struct vm *vm, uint64_t first)
{
    uint64_t flags = spin_lock_irqsave(&vm->region_lock);

    region_remove(&vm->mmio, first);
    spin_unlock_irqrestore(&vm->region_lock, flags);
}
