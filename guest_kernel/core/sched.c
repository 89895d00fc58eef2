/*
 * The scheduler: a run queue per CPU.  The kernel is not preempted; a task gives way where it sleeps, yields, or
 * returns to user mode with TASK_NEED_RESCHED.
 *
 * The queue's lock (interrupts off) guards the queue and `state`, `on_queue`, `cpu` of its tasks.  It is held over a
 * switch and released by the task that comes (sched_finish_switch), so a task is never picked up while its registers
 * are still being saved.  Order: wait queue lock > run queue lock > timer queue lock.
 *
 * A task that moves is taken off its queue and given its new `cpu` under the old queue's lock, and put on the new queue
 * under that one's: never are two held.  In between it is on_queue, so nobody else wakes or takes it.
 *
 * A CPU without a task says so in cpus_idle before it looks for work elsewhere for the last time and halts; who makes a
 * task ready looks at cpus_idle after that.  One of the two sees the other.  Who calls an idle CPU takes its bit away; it
 * sets it anew each time before it halts.
 *
 * on_queue: ready or running.  A task between sched_set_state(asleep) and sched_switch() is still on_queue: a wake-up
 * then only changes its state back, and the switch finds it runnable.
 */
#include "guest_kernel/core/sched.h"

#include "config.h"
#include "guest_kernel/core/capture.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/fpu.h"
#include "guest_kernel/core/ipi.h"
#include "guest_kernel/core/run_queue.h"
#include "guest_kernel/core/space_init.h"
#include "guest_kernel/core/task_reaper.h"

#define SLICE_NS (CONFIG_TIME_SLICE_US * 1000ULL)

struct run_queue run_queues[CPU_MAX];
uint64_t cpus_idle;
static struct task idle_tasks[CPU_MAX];

static bool has_ranked(const struct run_queue *q)
{
    return unlikely(!RB_EMPTY(&q->ready.ranked));
}

static struct task *ready_take(struct run_queue *q, uint64_t now)
{
    struct task *t = has_ranked(q) ? ranked_next(q, now) : fair_first(&q->ready);

    if (t)
        ready_remove(q, t);
    return t;
}

void slice_arm(struct run_queue *q, uint64_t end_ns)
{
    if (q->slice_armed)
        return;
    q->slice_armed = true;
    timer_arm(&q->slice, end_ns);
}

bool fair_is_ahead(const struct run_queue *q, const struct task *t, const struct task *running, uint64_t now,
                   uint64_t grain)
{
    return fair_is_before(t->virtual_ns + grain, fair_after(running, now - q->charged_ns));
}

static bool preempts(struct run_queue *q, const struct task *t, const struct task *running, uint64_t now)
{
    if (likely(is_plain(t) && is_plain(running)))
        return fair_is_ahead(q, t, running, now, FAIR_GRAIN_NS);
    return class_preempts(q, t, running, now);
}

void preempt_or_arm(struct run_queue *q, uint32_t cpu, const struct task *t)
{
    struct task *running = cpu_at(cpu)->current;
    uint64_t now = clock_monotonic_ns();

    if (running == cpu_at(cpu)->idle)
        return;
    if (preempts(q, t, running, now)) {
        uint64_t before = __atomic_fetch_or(&running->work, TASK_NEED_RESCHED, __ATOMIC_RELAXED);
        if (cpu != cpu_index() && !(before & TASK_NEED_RESCHED)) /* else it knows, or an interrupt is on its way */
            ipi_reschedule(cpu);
    } else if (cpu == cpu_index()) {
        slice_arm(q, MAX(running->slice_end_ns, now)); /* other CPUs have theirs armed whenever user mode runs */
    }
}

/*
 * Interrupt context.  The timer may be left over from an earlier task: only a slice that is really over counts.  It
 * also samples: the time since the last sample is user time if it was user mode that this interrupt stopped.
 */
