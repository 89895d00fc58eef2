/*
 * Clocks and timers.  Monotonic time is TSC based (kvmclock or a calibrated TSC), in ns since boot.  Timers sit in a
 * per-CPU tree and are driven by the local APIC's one-shot or TSC-deadline timer; there is no periodic tick beyond the
 * time slice of a running task.
 */
#ifndef GUEST_KERNEL_CORE_TIME_H
#define GUEST_KERNEL_CORE_TIME_H

#include <bsd/sys/tree.h>

#include "lib/compiler.h"

#define NS_PER_S 1000000000ULL

uint64_t clock_monotonic_ns(void);
uint64_t clock_realtime_ns(void); /* since 1970 */
int clock_realtime_set(uint64_t ns);

struct timer {
    RB_ENTRY(timer) node;            /* guarded by its CPU's timer lock, as all fields below */
    uint64_t deadline_ns;            /* monotonic */
    void (*expired)(struct timer *); /* in interrupt context, timer lock not held; may re-arm */
    uint32_t cpu;
    bool armed;
};
void timer_init(struct timer *t, void (*expired)(struct timer *));
/*
 * Re-arms if armed.  Does not wait for a callback that runs on another CPU: it may be called with locks held that the
 * callback takes, which then finds by its own fields that it is early.
 */
void timer_arm(struct timer *t, uint64_t deadline_ns);
/* True if it was armed.  On return it neither runs nor is armed; so no lock may be held that the callback takes. */
bool timer_cancel(struct timer *t);

#endif
