/*
 * The scheduling classes beside the plain fair one (sched(7)): SCHED_FIFO, SCHED_RR and SCHED_DEADLINE have a rank and
 * come before all others; SCHED_BATCH and SCHED_IDLE are fair, but take the CPU from nobody.  A task may be boosted to
 * the urgency of one that waits for what it holds.
 *
 * FIFO and RR together run at most 95 % of each second while fair tasks are ready, so that a shell stays usable.
 * Everything is guarded by the run queue's lock of the task, but for the sum of all deadlines' claims (claims_lock, a
 * leaf).
 */
#include <asm-generic/errno.h>
#include <linux/sched.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/clock.h"
#include "guest_kernel/core/deadline.h"
#include "guest_kernel/core/ipi.h"
#include "guest_kernel/core/run_queue.h"
#include "guest_kernel/core/sched.h"

#define REALTIME_PERIOD_NS  NS_PER_S
#define REALTIME_RUNTIME_NS (NS_PER_S / 100 * 95)
#define ROUND_NS            (100 * 1000 * 1000ULL) /* of SCHED_RR */
#define IDLE_WEIGHT         3u                     /* of SCHED_IDLE, as Linux */
#define URGENCY_RANK_SHIFT  20                     /* weights are smaller */
#define CLAIM_UNIT          BIT(20)                /* a claim of a whole CPU */

static struct spinlock claims_lock = SPINLOCK_INIT;
static uint64_t claims;

static bool realtime_is_spent(struct run_queue *q, uint64_t more_ns, uint64_t now)
{
    if (now >= q->realtime_period_end_ns) {
        q->realtime_period_end_ns = now + REALTIME_PERIOD_NS;
        q->realtime_ns = 0;
    }
    return q->realtime_ns + more_ns >= REALTIME_RUNTIME_NS;
}

static bool is_batch(const struct task *t)
{
    return t->setting.policy == SCHED_BATCH;
}

static bool is_idle_class(const struct task *t)
{
    return t->setting.policy == SCHED_IDLE;
}

struct task *ranked_next(struct run_queue *q, uint64_t now)
{
    struct task *first = ranked_first(&q->ready), *fair = fair_first(&q->ready);

    return fair && first->rank < RANK_DEADLINE && realtime_is_spent(q, 0, now) ? fair : first;
}

void ranked_charge(struct run_queue *q, struct task *t, uint64_t ns, uint64_t now)
{
    if (!t->rank) /* it was lowered meanwhile */
        fair_charge(&q->ready, t, ns);
    if (t->deadline)
        t->deadline->budget_ns -= (int64_t)ns;
    t->round_ns += ns;
    if (t->rank && t->rank < RANK_DEADLINE) {
        (void)realtime_is_spent(q, 0, now); /* a new period begins without what came before it */
        q->realtime_ns += ns;
    }
}

bool class_preempts(struct run_queue *q, const struct task *t, const struct task *running, uint64_t now)
{
    if (t->rank != running->rank)
        return t->rank > running->rank && (running->rank || t->rank == RANK_DEADLINE || !realtime_is_spent(q, 0, now));
    if (t->rank)
        return deadline_due(t) < deadline_due(running);
    if (is_idle_class(t) != is_idle_class(running))
        return is_idle_class(running);
    return !is_batch(t) && fair_is_ahead(q, t, running, now, FAIR_GRAIN_NS);
}

bool class_slice_over(struct run_queue *q, struct task *t, uint64_t now)
{
    struct task *fair = fair_first(&q->ready), *ranked = ranked_first(&q->ready);
    uint64_t ran = now - q->charged_ns;

    if (t->deadline && t->rank == RANK_DEADLINE)
        return t->deadline->budget_ns <= (int64_t)ran;
    if (!t->rank)
        return !realtime_is_spent(q, 0, now) || (fair && fair_is_ahead(q, fair, t, now, 0));
    if (fair && t->rank < RANK_DEADLINE && realtime_is_spent(q, ran, now))
        return true;
    return t->setting.policy == SCHED_RR && t->round_ns + ran >= ROUND_NS && ranked && ranked->rank == t->rank;
}