static void slice_expired(struct timer *timer)
{
    struct run_queue *q = container_of(timer, struct run_queue, slice);
    struct task *t = task_current();
    uint64_t now = clock_monotonic_ns();

    if (cpu_count > 1 && t->slice_end_ns <= now && t->regs)
        (void)sched_steal(q->ready_count + 1); /* so that all get their share, not only those on the emptier CPU */
    spin_lock(&q->lock);
    struct task *first = fair_first(&q->ready);

    q->slice_armed = false;
    if (this_cpu()->interrupted_user)
        t->user_ns += now - q->sampled_ns;
    q->sampled_ns = now;
    if (unlikely(now >= __atomic_load_n(&t->times_check_ns, __ATOMIC_RELAXED)) && t->regs)
        __atomic_fetch_or(&t->work, TASK_TIMES, __ATOMIC_RELAXED);
    if (t->slice_end_ns > now)
        slice_arm(q, t->slice_end_ns);
    else if (unlikely(t->rank) || has_ranked(q) ? class_slice_over(q, t, now)
                                                : first && fair_is_ahead(q, first, t, now, 0))
        __atomic_fetch_or(&t->work, TASK_NEED_RESCHED, __ATOMIC_RELAXED);
    else if (q->ready_count || t->regs)
        slice_arm(q, now + SLICE_NS);
    spin_unlock(&q->lock);
}

void sched_init(void)
{
    struct cpu *c = this_cpu();
    struct run_queue *q = &run_queues[c->index];
    struct task *idle = &idle_tasks[c->index];

    fair_init(&q->ready);
    timer_init(&q->slice, slice_expired);
    *idle = (struct task){.allowed = UINT64_MAX, /* for the tasks it makes */
                          .cpu = c->index, .comm = "idle", .state = TASK_RUNNING, .on_queue = true, .call_nr = ~0UL,
                          .weight = FAIR_WEIGHT};
    c->idle = idle;
    c->current = idle;
}

struct run_queue *run_queue_lock(const struct task *t, uint64_t *flags)
{
    for (;;) {
        uint32_t cpu = __atomic_load_n(&t->cpu, __ATOMIC_RELAXED);

        *flags = spin_lock_irqsave(&run_queues[cpu].lock);
        if (cpu == t->cpu)
            return &run_queues[cpu];
        spin_unlock_irqrestore(&run_queues[cpu].lock, *flags);
    }
}

uint64_t task_run_ns(const struct task *t)
{
    uint64_t flags, ns;

    if (t == task_current())
        return t->run_ns + clock_monotonic_ns() - run_queues[t->cpu].charged_ns;
    if (cpu_count == 1)
        return t->run_ns;
    struct run_queue *q = run_queue_lock(t, &flags);

    ns = t->run_ns;
    if (cpu_at(t->cpu)->current == t)
        ns += MAX(clock_monotonic_ns(), q->charged_ns) - q->charged_ns;
    spin_unlock_irqrestore(&q->lock, flags);
    return ns;
}

/* The running task's time until now. */
static void charge(struct run_queue *q, struct task *t, uint64_t now)
{
    t->run_ns += now - q->charged_ns;
    if (unlikely(q->running_rank))
        ranked_charge(q, t, now - q->charged_ns, now);
    else if (t != this_cpu()->idle)
        fair_charge(&q->ready, t, now - q->charged_ns);
    q->charged_ns = now;
}

static void context_switch(struct run_queue *q, struct task *prev, struct task *next, uint64_t now)
{
    struct cpu *c = this_cpu();
    uint32_t rank = next->rank;

    q->sampled_ns = now;
    next->slice_end_ns = now + SLICE_NS;
    __atomic_store_n(&q->running_rank, rank, __ATOMIC_RELAXED);
    if (unlikely(rank))
        ranked_begins(q, next, now);
    if (next->regs || q->ready_count)
        slice_arm(q, next->slice_end_ns);

    fpu_switch(prev, next);
    space_load(next->space);
    cpu_set_kernel_stack(next->kernel_stack_top);
    c->current = next;
    capture_switch(next);
    if (prev->tell_switch)
        __atomic_fetch_or(&prev->work, TASK_SWITCHED, __ATOMIC_RELAXED);
    q->leaving = prev;
    switch_stacks(&prev->kernel_rsp, next->kernel_rsp);
    sched_finish_switch();
}

/*
 * An idle CPU is called once: until it has looked, others are idle for the next task.  False: it was called already, or
 * looks for work itself, and finds what was put on its queue before.
 */
