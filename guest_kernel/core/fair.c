/*
 * See fair.h.
 */
#include "guest_kernel/core/fair.h"

#include "guest_kernel/core/deadline.h"

static int ranked_compare(const struct task *a, const struct task *b)
{
    uint64_t a_due = deadline_due(a), b_due = deadline_due(b);

    if (a->rank != b->rank)
        return a->rank > b->rank ? -1 : 1;
    if (a_due != b_due)
        return a_due < b_due ? -1 : 1;
    return a->ready_number < b->ready_number ? -1 : a->ready_number > b->ready_number;
}

static int fair_compare(const struct task *a, const struct task *b)
{
    if (unlikely(a->rank))
        return ranked_compare(a, b);
    if (a->virtual_ns != b->virtual_ns)
        return fair_is_before(a->virtual_ns, b->virtual_ns) ? -1 : 1;
    return a->ready_number < b->ready_number ? -1 : a->ready_number > b->ready_number; /* first come, first served */
}

RB_GENERATE_INTERNAL(fair_tree, task, ready_link, fair_compare, static __attribute__((unused)))

void fair_init(struct fair_queue *q)
{
    RB_INIT(&q->tree);
    RB_INIT(&q->ranked);
    q->floor_ns = 0;
}

static struct fair_tree *tree_of(struct fair_queue *q, const struct task *t)
{
    return unlikely(t->rank) ? &q->ranked : &q->tree;
}

/* Most often nobody else waits: an only node needs no balancing. */
void fair_put_back(struct fair_queue *q, struct task *t)
{
    struct fair_tree *tree = tree_of(q, t);

    if (RB_EMPTY(tree)) {
        RB_SET(t, NULL, ready_link);
        RB_COLOR(t, ready_link) = RB_BLACK;
        RB_ROOT(tree) = t;
        return;
    }
    RB_INSERT(fair_tree, tree, t);
}

void fair_put(struct fair_queue *q, struct task *t)
{
    static uint64_t numbers; /* atomic */

    t->ready_number = __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED);
    fair_put_back(q, t);
}

struct task *fair_first(struct fair_queue *q)
{
    return RB_MIN(fair_tree, &q->tree);
}

struct task *ranked_first(struct fair_queue *q)
{
    return RB_MIN(fair_tree, &q->ranked);
}

struct task *fair_next(struct task *t)
{
    return RB_NEXT(fair_tree, NULL, t);
}

void fair_remove(struct fair_queue *q, struct task *t)
{
    struct fair_tree *tree = tree_of(q, t);

    if (RB_ROOT(tree) == t && !RB_LEFT(t, ready_link) && !RB_RIGHT(t, ready_link))
        RB_ROOT(tree) = NULL;
    else
        RB_REMOVE(fair_tree, tree, t);
}

void fair_leave(const struct fair_queue *q, struct task *t)
{
    t->virtual_ns -= q->floor_ns;
}

void fair_enter(const struct fair_queue *q, struct task *t)
{
    t->virtual_ns += q->floor_ns;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return fair_is_before(a, b) ? b : a;
}

uint64_t fair_after(const struct task *t, uint64_t ns)
{
    uint32_t weight = __atomic_load_n(&t->weight, __ATOMIC_RELAXED);

    return t->virtual_ns + (likely(weight == FAIR_WEIGHT) ? ns : ns * FAIR_WEIGHT / weight);
}

void fair_charge(struct fair_queue *q, struct task *t, uint64_t ns)
{
    struct task *first = fair_first(q);

    t->virtual_ns = fair_after(t, ns);
    bool first_is_least = first && fair_is_before(first->virtual_ns, t->virtual_ns);

    q->floor_ns = later(q->floor_ns, first_is_least ? first->virtual_ns : t->virtual_ns);
}

void fair_place(struct fair_queue *q, struct task *t)
{
    t->virtual_ns = later(t->virtual_ns, q->floor_ns - FAIR_CREDIT_NS);
}

void fair_place_last(struct fair_queue *q, struct task *t)
{
    struct task *last = RB_MAX(fair_tree, &q->tree);

    if (last)
        t->virtual_ns = later(t->virtual_ns, last->virtual_ns);
}

uint32_t fair_weight(int nice)
{
    uint64_t weight = (uint64_t)FAIR_WEIGHT << 20;

    for (; nice > 0; nice--)
        weight = weight * 4 / 5;
    for (; nice < 0; nice++)
        weight = weight * 5 / 4;
    return MAX((uint32_t)(weight >> 20), 1u);
}
