/*
 * See area_tree.h.
 */
#include "guest_kernel/core/area_tree.h"

#include <linux/mman.h>

#include "lib/log.h"

static int area_compare(const struct area *a, const struct area *b)
{
    return a->start < b->start ? -1 : a->start > b->start;
}

RB_GENERATE_INTERNAL(area_tree, area, node, area_compare, static __attribute__((unused)))

struct area *area_from(struct area_tree *t, uint64_t address)
{
    struct area *a = RB_ROOT(t), *best = NULL;

    while (a) {
        if (a->end > address) {
            best = a;
            a = RB_LEFT(a, node);
        } else {
            a = RB_RIGHT(a, node);
        }
    }
    return best;
}

struct area *area_at(struct area_tree *t, uint64_t address)
{
    struct area *a = area_from(t, address);

    return a && a->start <= address ? a : NULL;
}

struct area *area_next(struct area *a)
{
    return RB_NEXT(area_tree, NULL, a);
}

struct area *area_previous(struct area *a)
{
    return RB_PREV(area_tree, NULL, a);
}

bool area_overlaps(struct area_tree *t, uint64_t start, uint64_t end)
{
    struct area *a = area_from(t, start);

    return a && a->start < end;
}

/* Where an area's claim begins. */
static uint64_t area_reach(const struct area *a)
{
    if (!(a->flags & MAP_GROWSDOWN))
        return a->start;
    return a->start > STACK_GUARD_GAP ? a->start - STACK_GUARD_GAP : 0;
}

bool area_overlaps_with_gaps(struct area_tree *t, uint64_t start, uint64_t end)
{
    struct area *a = area_from(t, start);

    return a && area_reach(a) < end;
}

void area_insert(struct area_tree *t, struct area *a)
{
    assert(a->start < a->end && !area_overlaps(t, a->start, a->end));
    RB_INSERT(area_tree, t, a);
}

void area_remove(struct area_tree *t, struct area *a)
{
    RB_REMOVE(area_tree, t, a);
}

uint64_t area_find_gap(struct area_tree *t, uint64_t size, uint64_t low, uint64_t high, uint64_t *largest)
{
    struct area *above = area_from(t, high);
    struct area *below = above ? area_previous(above) : RB_MAX(area_tree, t);

    *largest = 0;
    if (above)
        high = MIN(high, area_reach(above));
    for (;;) {
        uint64_t bottom = below ? MAX(below->end, low) : low;

        if (high >= bottom && high - bottom >= size)
            return high - size;
        if (high > bottom)
            *largest = MAX(*largest, high - bottom);
        if (!below || below->start <= low)
            return 0;
        high = MIN(high, area_reach(below));
        below = area_previous(below);
    }
}

bool area_can_join(const struct area *a, const struct area *b)
{
    if (a->end != b->start || a->prot != b->prot || a->flags != b->flags || a->file != b->file || a->name != b->name)
        return false;
    return !a->file || a->file_offset + (a->end - a->start) == b->file_offset;
}
