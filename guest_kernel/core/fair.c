/*
 * See fair.h.
 */
#include "guest_kernel/core/fair.h"

static int fair_compare(const struct task *a, const struct task *b)
{
    if (a->virtual_ns != b->virtual_ns)
        return fair_is_before(a->virtual_ns, b->virtual_ns) ? -1 : 1;
    return a->ready_number < b->ready_number ? -1 : a->ready_number > b->ready_number; /* first come, first served */
}

RB_GENERATE_INTERNAL(fair_tree, task, ready_link, fair_compare, static __attribute__((unused)))

void fair_init(struct fair_queue *q)
{
    RB_INIT(&q->tree);
    q->floor_ns = 0;
}

void fair_put(struct fair_queue *q, struct task *t)
{
    static uint64_t numbers; /* atomic */

    t->ready_number = __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED);
    RB_INSERT(fair_tree, &q->tree, t);
}

struct task *fair_first(struct fair_queue *q)
{
    return RB_MIN(fair_tree, &q->tree);
}

struct task *fair_next(struct task *t)
{
    return RB_NEXT(fair_tree, NULL, t);
}

void fair_remove(struct fair_queue *q, struct task *t)
{
    RB_REMOVE(fair_tree, &q->tree, t);
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