void ranked_begins(struct run_queue *q, struct task *t, uint64_t now)
{
    if (!t->deadline || t->rank != RANK_DEADLINE)
        return;
    t->slice_end_ns = MIN(t->slice_end_ns, now + (uint64_t)MAX(t->deadline->budget_ns, 0));
    q->slice_armed = true;
    timer_arm(&q->slice, t->slice_end_ns);
}

/* Out of the trees until its next period begins. */
static void deadline_park(struct deadline_state *d)
{
    d->parked = true;
    timer_arm(&d->replenish, d->due_ns - d->claim.relative_ns + d->claim.period_ns);
}

void ranked_gives_way(struct run_queue *q, struct task *t, bool behind_all, uint64_t now)
{
    struct deadline_state *d = t->deadline;
    struct task *first = ranked_first(&q->ready);
    bool displaced = first && first->rank > t->rank;

    if (d && t->rank == RANK_DEADLINE && (behind_all || d->budget_ns <= 0)) {
        deadline_park(d);
        return;
    }
    if (unlikely(!(t->allowed & BIT(t->cpu))) || (displaced && cpu_count > 1 && sched_place_for(t) != t->cpu)) {
        t->moves = true; /* not before its registers are saved: sched_finish_switch() */
        return;
    }
    if (behind_all || (t->setting.policy == SCHED_RR && t->round_ns >= ROUND_NS)) {
        t->round_ns = 0;
        ready_put(q, t);
        return;
    }
    fair_put_back(&q->ready, t);
    ready_added(q, t);
}

/* A new budget and deadline, as of now. */
static void deadline_renew(struct deadline_state *d, uint64_t now)
{
    d->due_ns = now + d->claim.relative_ns;
    d->budget_ns = (int64_t)d->claim.runtime_ns;
}

/* A sleeper keeps what is left of its budget only if that does not exceed its share of the time to the deadline. */
static bool deadline_is_stale(const struct deadline_state *d, uint64_t now)
{
    if (d->due_ns <= now)
        return true;
    return (unsigned __int128)MAX(d->budget_ns, 0) * d->claim.period_ns >
           (unsigned __int128)(d->due_ns - now) * d->claim.runtime_ns;
}

void ranked_wakes(struct task *t, uint64_t now)
{
    t->woken_run_ns = t->run_ns;
    if (t->deadline && deadline_is_stale(t->deadline, now))
        deadline_renew(t->deadline, now);
}

static void deadline_replenish(struct timer *timer)
{
    struct deadline_state *d = container_of(timer, struct deadline_state, replenish);
    uint64_t flags;
    struct run_queue *q = run_queue_lock(d->task, &flags);

    if (!d->parked) {
        spin_unlock_irqrestore(&q->lock, flags);
        return;
    }
    d->parked = false;
    deadline_renew(d, clock_monotonic_ns());
    ready_move(q, d->task, flags);
}

static uint64_t claim_of(const struct sched_deadline *d)
{
    return d ? mul_div(d->runtime_ns, CLAIM_UNIT, d->period_ns) : 0;
}

/* All claims together must leave 5 % of the CPUs.  False: with the new one they would not. */
static bool claims_exchange(const struct sched_deadline *old, const struct sched_deadline *new_claim)
{
    uint64_t limit = CLAIM_UNIT / 100 * 95 * cpu_count;
    uint64_t flags = spin_lock_irqsave(&claims_lock);
    uint64_t sum = claims - claim_of(old) + claim_of(new_claim);
    bool fits = sum <= limit || !new_claim;

    if (fits)
        claims = sum;
    spin_unlock_irqrestore(&claims_lock, flags);
    return fits;
}

static struct deadline_state *deadline_create(struct task *t, const struct sched_deadline *claim)
{
    struct deadline_state *d = mem_alloc_zero(sizeof(*d));

    if (!d)
        return NULL;
    d->task = t;
    d->claim = *claim;
    timer_init(&d->replenish, deadline_replenish);
    deadline_renew(d, clock_monotonic_ns());
    return d;
}

void deadline_free(struct deadline_state *d)
{
    if (!d)
        return;
    (void)timer_cancel(&d->replenish);
    (void)claims_exchange(&d->claim, NULL);
    mem_free(d);
}

