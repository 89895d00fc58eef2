/*
 * SCHED_DEADLINE: a task's claim on the CPU, kept by the constant bandwidth server algorithm (sched(7), Linux's
 * Documentation/scheduler/sched-deadline.rst): it has a budget until its deadline; spent, it waits for the next period.
 */
#ifndef GUEST_KERNEL_CORE_DEADLINE_H
#define GUEST_KERNEL_CORE_DEADLINE_H

#include "guest_kernel/core/task.h"

struct deadline_state { /* task.deadline; guarded by its task's run queue lock */
    struct sched_deadline claim;
    uint64_t due_ns;   /* the present deadline */
    int64_t budget_ns; /* left until then */
    bool parked;       /* budget spent: in no tree until the timer goes off */
    struct timer replenish;
    struct task *task;
};

/* A task that is only boosted to this class comes first. */
static inline uint64_t deadline_due(const struct task *t)
{
    return t->deadline ? t->deadline->due_ns : 0;
}

#endif
