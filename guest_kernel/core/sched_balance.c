/*
 * Which CPU a task runs on: chosen when it becomes ready, changed when a CPU has nothing to do, at the end of a slice
 * where another CPU has more waiting, and when a ranked task waits while a CPU runs what is below it.
 *
 * Other queues' counts and ranks are read without their locks: a wrong choice is put right by the next of these events.
 */
#include "guest_kernel/core/run_queue.h"

#define RANKED_SHIFT 4 /* a CPU with real-time work leaves little to the others: 1/20, if it never ends */

static uint32_t rank_of(uint32_t cpu)
{
    return __atomic_load_n(&run_queues[cpu].running_rank, __ATOMIC_RELAXED);
}

/* How many tasks wait there, as to how long that will take. */
static uint32_t waiting_at(uint32_t cpu)
{
    return __atomic_load_n(&run_queues[cpu].ready_count, __ATOMIC_RELAXED) << (rank_of(cpu) ? RANKED_SHIFT : 0);
}

static uint32_t load_of(uint32_t cpu)
{
    return waiting_at(cpu) + (sched_is_idle(cpu) ? 0 : 1 << (rank_of(cpu) ? RANKED_SHIFT : 0));
}

/* A ranked task wants the CPU that does the least urgent work; of these where it was. */
static bool is_better(const struct task *t, uint32_t cpu, uint32_t best)
{
    if (unlikely(t->rank) && rank_of(cpu) != rank_of(best))
        return rank_of(cpu) < rank_of(best);
    return load_of(cpu) < load_of(best);
}

/* Where it was, if that one is idle; another idle one; the least loaded, and of these where it was. */
uint32_t sched_place_for(const struct task *t)
{
    uint64_t allowed = t->allowed & __atomic_load_n(&cpus_online, __ATOMIC_RELAXED);
    uint64_t idle = __atomic_load_n(&cpus_idle, __ATOMIC_SEQ_CST) & allowed;
    uint32_t best = t->cpu;

    if (idle)
        return idle & BIT(best) ? best : (uint32_t)__builtin_ctzll(idle);
    if (!(allowed & BIT(best)))
        best = (uint32_t)__builtin_ctzll(allowed);
    for (uint64_t left = allowed; left; left &= left - 1) {
        uint32_t cpu = (uint32_t)__builtin_ctzll(left);

        if (is_better(t, cpu, best))
            best = cpu;
    }
    return best;
}

/* The queue where most wait, if they are more than `least`; NULL: none. */
static struct run_queue *busiest(uint32_t least)
{
    struct run_queue *best = NULL;

    for (uint32_t i = 0; i < cpu_count; i++) {
        uint32_t count = waiting_at(i);

        if (count <= least)
            continue;
        best = &run_queues[i];
        least = count;
    }
    return best;
}

/* The first in line that may run on this CPU, ranked ones first. */
static struct task *first_allowed(struct run_queue *from, bool ranked_only)
{
    struct task *t;

    for (t = ranked_first(&from->ready); t; t = fair_next(t))
        if (t->allowed & BIT(cpu_index()))
            return t;
    for (t = ranked_only ? NULL : fair_first(&from->ready); t; t = fair_next(t))
        if (t->allowed & BIT(cpu_index()))
            return t;
    return NULL;
}

/* The locked queue loses t, which is this CPU's then and in no tree; the lock is released. */
static void take_over(struct run_queue *from, struct task *t)
{
    struct run_queue *to = &run_queues[cpu_index()];

    ready_remove(from, t);
    fair_leave(&from->ready, t);
    __atomic_store_n(&t->cpu, cpu_index(), __ATOMIC_RELAXED);
    spin_unlock(&from->lock);
    spin_lock(&to->lock);
    fair_enter(&to->ready, t);
    ready_put(to, t);
    spin_unlock(&to->lock);
}

bool sched_steal(uint32_t least)
{
    struct run_queue *from = busiest(least);

    if (!from || from == &run_queues[cpu_index()])
        return false;
    spin_lock(&from->lock);
    struct task *t = first_allowed(from, false);

    if (!t) {
        spin_unlock(&from->lock);
        return false;
    }
    take_over(from, t);
    return true;
}

void sched_pull_ranked(void)
{
    struct run_queue *own = &run_queues[cpu_index()];

    for (uint32_t i = 0; i < cpu_count; i++) {
        struct run_queue *from = &run_queues[i];

        if (from == own || !__atomic_load_n(&from->ready_count, __ATOMIC_RELAXED))
            continue;
        spin_lock(&from->lock);
        struct task *t = first_allowed(from, true);

        if (t)
            take_over(from, t); /* a lower one than is ready here only waits in another place */
        else
            spin_unlock(&from->lock);
    }
}
