/*
 * Which ready task runs next: the one that had the least of the CPU for its weight.  Each task has a virtual time that
 * advances with its run time, the slower the heavier it is; ready tasks are kept in that order.  A task that slept
 * comes back at most FAIR_CREDIT_NS behind the others, so that it soon runs and yet cannot make up for hours of sleep.
 * Tasks with a rank (real-time classes, and who is boosted by them) are kept beside them, in a tree of their own.
 * Pure bookkeeping: the run queue's lock guards it all, and a task's rank does not change while it is in a tree.
 */
#ifndef GUEST_KERNEL_CORE_FAIR_H
#define GUEST_KERNEL_CORE_FAIR_H

#include "guest_kernel/core/task.h"

#define FAIR_CREDIT_NS (3 * 1000 * 1000ULL)
#define FAIR_GRAIN_NS (1 * 1000 * 1000ULL) /* a task that wakes must be ahead by this to take the CPU */
#define FAIR_WEIGHT 1024u                  /* of nice 0 */

/* Virtual times are compared by their difference: only that counts, and it may wrap. */
static inline bool fair_is_before(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) < 0;
}

RB_HEAD(fair_tree, task);

#define RANK_DEADLINE 100 /* above all priorities of SCHED_FIFO and SCHED_RR, which are ranks */

struct fair_queue {
    struct fair_tree tree;
    struct fair_tree ranked; /* tasks of a rank: by rank, then by deadline, then first come, first served */
    uint64_t floor_ns; /* no ready task is much below it; never goes back */
};

void fair_init(struct fair_queue *q);
void fair_put(struct fair_queue *q, struct task *t);
void fair_put_back(struct fair_queue *q, struct task *t); /* a ranked one, where it was in the order */
struct task *fair_first(struct fair_queue *q); /* NULL: none is ready */
struct task *fair_next(struct task *t);
struct task *ranked_first(struct fair_queue *q); /* likewise */
void fair_remove(struct fair_queue *q, struct task *t);

/* A task goes to another CPU's queue, with its lead or lag.  Neither has it then; each is locked for its call. */
void fair_leave(const struct fair_queue *q, struct task *t);
void fair_enter(const struct fair_queue *q, struct task *t);

/* Virtual time of t after it ran for another ns. */
uint64_t fair_after(const struct task *t, uint64_t ns);
/* t, which is running, ran for another ns. */
void fair_charge(struct fair_queue *q, struct task *t, uint64_t ns);
/* Before fair_put() of a task that slept. */
void fair_place(struct fair_queue *q, struct task *t);
/* Before fair_put() of a task that gives way: behind all that are ready. */
void fair_place_last(struct fair_queue *q, struct task *t);

uint32_t fair_weight(int nice); /* -20 .. 19: a quarter more for each step down, as on Linux */

#endif
