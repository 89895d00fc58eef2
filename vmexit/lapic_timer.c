/*
 * The timer of the guest's local APIC (SDM vol. 3, section 11.5.4) on a timer of the hypervisor.  Its input clock is the
 * TSC, so counts are TSC ticks shifted by the divider, and the guest's TSC is the machine's.
 */
#include "vmexit/lapic_state.h"

#define PERIODS_PER_S_MAX 100000 /* a shorter period is stretched: it would keep the guest from running at all */

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

static void timer_expired(struct hv_timer *t)
{
    struct lapic *l = container_of(t, struct lapic, timer);

    if (timer_mode(l) == LAPIC_PERIODIC && l->timer_initial) {
        uint64_t now = tsc_read(), period = MAX(period_ticks(l), tsc_hz() / PERIODS_PER_S_MAX);
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
    return (uint32_t)((l->timer_deadline - now) >> divide_shift(l->timer_divide));
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
