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

/*
 * Larger gaps are all the same to the tree, so that what is mapped and unmapped at the edge of the great hole in a space
 * changes nothing above it.  There are few of them, which are looked at one by one for what is larger still.
 */
#define GAP_MAX GiB(1024)

static void set_previous(struct area *a, uint64_t end)
{
    a->previous_end = end;
    a->gap = MIN(gap_between(end, area_reach(a)), GAP_MAX);
}

/* What a node says of its subtree, from what its children say.  True: it has changed. */
static inline bool area_augment(struct area *a)
{
    const struct area *left = RB_LEFT(a, node), *right = RB_RIGHT(a, node);
    uint64_t gap = a->gap, old = a->tree_gap;

    if (left && left->tree_gap > gap)
        gap = left->tree_gap;
    if (right && right->tree_gap > gap)
        gap = right->tree_gap;
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

struct area *area_before(struct area_tree *t, struct area *a)
{
    return a ? area_previous(a) : RB_MAX(area_tree, t);
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
    set_previous(a, parent ? parent->end : next ? next->previous_end : 0);
}

void area_insert_before(struct area_tree *t, struct area *next, struct area *a)
{
    link_before(t, next, a);
    assert(a->previous_end <= a->start && a->start < a->end && (!next || a->end <= next->start));
    a->tree_gap = 0; /* what its parent knows of it */
    augment_up(a);
    if (next) {
        set_previous(next, a->end);
        augment_up(next);
    }
    area_tree_RB_INSERT_COLOR(t, a);
}

void area_insert(struct area_tree *t, struct area *a)
{
    area_insert_before(t, area_from(t, a->start), a);
}

void area_remove(struct area_tree *t, struct area *a)
{
    struct area *next = area_next(a);

    if (next) {
        set_previous(next, a->previous_end);
        augment_up(next);
    }
    a->gap = 0; /* it counts for nothing any more */
    augment_up(a);
    RB_REMOVE(area_tree, t, a);
}

void area_resize(struct area *a, uint64_t start, uint64_t end)
{
    struct area *next = end != a->end ? area_next(a) : NULL;

    a->start = start;
    a->end = end;
    set_previous(a, a->previous_end);
    augment_up(a);
    if (next) {
        set_previous(next, end);
        augment_up(next);
    }
}

/* The highest area of a's subtree that has so large a gap by the tree's measure; there is one. */
static const struct area *find_within(const struct area *a, uint64_t gap)
{
    for (;;) {
        const struct area *right = RB_RIGHT(a, node);

        if (right && right->tree_gap >= gap)
            a = right;
        else if (a->gap >= gap)
            return a;
        else
            a = RB_LEFT(a, node);
    }
}

/* The highest below a; NULL: none. */
static const struct area *find_below(const struct area *a, uint64_t gap)
{
    for (;;) {
        const struct area *left = RB_LEFT(a, node), *parent;

        if (left && left->tree_gap >= gap)
            return find_within(left, gap);
        while ((parent = RB_PARENT(a, node)) && a == RB_LEFT(parent, node))
            a = parent;
        if (!parent || parent->gap >= gap)
            return parent;
        a = parent;
    }
}

static bool is_wide(const struct area *a, uint64_t size)
{
    return gap_between(a->previous_end, area_reach(a)) >= size;
}

/* The highest area below a with `size` bytes free before it; NULL: none. */
static const struct area *area_below(const struct area *a, uint64_t size)
{
    do
        a = find_below(a, MIN(size, GAP_MAX));
    while (a && !is_wide(a, size));
    return a;
}

/* The same of all areas. */
static const struct area *area_highest(const struct area_tree *t, uint64_t size)
{
    uint64_t gap = MIN(size, GAP_MAX);

    if (!RB_ROOT(t) || RB_ROOT(t)->tree_gap < gap)
        return NULL;
    const struct area *a = find_within(RB_ROOT(t), gap);

    return is_wide(a, size) ? a : area_below(a, size);
}

static uint64_t last_end(struct area_tree *t)
{
    const struct area *last = area_before(t, NULL);

    return last ? last->end : 0;
}

uint64_t area_find_gap(struct area_tree *t, uint64_t size, uint64_t low, uint64_t high)
{
    const struct area *a = area_from(t, high);
    uint64_t bottom = a ? a->previous_end : last_end(t), top = a ? MIN(high, area_reach(a)) : high;

    if (gap_between(bottom, top) < size) {
        a = a ? area_below(a, size) : area_highest(t, size);
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
