/*
 * The run queue of one CPU, as sched.c, sched_balance.c and sched_class.c share it.  Its lock guards all fields but
 * those that say otherwise.
 */
#ifndef GUEST_KERNEL_CORE_RUN_QUEUE_H
#define GUEST_KERNEL_CORE_RUN_QUEUE_H

#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/fair.h"
#include "lib/spinlock.h"

struct run_queue {
    struct spinlock lock;
    struct fair_queue ready;
    struct timer slice;
    bool slice_armed;
    uint64_t charged_ns;   /* until when the current task's run time is accounted for */
    uint64_t sampled_ns;   /* the same for its user time */
    struct task *leaving;  /* the task that was switched away from, until sched_finish_switch() */
    uint32_t ready_count;  /* read without the lock too: relaxed, as the next */
    uint32_t running_rank; /* of the running task, or higher if that was lowered since */
    uint64_t realtime_ns;  /* what the classes FIFO and RR ran since the period began */
    uint64_t realtime_period_end_ns;
} aligned_to(64);

extern struct run_queue run_queues[CPU_MAX];
extern uint64_t cpus_idle; /* atomic; always 0 with one CPU */

/* This CPU's, with interrupts off: as a pointer that is kept in a register, not computed again at each use. */
static inline struct run_queue *run_queue_own(void)
{
    struct run_queue *q = &run_queues[cpu_index()];

    __asm__("" : "+r"(q));
    return q;
}

static inline void ready_added(struct run_queue *q, struct task *t)
{
    t->queued = true;
    __atomic_store_n(&q->ready_count, q->ready_count + 1, __ATOMIC_RELAXED);
}

static inline void ready_put(struct run_queue *q, struct task *t)
{
    fair_put(&q->ready, t);
    ready_added(q, t);
}

static inline void ready_remove(struct run_queue *q, struct task *t)
{
    fair_remove(&q->ready, t);
    t->queued = false;
    __atomic_store_n(&q->ready_count, q->ready_count - 1, __ATOMIC_RELAXED);
}

static inline bool sched_is_idle(uint32_t cpu)
{
    return __atomic_load_n(&cpus_idle, __ATOMIC_RELAXED) & BIT(cpu);
}

/* sched.c */

/* The queue that t belongs to, locked. */
struct run_queue *run_queue_lock(const struct task *t, uint64_t *flags);
/* Its timer goes off at end_ns, or sooner.  On the queue's own CPU. */
void slice_arm(struct run_queue *q, uint64_t end_ns);
/* t was put on the queue: its running task gives way now, or at the end of its slice. */
void preempt_or_arm(struct run_queue *q, uint32_t cpu, const struct task *t);
/* Was t served worse than the queue's running task, which is charged for what it ran until now? */
bool fair_is_ahead(const struct run_queue *q, const struct task *t, const struct task *running, uint64_t now,
                   uint64_t grain);

/*
 * A ready task that is on no queue's list goes on that of its `cpu`.  No queue's lock held.  Any CPU may be idle now
 * that was not when that CPU was chosen: it comes and takes what waits.
 */
void ready_add(struct task *t);
/* A ready task that is in no tree goes where it is best.  Its queue's lock is held, and is not on return. */
void ready_move(struct run_queue *q, struct task *t, uint64_t flags);

/* sched_balance.c: no queue's lock held. */

/* The CPU for a task that becomes ready. */
uint32_t sched_place_for(const struct task *t);
/* Take over a waiting task from a queue with more than `least` of them.  Interrupts off. */
bool sched_steal(uint32_t least);
/* The same for one of a higher rank than what is ready here. */
void sched_pull_ranked(void);

/* sched_class.c: the classes other than the fair one (sched(7)). */

/* With a ranked task ready: which ready task is next. */
struct task *ranked_next(struct run_queue *q, uint64_t now);
/* t, which runs and is ranked, ran for another ns. */
void ranked_charge(struct run_queue *q, struct task *t, uint64_t ns, uint64_t now);
/* t was put on the queue, and it or the running task is not of the plain fair class: is that one to give way? */
bool class_preempts(struct run_queue *q, const struct task *t, const struct task *running, uint64_t now);
/* The end of a slice, where it or another ready task is ranked: must it give way? */
bool class_slice_over(struct run_queue *q, struct task *t, uint64_t now);
/* t, which has a rank, begins to run. */
void ranked_begins(struct run_queue *q, struct task *t, uint64_t now);
/* t, which has a rank, could go on running: it waits for its next turn. */
void ranked_gives_way(struct run_queue *q, struct task *t, bool behind_all, uint64_t now);
void ranked_wakes(struct task *t, uint64_t now); /* of any but the plain class; before it is put on a queue */

static inline bool is_plain(const struct task *t)
{
    return !(t->rank | t->setting.policy);
}

#endif