static bool idle_claim(uint32_t cpu)
{
    return __atomic_fetch_and(&cpus_idle, ~BIT(cpu), __ATOMIC_SEQ_CST) & BIT(cpu);
}

void ready_add(struct task *t)
{
    uint32_t cpu = t->cpu;
    struct run_queue *q = &run_queues[cpu];
    uint64_t allowed = t->allowed;
    uint64_t flags = spin_lock_irqsave(&q->lock);

    fair_enter(&q->ready, t);
    fair_place(&q->ready, t);
    ready_put(q, t);
    preempt_or_arm(q, cpu, t);
    spin_unlock_irqrestore(&q->lock, flags);
    uint64_t idle = __atomic_load_n(&cpus_idle, __ATOMIC_SEQ_CST);

    if (!(idle & BIT(cpu)) && (idle & allowed))
        cpu = (uint32_t)__builtin_ctzll(idle & allowed);
    if (cpu != cpu_index() && (idle & BIT(cpu)) && idle_claim(cpu))
        ipi_reschedule(cpu);
}

void sched_finish_switch(void)
{
    struct run_queue *q = run_queue_own();
    struct task *left = q->leaving;
    bool dead = left->state == TASK_DEAD;
    bool moves = unlikely(left->moves);

    q->leaving = NULL;
    if (moves) {
        left->moves = false;
        fair_leave(&q->ready, left);
        __atomic_store_n(&left->cpu, sched_place_for(left), __ATOMIC_RELAXED);
    }
    spin_unlock(&q->lock);
    if (moves)
        ready_add(left);
    if (dead)
        reaper_add(left);
}

static void switch_away(bool behind_all)
{
    uint64_t flags = rflags_read();

    irq_disable();
    struct run_queue *q = run_queue_own();
    struct task *prev = task_current();
    uint64_t now = clock_monotonic_ns();

    LOCK_CHECK(lock_check_none(NULL));
    if (unlikely(q->running_rank) && cpu_count > 1)
        sched_pull_ranked();
    spin_lock(&q->lock);
    __atomic_fetch_and(&prev->work, ~TASK_NEED_RESCHED, __ATOMIC_RELAXED);
    charge(q, prev, now);
    if (behind_all)
        fair_place_last(&q->ready, prev);
    if (unlikely(q->running_rank) && prev->rank && prev->state == TASK_RUNNING)
        ranked_gives_way(q, prev, behind_all, now);
    else if (prev->state != TASK_RUNNING)
        prev->on_queue = false;
    else if (unlikely(!(prev->allowed & BIT(prev->cpu))) && prev != this_cpu()->idle)
        prev->moves = true; /* not before its registers are saved: sched_finish_switch() */
    else if (prev != this_cpu()->idle)
        ready_put(q, prev);
    struct task *next = ready_take(q, now);

    if (!next)
        next = this_cpu()->idle;
    if (next != prev)
        context_switch(q, prev, next, now); /* comes back with the lock released */
    else
        spin_unlock(&q->lock);
    if (flags & RFLAGS_IF)
        irq_enable();
}

void sched_switch(void)
{
    switch_away(false);
}

void sched_set_state(enum task_state state)
{
    uint64_t flags;
    struct task *t = task_current();
    struct run_queue *q = run_queue_lock(t, &flags);

    t->state = state;
    spin_unlock_irqrestore(&q->lock, flags);
}

void ready_move(struct run_queue *q, struct task *t, uint64_t flags)
{
    fair_leave(&q->ready, t);
    __atomic_store_n(&t->cpu, sched_place_for(t), __ATOMIC_RELAXED);
    spin_unlock_irqrestore(&q->lock, flags);
    ready_add(t);
}

void sched_wake(struct task *t, unsigned state_mask)
{
    uint64_t flags;
    struct run_queue *q = run_queue_lock(t, &flags);

    if (BIT(t->state) & state_mask) {
        t->state = TASK_RUNNING;
        if (!t->on_queue) {
            t->on_queue = true;
            if (unlikely(!is_plain(t)))
                ranked_wakes(t, clock_monotonic_ns());
            if (cpu_count > 1) {
                ready_move(q, t, flags);
                return;
            }
            fair_place(&q->ready, t);
            ready_put(q, t);
            preempt_or_arm(q, cpu_index(), t);
        }
    }
    spin_unlock_irqrestore(&q->lock, flags);
}

