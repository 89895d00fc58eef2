/*
 * See area_tree.h.
 */
#include "guest_kernel/core/area_tree.h"

#include <linux/mman.h>

#include "lib/log.h"

/* Where an area's claim begins. */
static uint64_t area_reach(const struct area *a)
{
    if (!(a->flags & MAP_GROWSDOWN))
        return a->start;
    return a->start > STACK_GUARD_GAP ? a->start - STACK_GUARD_GAP : 0;
}

static uint64_t gap_between(uint64_t low, uint64_t high)
{
    return high > low ? high - low : 0;
}

static uint64_t gap_before(const struct area *a)
{
    return gap_between(a->previous_end, area_reach(a));
}

/* What a node says of its subtree, from what its children say.  True: it has changed. */
static inline bool area_augment(struct area *a)
{
    const struct area *left = RB_LEFT(a, node), *right = RB_RIGHT(a, node);
    uint64_t gap = gap_before(a), old = a->tree_gap;

    if (left)
        gap = MAX(gap, left->tree_gap);
    if (right)
        gap = MAX(gap, right->tree_gap);
    a->tree_gap = gap;
    return gap != old;
}

/* For nodes that get other children by a rotation, or by taking the place of one that is removed. */
#undef RB_AUGMENT
#define RB_AUGMENT(a) ((void)area_augment(a))

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

bool area_overlaps_with_gaps(struct area_tree *t, uint64_t start, uint64_t end)
{
    struct area *a = area_from(t, start);

    return a && area_reach(a) < end;
}

/* a's own gap is another: its ancestors hear of it as far as it matters. */
static void augment_up(struct area *a)
{
    while (a && area_augment(a))
        a = RB_PARENT(a, node);
}

/* As a leaf before `next`; NULL: as the last one. */
static void link_before(struct area_tree *t, struct area *next, struct area *a)
{
    struct area *parent = next ? RB_LEFT(next, node) : RB_ROOT(t);

    while (parent && RB_RIGHT(parent, node))
        parent = RB_RIGHT(parent, node);
    struct area **link = parent ? &RB_RIGHT(parent, node) : next ? &RB_LEFT(next, node) : &RB_ROOT(t);

    RB_SET(a, parent ? parent : next, node);
    *link = a;
    a->previous_end = parent ? parent->end : next ? next->previous_end : 0;
}

void area_insert(struct area_tree *t, struct area *a)
{
    struct area *next = area_from(t, a->start);

    assert(a->start < a->end && (!next || next->start >= a->end));
    link_before(t, next, a);
    a->tree_gap = 0; /* what its parent knows of it */
    augment_up(a);
    if (next) {
        next->previous_end = a->end;
        augment_up(next);
    }
    area_tree_RB_INSERT_COLOR(t, a);
}

void area_remove(struct area_tree *t, struct area *a)
{
    struct area *next = area_next(a);

    if (next) {
        next->previous_end = a->previous_end;
        augment_up(next);
    }
    a->previous_end = a->end; /* no gap: it counts for nothing any more */
    augment_up(a);
    RB_REMOVE(area_tree, t, a);
}

void area_resize(struct area *a, uint64_t start, uint64_t end)
{
    struct area *next = end != a->end ? area_next(a) : NULL;

    a->start = start;
    a->end = end;
    augment_up(a);
    if (next) {
        next->previous_end = end;
        augment_up(next);
    }
}

/* The highest area of a's subtree with such a gap before it; there is one. */
static const struct area *area_within(const struct area *a, uint64_t size)
{
    for (;;) {
        const struct area *right = RB_RIGHT(a, node);

        if (right && right->tree_gap >= size)
            a = right;
        else if (gap_before(a) >= size)
            return a;
        else
            a = RB_LEFT(a, node);
    }
}

/* The highest area below a with such a gap before it; NULL: none. */
static const struct area *area_below(const struct area *a, uint64_t size)
{
    for (;;) {
        const struct area *left = RB_LEFT(a, node), *parent;

        if (left && left->tree_gap >= size)
            return area_within(left, size);
        while ((parent = RB_PARENT(a, node)) && a == RB_LEFT(parent, node))
            a = parent;
        if (!parent || gap_before(parent) >= size)
            return parent;
        a = parent;
    }
}

static uint64_t last_end(struct area_tree *t)
{
    const struct area *last = RB_MAX(area_tree, t);

    return last ? last->end : 0;
}

uint64_t area_find_gap(struct area_tree *t, uint64_t size, uint64_t low, uint64_t high)
{
    const struct area *a = area_from(t, high);
    uint64_t bottom = a ? a->previous_end : last_end(t), top = a ? MIN(high, area_reach(a)) : high;

    if (gap_between(bottom, top) < size) {
        if (a)
            a = area_below(a, size);
        else if (RB_ROOT(t) && RB_ROOT(t)->tree_gap >= size)
            a = area_within(RB_ROOT(t), size);
        if (!a)
            return 0;
        bottom = a->previous_end;
        top = area_reach(a);
    }
    return gap_between(MAX(bottom, low), top) >= size ? top - size : 0;
}

bool area_can_join(const struct area *a, const struct area *b)
{
    if (a->end != b->start || a->prot != b->prot || a->flags != b->flags || a->file != b->file || a->name != b->name)
        return false;
    return !a->file || a->file_offset + (a->end - a->start) == b->file_offset;
}
