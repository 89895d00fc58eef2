/*
 * See hv/schedule.h.
 */
#include "hv/schedule.h"

#include "hv/apic.h"
#include "hv/cpu.h"
#include "hv/timer.h"
#include "lib/log.h"

#define WEIGHT_UNIT 100u /* of abi/sandbox_spec.h: virtual time passes as real time does */
#define CAP_PERIODS_PER_S 10u

static uint64_t virtual_now; /* atomic: virtual time of what was picked last; only grows */

static int run_compare(const struct vcpu *a, const struct vcpu *b)
{
    if (a->virtual_time != b->virtual_time)
        return a->virtual_time < b->virtual_time ? -1 : 1;
    return (a > b) - (a < b);
}

RB_GENERATE_INTERNAL(run_tree, vcpu, run_node, run_compare, static __attribute__((unused)))

static void first_publish(struct run_queue *q)
{
    struct vcpu *first = RB_MIN(run_tree, &q->tree);

    __atomic_store_n(&q->first, first ? first->virtual_time : ~0ULL, __ATOMIC_SEQ_CST);
}

static void enqueue(struct cpu *c, struct vcpu *v)
{
    assert_held(&c->queue.lock);
    v->sched_state = SCHED_QUEUED;
    RB_INSERT(run_tree, &c->queue.tree, v);
    first_publish(&c->queue);
}

static void dequeue(struct cpu *c, struct vcpu *v)
{
    assert_held(&c->queue.lock);
    RB_REMOVE(run_tree, &c->queue.tree, v);
    first_publish(&c->queue);
}

/* The lock of the vCPU's home, which may change until it is held. */
static struct cpu *home_lock(struct vcpu *v, uint64_t *flags)
{
    for (;;) {
        struct cpu *c = __atomic_load_n(&v->home, __ATOMIC_RELAXED);
        *flags = spin_lock_irqsave(&c->queue.lock);
        if (c == __atomic_load_n(&v->home, __ATOMIC_RELAXED))
            return c;
        spin_unlock_irqrestore(&c->queue.lock, *flags);
    }
}

/* What slept must not have saved up time. */
static void virtual_time_renew(struct vcpu *v)
{
    uint64_t now = __atomic_load_n(&virtual_now, __ATOMIC_RELAXED), credit = v->vm->slice;

    if (now > credit && v->virtual_time < now - credit)
        v->virtual_time = now - credit;
}

/* Has its sandbox run as much in this period as its cap allows?  Then the vCPU sleeps until the next one. */
static bool is_over_cap(struct vm *vm)
{
    return vm->cap && __atomic_load_n(&vm->period_ran, __ATOMIC_RELAXED) >= tsc_hz() / CAP_PERIODS_PER_S * vm->cap / 100;
}

static void period_ended(struct hv_timer *t)
{
    struct vcpu *v = container_of(t, struct vcpu, cap_timer);

    v->capped = false;
    vcpu_kick(v);
}

static void cap_wait(struct vcpu *v, uint64_t now)
{
    v->capped = true;
    v->cap_timer.expired = period_ended;
    hv_timer_arm(&v->cap_timer, __atomic_load_n(&v->vm->period_end, __ATOMIC_RELAXED));
}