/*
 * The state may be stale.  A task that is just being woken or switched to looks at its work itself on its way to user
 * mode, and it does so after the bit was set: whoever made it run wrote `state` or `cpu` after we read them.
 */
void sched_notice_work(struct task *t)
{
    uint32_t cpu = __atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE);

    if (t != task_current() && cpu != cpu_index() && __atomic_load_n(&t->state, __ATOMIC_RELAXED) == TASK_RUNNING)
        ipi_reschedule(cpu);
}

void task_set_allowed(struct task *t, uint64_t cpus)
{
    uint64_t flags;
    struct run_queue *q = run_queue_lock(t, &flags);
    bool wrong = !(cpus & BIT(t->cpu));

    __atomic_store_n(&t->allowed, cpus, __ATOMIC_RELAXED);
    spin_unlock_irqrestore(&q->lock, flags);
    if (!wrong)
        return;
    task_set_work(t, TASK_NEED_RESCHED); /* it moves when it next gives way; sleeping, when it is woken */
}

uint64_t task_allowed(const struct task *t)
{
    return __atomic_load_n(&t->allowed, __ATOMIC_RELAXED);
}

void task_leave_forbidden_cpu(void)
{
    if (!(task_allowed(task_current()) & BIT(cpu_index())))
        task_yield();
}

void task_start(struct task *t)
{
    t->start_ns = clock_monotonic_ns();
    t->cpu = cpu_index();
    t->virtual_ns = task_current()->virtual_ns; /* a new task has no credit: making tasks gains no time */
    sched_wake(t, BIT(TASK_NEW));
}

void task_wake(struct task *t)
{
    sched_wake(t, BIT(TASK_INTERRUPTIBLE) | BIT(TASK_UNINTERRUPTIBLE));
}

void task_wake_interruptible(struct task *t)
{
    sched_wake(t, BIT(TASK_INTERRUPTIBLE));
}

void task_continue(struct task *t)
{
    sched_wake(t, BIT(TASK_STOPPED));
}

void task_stop_while(const bool *stopped)
{
    for (;;) {
        sched_set_state(TASK_STOPPED);
        if (!__atomic_load_n(stopped, __ATOMIC_ACQUIRE))
            break;
        sched_switch();
    }
    sched_set_state(TASK_RUNNING);
}

/* The lock is held over a switch: who finds it free and the task off its queue finds the registers saved. */
bool task_is_parked(const struct task *t)
{
    uint64_t flags;
    struct run_queue *q = run_queue_lock(t, &flags);
    bool parked = !t->on_queue;

    spin_unlock_irqrestore(&q->lock, flags);
    return parked;
}

void task_yield(void)
{
    switch_away(true);
}

void task_exit(void (*dead)(struct task *))
{
    irq_disable();
    task_current()->dead = dead;
    sched_set_state(TASK_DEAD);
    sched_switch();
    panic("sched: a dead task runs");
}

/* Nothing is ready here.  True: now something may be. */
static bool find_work(struct run_queue *q)
{
    uint64_t self = BIT(cpu_index());

    if (cpu_count == 1)
        return false;
    __atomic_fetch_or(&cpus_idle, self, __ATOMIC_SEQ_CST);
    return __atomic_load_n(&q->ready_count, __ATOMIC_RELAXED) || sched_steal(0);
}

static void idle_ends(void)
{
    if (sched_is_idle(cpu_index()))
        __atomic_fetch_and(&cpus_idle, ~BIT(cpu_index()), __ATOMIC_RELAXED);
}

void sched_idle(void)
{
    struct run_queue *q = run_queue_own();

    for (;;) {
        irq_disable();
        /* Who adds to the queue sends an interrupt. */
        if (__atomic_load_n(&q->ready_count, __ATOMIC_RELAXED) || find_work(q)) {
            idle_ends();
            sched_switch();
            continue;
        }
        __asm__ volatile("sti; hlt" : : : "memory"); /* STI's shadow: no interrupt is lost in between */
    }
}
