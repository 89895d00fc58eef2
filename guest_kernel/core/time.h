/*
 * Clocks and timers.  Monotonic time is TSC based (kvmclock or a calibrated TSC), in ns since boot.  Timers sit in a
 * per-CPU tree and are driven by the local APIC's one-shot or TSC-deadline timer; there is no periodic tick beyond the
 * time slice of a running task.
 */
#ifndef GUEST_KERNEL_CORE_TIME_H
#define GUEST_KERNEL_CORE_TIME_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "lib/compiler.h"

#define NS_PER_S 1000000000ULL

uint64_t clock_monotonic_ns(void);
uint64_t clock_realtime_ns(void); /* since 1970 */
uint64_t clock_tai_ns(void);
uint64_t clock_raw_ns(void); /* since boot, at the rate that the machine had then */
/*
 * Steps the real time.  Whoever waits for a real time hears of it: watches are called, sleepers on clock_was_set are
 * woken, after it is set.  No spinlock held that a watch takes.
 */
void clock_realtime_set(uint64_t ns);
extern struct wait_queue clock_was_set;
uint64_t clock_realtime_offset_ns(void); /* real minus monotonic time */
void clock_leap(int seconds);             /* as clock_realtime_set(), by 1 or -1 s; TAI goes on */
/* How many ns (32.32 fixed point) all clocks but the raw one gain in 10^9 of the raw one's; at least half as many. */
void clock_rate_set(uint64_t gain);

struct timezone;
struct clock_watch {
    LIST_ENTRY(clock_watch) link;          /* guarded by the clock's lock */
    void (*changed)(struct clock_watch *); /* with the clock's lock held */
    bool listed;
};
void clock_watch_add(
    struct clock_watch *w); /* once more: nothing.  Its owner alone adds and removes it, as for the next */
void clock_watch_remove(struct clock_watch *w); /* afterwards it is not called, and does not run */

int32_t clock_tai_offset_s(void);
void clock_timezone(struct timezone *out); /* <linux/time.h>; kept and shown, as Linux */
void clock_timezone_set(int minutes_west, int daylight_saving);
void clock_tai_set(int32_t seconds); /* as all that sets clocks: one at a time, by the caller's lock */

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
