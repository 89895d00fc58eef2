/*
 * Timers: a tree per CPU, ordered by deadline; the APIC's timer is set for the first.  A cancelled or moved first timer
 * leaves the hardware as it is: one early interrupt that finds nothing is cheaper than a write that leaves the machine.
 *
 * Each queue's lock is taken with interrupts off; callbacks run without it.
 */
#include "guest_kernel/core/timers.h"

#include "guest_kernel/core/apic.h"
#include "guest_kernel/core/clock.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/trap.h"
#include "lib/spinlock.h"

RB_HEAD(timer_tree, timer);

struct timer_queue {
    struct spinlock lock;
    struct timer_tree tree;
    uint64_t programmed_ns; /* what the hardware is set for; UINT64_MAX: nothing */
    struct timer *running;  /* whose callback runs now */
} aligned_to(64);

static struct timer_queue queues[CPU_MAX];

static int timer_compare(const struct timer *a, const struct timer *b)
{
    if (a->deadline_ns != b->deadline_ns)
        return a->deadline_ns < b->deadline_ns ? -1 : 1;
    return a < b ? -1 : a > b;
}

RB_GENERATE_INTERNAL(timer_tree, timer, node, timer_compare, static __attribute__((unused)))

void timer_init(struct timer *t, void (*expired)(struct timer *))
{
    *t = (struct timer){.expired = expired};
}

/* On the queue's own CPU, lock held. */
static void hardware_set(struct timer_queue *q)
{
    struct timer *first = RB_MIN(timer_tree, &q->tree);

    if (!first || first->deadline_ns >= q->programmed_ns)
        return;
    q->programmed_ns = first->deadline_ns;
    apic_timer_set(clock_tsc_of_ns(first->deadline_ns));
}

/* The queue that a timer is or was on, locked: `cpu` changes under the lock of the queue that it leaves. */
static struct timer_queue *queue_lock(struct timer *t, uint64_t *flags)
{
    for (;;) {
        uint32_t cpu = __atomic_load_n(&t->cpu, __ATOMIC_RELAXED);
        struct timer_queue *q = &queues[cpu];

        *flags = spin_lock_irqsave(&q->lock);
        if (cpu == t->cpu)
            return q;
        spin_unlock_irqrestore(&q->lock, *flags);
    }
}

static bool dequeue(struct timer_queue *q, struct timer *t)
{
    bool was_armed = t->armed;

    if (was_armed)
        RB_REMOVE(timer_tree, &q->tree, t);
    t->armed = false;
    return was_armed;
}

/* On this CPU's queue; or where its callback runs, if it does: that interrupt sets the hardware when it ends. */
void timer_arm(struct timer *t, uint64_t deadline_ns)
{
    uint64_t flags;
    struct timer_queue *q, *own;

    for (;;) {
        q = queue_lock(t, &flags);
        own = &queues[cpu_index()];
        dequeue(q, t);
        if (q == own || q->running == t)
            break;
        __atomic_store_n(&t->cpu, cpu_index(), __ATOMIC_RELAXED);
        spin_unlock_irqrestore(&q->lock, flags); /* somebody else may arm it meanwhile: look again */
    }
    t->deadline_ns = deadline_ns;
    t->armed = true;
    RB_INSERT(timer_tree, &q->tree, t);
    if (q == own)
        hardware_set(q);
    spin_unlock_irqrestore(&q->lock, flags);
}

bool timer_cancel(struct timer *t)
{
    uint64_t flags;
    bool was_armed = false;

    for (;;) {
        struct timer_queue *q = queue_lock(t, &flags);
        /* Its callback may run on another CPU, and arm it again; on this one it runs only if we are called from it. */
        bool runs = q->running == t && q != &queues[cpu_index()];

        was_armed |= dequeue(q, t);
        spin_unlock_irqrestore(&q->lock, flags);
        if (!runs)
            return was_armed;
        cpu_relax();
    }
}

static void timer_interrupt(void)
{
    struct timer_queue *q = &queues[cpu_index()];
    struct timer *t;

    spin_lock(&q->lock);
    q->programmed_ns = UINT64_MAX;
    while ((t = RB_MIN(timer_tree, &q->tree)) && t->deadline_ns <= clock_monotonic_ns()) {
        RB_REMOVE(timer_tree, &q->tree, t);
        t->armed = false;
        q->running = t;
        spin_unlock(&q->lock);
        t->expired(t);
        spin_lock(&q->lock);
        q->running = NULL;
    }
    hardware_set(q);
    spin_unlock(&q->lock);
}

/* An interrupt that comes too early finds nothing due and sets the hardware anew. */
void timers_look_again(void)
{
    for (uint32_t i = 0; i < cpu_count; i++) {
        if (cpu_is_online(i))
            apic_send_fixed(cpu_at(i)->apic_id, VECTOR_TIMER);
    }
}

void timers_init_cpu(void)
{
    struct timer_queue *q = &queues[cpu_index()];

    RB_INIT(&q->tree);
    q->programmed_ns = UINT64_MAX;
}

void timers_init(void)
{
    timers_init_cpu();
    trap_set_interrupt(VECTOR_TIMER, timer_interrupt);
}