static void account(struct vcpu *v)
{
    uint64_t now = tsc_read(), ran = now - v->started;
    struct vm *vm = v->vm;

    v->started = now;
    v->ran += ran;
    v->virtual_time += ran * WEIGHT_UNIT / vm->weight;
    if (!vm->cap)
        return;
    uint64_t end = __atomic_load_n(&vm->period_end, __ATOMIC_RELAXED);
    if (now >= end && __atomic_compare_exchange_n(&vm->period_end, &end, now + tsc_hz() / CAP_PERIODS_PER_S, false,
                                                  __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        __atomic_store_n(&vm->period_ran, 0, __ATOMIC_RELAXED);
    __atomic_fetch_add(&vm->period_ran, ran, __ATOMIC_RELAXED);
}

void sched_add(struct vcpu *v)
{
    struct cpu *c = this_cpu();

    v->home = c;
    v->virtual_time = __atomic_load_n(&virtual_now, __ATOMIC_RELAXED);
    uint64_t flags = spin_lock_irqsave(&c->queue.lock);
    enqueue(c, v);
    spin_unlock_irqrestore(&c->queue.lock, flags);
    cpu_wake_idle();
}

/* The first of the queue that this CPU may take; at most one of them is loaded elsewhere. */
static struct vcpu *queue_first(struct cpu *c, const struct vcpu *skip)
{
    struct vcpu *v = RB_MIN(run_tree, &c->queue.tree), *last = NULL;

    for (unsigned i = 0; v && i < 3; i++, v = RB_NEXT(run_tree, &c->queue.tree, v)) {
        /* Acquire: pairs with the release in vcpu_unload, after which all its state is in memory. */
        struct cpu *loaded = __atomic_load_n(&v->cpu, __ATOMIC_ACQUIRE);
        if (loaded && loaded != this_cpu())
            continue;
        if (v != skip)
            return v;
        last = v;
    }
    return last;
}

/* The CPU whose queue to take from: another's only if what waits there is well behind our own. */
static struct cpu *queue_choose(struct cpu *own, uint64_t margin)
{
    uint64_t best = __atomic_load_n(&own->queue.first, __ATOMIC_RELAXED);
    struct cpu *chosen = own;

    for (unsigned i = 0; i < cpu_count(); i++) {
        struct cpu *c = cpu_at(i);
        uint64_t first = __atomic_load_n(&c->queue.first, __ATOMIC_RELAXED);
        if (c != own && first != ~0ULL && first < best && best - first > margin) {
            best = first;
            chosen = c;
        }
    }
    return chosen;
}

bool sched_has_work(void)
{
    for (unsigned i = 0; i < cpu_count(); i++)
        if (__atomic_load_n(&cpu_at(i)->queue.first, __ATOMIC_SEQ_CST) != ~0ULL)
            return true;
    return false;
}

static struct vcpu *take_from(struct cpu *c, const struct vcpu *skip)
{
    uint64_t flags = spin_lock_irqsave(&c->queue.lock);
    struct vcpu *v = queue_first(c, skip);

    if (v) {
        dequeue(c, v);
        v->sched_state = SCHED_RUNNING;
        __atomic_store_n(&v->home, this_cpu(), __ATOMIC_RELAXED);
    }
    spin_unlock_irqrestore(&c->queue.lock, flags);
    return v;
}

struct vcpu *sched_pick(const struct vcpu *skip)
{
    struct cpu *own = this_cpu(), *c = queue_choose(own, tsc_hz() / 100);
    struct vcpu *v = take_from(c, skip);

    if (!v && c != own)
        v = take_from(own, skip);
    if (!v)
        return NULL;
    v->started = tsc_read();
    if (v->virtual_time > __atomic_load_n(&virtual_now, __ATOMIC_RELAXED))
        __atomic_store_n(&virtual_now, v->virtual_time, __ATOMIC_RELAXED);
    own->slice_end = v->started + v->vm->slice;
    own->current_time = v->virtual_time;
    return v;
}

void sched_put(struct vcpu *v)
{
    struct cpu *c = this_cpu();

    account(v);
    if (is_over_cap(v->vm) && !vm_has_ended(v->vm))
        cap_wait(v, v->started);
    uint64_t flags = spin_lock_irqsave(&c->queue.lock);
    if (v->capped)
        v->sched_state = SCHED_ASLEEP;
    else
        enqueue(c, v);
    spin_unlock_irqrestore(&c->queue.lock, flags);
}

bool sched_sleep(struct vcpu *v)
{
    struct cpu *c = this_cpu();
    uint64_t flags = spin_lock_irqsave(&c->queue.lock);
    bool sleeps = !__atomic_load_n(&v->kicked, __ATOMIC_RELAXED);

    if (sleeps)
        v->sched_state = SCHED_ASLEEP;
    spin_unlock_irqrestore(&c->queue.lock, flags);
    if (sleeps)
        account(v);
    return sleeps;
}

void sched_remove(struct vcpu *v)
{
    struct cpu *c = this_cpu();

    account(v);
    uint64_t flags = spin_lock_irqsave(&c->queue.lock);
    v->sched_state = SCHED_GONE;
    spin_unlock_irqrestore(&c->queue.lock, flags);
}

bool sched_slice_over(struct vcpu *v, uint64_t now)
{
    struct cpu *c = this_cpu();
    bool preempted = __atomic_exchange_n(&c->preempt, false, __ATOMIC_RELAXED);

    if (now < c->slice_end && !preempted)
        return false;
    account(v);
    c->current_time = v->virtual_time;
    if (is_over_cap(v->vm))
        return true;
    struct cpu *from = queue_choose(c, tsc_hz() / 100);
    uint64_t first = __atomic_load_n(&from->queue.first, __ATOMIC_RELAXED);
    if (first < v->virtual_time)
        return true;
    c->slice_end = now + v->vm->slice;
    return false;
}

uint64_t sched_ran(const struct vcpu *v)
{
    return v->ran;
}

/* Should what was woken run at once? */
static bool is_preempting(const struct cpu *c, const struct vcpu *v)
{
    return v->virtual_time < __atomic_load_n(&c->current_time, __ATOMIC_RELAXED);
}

void vcpu_kick(struct vcpu *v)
{
    uint64_t flags;

    if (!v->home) /* not started yet */
        return;
    struct cpu *c = home_lock(v, &flags);
    enum sched_state was = v->sched_state;
    __atomic_store_n(&v->kicked, true, __ATOMIC_RELAXED);
    if (was == SCHED_ASLEEP && (!v->capped || vm_has_ended(v->vm))) {
        virtual_time_renew(v);
        enqueue(c, v);
        if (is_preempting(c, v))
            __atomic_store_n(&c->preempt, true, __ATOMIC_RELAXED);
    }
    spin_unlock_irqrestore(&c->queue.lock, flags);
    if (was == SCHED_ASLEEP || was == SCHED_RUNNING)
        cpu_kick(c);
    if (was == SCHED_ASLEEP)
        cpu_wake_idle();
}