static uint32_t own_rank(const struct task *t)
{
    return t->deadline ? RANK_DEADLINE : t->setting.priority;
}

static uint32_t own_weight(const struct task *t)
{
    return is_idle_class(t) ? IDLE_WEIGHT : fair_weight(t->setting.nice);
}

uint32_t task_urgency(const struct task *t)
{
    return (uint32_t)t->rank << URGENCY_RANK_SHIFT | t->weight;
}

/* What was changed begins to count.  The lock is released. */
static void class_apply(struct run_queue *q, struct task *t, bool was_ready, uint64_t flags)
{
    uint32_t cpu = t->cpu;
    struct task *running = cpu_at(cpu)->current;

    t->rank = (uint8_t)MAX(own_rank(t), t->boost >> URGENCY_RANK_SHIFT);
    __atomic_store_n(&t->weight, MAX(own_weight(t), t->boost & (BIT(URGENCY_RANK_SHIFT) - 1)), __ATOMIC_RELAXED);
    if (was_ready) {
        ready_move(q, t, flags);
        return;
    }
    if (t == running) {
        __atomic_store_n(&q->running_rank, MAX(q->running_rank, (uint32_t)t->rank), __ATOMIC_RELAXED);
        __atomic_fetch_or(&t->work, TASK_NEED_RESCHED, __ATOMIC_RELAXED);
    }
    spin_unlock_irqrestore(&q->lock, flags);
    if (t == running && cpu != cpu_index())
        ipi_reschedule(cpu);
}

/* Takes t out of the trees while it changes: true if it was in one, or parked. */
static bool class_hold(struct run_queue *q, struct task *t)
{
    bool ready = t->queued;

    if (ready)
        ready_remove(q, t);
    if (t->deadline && t->deadline->parked) {
        t->deadline->parked = false;
        ready = true;
    }
    return ready;
}

int task_set_scheduling(struct task *t, const struct sched_setting *setting, const struct sched_deadline *deadline)
{
    struct deadline_state *d = deadline ? deadline_create(t, deadline) : NULL, *old;
    uint64_t flags;

    if (deadline && !d)
        return -ENOMEM;
    if (!claims_exchange(t->deadline ? &t->deadline->claim : NULL, deadline)) {
        mem_free(d);
        return -EBUSY;
    }
    struct run_queue *q = run_queue_lock(t, &flags);
    bool ready = class_hold(q, t);

    if (!t->rank)
        t->woken_run_ns = t->run_ns; /* what it ran before does not count for RLIMIT_RTTIME */
    __atomic_store_n(&t->times_check_ns, 0, __ATOMIC_RELAXED);
    t->setting = *setting;
    old = t->deadline;
    t->deadline = d;
    class_apply(q, t, ready, flags);
    if (old) { /* its claim is already out of the sum */
        (void)timer_cancel(&old->replenish);
        mem_free(old);
    }
    return 0;
}

bool task_deadline(const struct task *t, struct sched_deadline *out)
{
    uint64_t flags;
    struct run_queue *q = run_queue_lock(t, &flags);
    bool has = t->deadline;

    if (has)
        *out = t->deadline->claim;
    spin_unlock_irqrestore(&q->lock, flags);
    return has;
}

void task_set_boost(struct task *t, uint32_t boost)
{
    uint64_t flags;
    struct run_queue *q = run_queue_lock(t, &flags);

    if (t->boost == boost) {
        spin_unlock_irqrestore(&q->lock, flags);
        return;
    }
    bool ready = class_hold(q, t);

    t->boost = boost;
    class_apply(q, t, ready, flags);
}

void sched_inherit(struct task *t, const struct task *maker)
{
    t->setting = maker->setting;
    if (t->setting.reset_on_fork) {
        bool realtime = t->setting.priority || t->setting.policy == SCHED_DEADLINE;

        t->setting = (struct sched_setting){.nice = realtime ? 0 : MAX(t->setting.nice, 0)};
        if (maker->setting.policy == SCHED_BATCH || maker->setting.policy == SCHED_IDLE)
            t->setting.policy = maker->setting.policy;
    }
    t->rank = t->setting.priority;
    t->weight = own_weight(t);
}
