/*
 * See hv/timer.h.  Each CPU has a tree of its own, which others touch to take a timer away; the lock is never held while
 * a timer's function runs.
 */
#include "hv/timer.h"

#include "hv/cpu.h"
#include "hv/timer_run.h"
#include "lib/log.h"

static int timer_compare(const struct hv_timer *a, const struct hv_timer *b)
{
    if (a->deadline_tsc != b->deadline_tsc)
        return a->deadline_tsc < b->deadline_tsc ? -1 : 1;
    return (a > b) - (a < b);
}

RB_GENERATE_INTERNAL(hv_timer_tree, hv_timer, node, timer_compare, static __attribute__((unused)))

static struct hv_timer *first_of(struct cpu *c)
{
    return RB_MIN(hv_timer_tree, &c->timers);
}

uint64_t hv_timer_first(void)
{
    struct cpu *c = this_cpu();
    uint64_t flags = spin_lock_irqsave(&c->timer_lock);
    struct hv_timer *first = first_of(c);
    uint64_t deadline = first ? first->deadline_tsc : ~0ULL;

    spin_unlock_irqrestore(&c->timer_lock, flags);
    return deadline;
}

static void deadline_update(struct cpu *c)
{
    c->next_deadline = MIN(hv_timer_first(), c->slice_end);
}

enum taken { WAS_IDLE, WAS_ARMED, IS_EXPIRING };

/* Out of its CPU's tree, if it is in one. */
static enum taken timer_take(struct hv_timer *t)
{
    struct cpu *c = t->cpu;
    enum taken was = WAS_IDLE;

    if (!c)
        return was;
    uint64_t flags = spin_lock_irqsave(&c->timer_lock);
    if (t->armed) {
        RB_REMOVE(hv_timer_tree, &c->timers, t);
        t->armed = false;
        was = WAS_ARMED;
    } else if (c->expiring == t) {
        was = IS_EXPIRING;
    }
    spin_unlock_irqrestore(&c->timer_lock, flags);
    return was;
}

void hv_timer_arm_at(struct cpu *c, struct hv_timer *t, uint64_t deadline_tsc)
{
    timer_take(t);
    t->deadline_tsc = deadline_tsc;
    t->cpu = c;
    uint64_t flags = spin_lock_irqsave(&c->timer_lock);
    t->armed = true;
    RB_INSERT(hv_timer_tree, &c->timers, t);
    bool is_first = first_of(c) == t;
    spin_unlock_irqrestore(&c->timer_lock, flags);
    if (c == this_cpu())
        c->next_deadline = MIN(c->next_deadline, deadline_tsc);
    else if (is_first)
        cpu_kick(c);
}

void hv_timer_arm(struct hv_timer *t, uint64_t deadline_tsc)
{
    hv_timer_arm_at(this_cpu(), t, deadline_tsc);
}

/* Take it, waiting for another CPU on which it expires just now: its function may have armed it again. */
static bool timer_take_all(struct hv_timer *t)
{
    enum taken was;

    while ((was = timer_take(t)) == IS_EXPIRING && t->cpu != this_cpu())
        cpu_relax();
    return was == WAS_ARMED;
}

void hv_timer_cancel(struct hv_timer *t)
{
    timer_take_all(t);
}

void hv_timer_bring(struct hv_timer *t)
{
    if (t->cpu && t->cpu != this_cpu() && timer_take_all(t))
        hv_timer_arm(t, t->deadline_tsc);
}

/* The first timer if it is due: from now on it counts as expiring. */
static struct hv_timer *due_take(struct cpu *c, uint64_t now)
{
    uint64_t flags = spin_lock_irqsave(&c->timer_lock);
    struct hv_timer *t = first_of(c);

    if (t && t->deadline_tsc > now)
        t = NULL;
    if (t) {
        RB_REMOVE(hv_timer_tree, &c->timers, t);
        t->armed = false;
    }
    c->expiring = t;
    spin_unlock_irqrestore(&c->timer_lock, flags);
    return t;
}

/* Only what is due at the start runs, so that a timer which re-arms itself in the past cannot hold the CPU. */
void hv_timer_run(void)
{
    struct cpu *c = this_cpu();
    uint64_t now = tsc_read();
    struct hv_timer *t;

    while ((t = due_take(c, now)))
        t->expired(t);
    deadline_update(c);
}
