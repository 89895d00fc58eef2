/*
 * The timer of the guest's local APIC (SDM vol. 3, section 11.5.4) on a timer of the hypervisor.  Its input clock is the
 * TSC, so counts are TSC ticks shifted by the divider, and the guest's TSC is the machine's.
 */
#include "vmexit/lapic_state.h"

#define PERIODS_PER_S_MAX 100000 /* a shorter period is stretched: it would keep the guest from running at all */
#define PERIODS_LOST_PER_S 1000  /* nobody takes the interrupts: then others should not pay for them, who run meanwhile */

static enum lapic_timer_mode timer_mode(const struct lapic *l)
{
    return (enum lapic_timer_mode)(l->lvt[0] >> 17 & 3);
}

/* Divide by 2, 4, .. 128 or 1: bits 0, 1 and 3 of the register. */
static unsigned divide_shift(uint32_t divide)
{
    return (((divide & 3) | (divide >> 1 & 4)) + 1) & 7;
}

static uint64_t period_ticks(const struct lapic *l)
{
    return (uint64_t)l->timer_initial << divide_shift(l->timer_divide);
}

static void timer_run_until(struct lapic *l, uint64_t deadline)
{
    l->timer_deadline = deadline;
    hv_timer_arm(&l->timer, deadline);
}

void lapic_timer_stop(struct lapic *l)
{
    l->timer_deadline = 0;
    hv_timer_cancel(&l->timer);
}

/* An interrupt now would make a difference to the guest: it is not masked, and the one before it was taken. */
static bool tick_is_wanted(const struct lapic *l)
{
    uint32_t entry = l->lvt[0], vector = entry & 0xff;

    return !(entry & LAPIC_LVT_MASKED) && !(__atomic_load_n(&l->irr[vector / 32], __ATOMIC_RELAXED) & 1u << vector % 32);
}

static void timer_expired(struct hv_timer *t)
{
    struct lapic *l = container_of(t, struct lapic, timer);

    if (timer_mode(l) == LAPIC_PERIODIC && l->timer_initial) {
        uint64_t per_s_max = tick_is_wanted(l) ? PERIODS_PER_S_MAX : PERIODS_LOST_PER_S;
        uint64_t now = tsc_read(), period = MAX(period_ticks(l), tsc_hz() / per_s_max);
        uint64_t next = l->timer_deadline + period;
        timer_run_until(l, next > now ? next : now + period); /* what was slept through is not made up for */
    } else {
        l->timer_deadline = 0;
    }
    lapic_raise_local(l, LAPIC_LVT_TIMER);
}

void lapic_timer_init(struct lapic *l)
{
    l->timer.expired = timer_expired;
}

void lapic_timer_set_initial(struct lapic *l, uint32_t count)
{
    if (timer_mode(l) == LAPIC_TSC_DEADLINE)
        return;
    l->timer_initial = count;
    if (count)
        timer_run_until(l, tsc_read() + period_ticks(l));
    else
        lapic_timer_stop(l);
}

uint32_t lapic_timer_current(const struct lapic *l)
{
    uint64_t now = tsc_read();

    if (timer_mode(l) == LAPIC_TSC_DEADLINE || l->timer_deadline <= now)
        return 0;
    return (uint32_t)MIN((l->timer_deadline - now) >> divide_shift(l->timer_divide), (uint64_t)l->timer_initial);
}

/* Going to or from TSC-deadline mode disarms; one-shot and periodic share a running count. */
void lapic_timer_mode_changed(struct lapic *l, uint32_t old_lvt)
{
    bool was_deadline = (old_lvt >> 17 & 3) == LAPIC_TSC_DEADLINE;

    if (was_deadline != (timer_mode(l) == LAPIC_TSC_DEADLINE)) {
        l->timer_initial = 0;
        lapic_timer_stop(l);
    }
}

/* The count goes on from where it is, at the new pace. */
void lapic_timer_divide_changed(struct lapic *l, uint32_t old_divide)
{
    uint64_t now = tsc_read();

    if (timer_mode(l) == LAPIC_TSC_DEADLINE || l->timer_deadline <= now)
        return;
    uint64_t left = (l->timer_deadline - now) >> divide_shift(old_divide);
    timer_run_until(l, now + (left << divide_shift(l->timer_divide)));
}

uint64_t lapic_timer_deadline_read(const struct lapic *l)
{
    return timer_mode(l) == LAPIC_TSC_DEADLINE ? l->timer_deadline : 0;
}

void lapic_timer_deadline_write(struct lapic *l, uint64_t tsc)
{
    if (timer_mode(l) != LAPIC_TSC_DEADLINE)
        return;
    if (tsc)
        timer_run_until(l, tsc);
    else
        lapic_timer_stop(l);
}
