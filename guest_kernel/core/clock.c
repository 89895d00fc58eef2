/*
 * Monotonic time is the TSC since boot, scaled; real time is that plus an offset that clock_realtime_set() changes.
 * Scales are 32.32 fixed point; products are 128 bits wide, so nothing overflows in centuries.
 */
#include "guest_kernel/core/clock.h"

#include <linux/time.h>

#include "guest_kernel/core/apic.h"
#include "guest_kernel/core/clock_page.h"
#include "guest_kernel/core/wait.h"
#include "lib/log.h"
#include "lib/x86.h"

static uint64_t boot_tsc, tsc_hz;
static uint64_t ns_per_tick, ticks_per_ns; /* 32.32 */
static uint64_t real_offset_ns; /* atomic */
static int32_t tai_offset_s;    /* atomic */
static uint64_t minutes_west, daylight_saving; /* atomic */
static struct clock_page *published; /* set once at boot */
static struct spinlock set_lock = SPINLOCK_INIT; /* the clock's: one sets it at a time; guards `watches` */
static LIST_HEAD(, clock_watch) watches = LIST_HEAD_INITIALIZER(watches);
struct wait_queue clock_was_set = {.waiters = TAILQ_HEAD_INITIALIZER(clock_was_set.waiters)};

uint64_t clock_ns_of_tsc(uint64_t tsc)
{
    return (uint64_t)((unsigned __int128)(tsc - boot_tsc) * ns_per_tick >> 32);
}

uint64_t clock_tsc_of_ns(uint64_t monotonic_ns)
{
    unsigned __int128 ticks = (unsigned __int128)monotonic_ns * ticks_per_ns >> 32;

    return ticks < UINT64_MAX - boot_tsc - 2 ? boot_tsc + (uint64_t)ticks + 2 : UINT64_MAX;
}

uint64_t clock_tsc_hz(void)
{
    return tsc_hz;
}

uint64_t clock_monotonic_ns(void)
{
    return clock_ns_of_tsc(tsc_read());
}

uint64_t clock_realtime_ns(void)
{
    return clock_monotonic_ns() + clock_realtime_offset_ns();
}

uint64_t clock_realtime_offset_ns(void)
{
    return __atomic_load_n(&real_offset_ns, __ATOMIC_RELAXED);
}

void clock_realtime_set(uint64_t ns)
{
    struct clock_watch *w;

    spin_lock(&set_lock);
    uint64_t offset = ns - clock_monotonic_ns();

    /* Release: who is called or woken sees the new time. */
    __atomic_store_n(&real_offset_ns, offset, __ATOMIC_RELEASE);
    if (published)
        __atomic_store_n(&published->real_offset_ns, offset, __ATOMIC_RELAXED);
    LIST_FOREACH(w, &watches, link)
        w->changed(w);
    spin_unlock(&set_lock);
    wake_all(&clock_was_set);
}

void clock_watch_add(struct clock_watch *w)
{
    spin_lock(&set_lock);
    if (!w->listed)
        LIST_INSERT_HEAD(&watches, w, link);
    w->listed = true;
    spin_unlock(&set_lock);
}

void clock_watch_remove(struct clock_watch *w)
{
    if (!w->listed) /* the owner's own doing: nobody else changes it */
        return;
    spin_lock(&set_lock);
    LIST_REMOVE(w, link);
    w->listed = false;
    spin_unlock(&set_lock);
}

int32_t clock_tai_offset_s(void)
{
    return __atomic_load_n(&tai_offset_s, __ATOMIC_RELAXED);
}

void clock_tai_set(int32_t seconds)
{
    __atomic_store_n(&tai_offset_s, seconds, __ATOMIC_RELAXED);
    if (published)
        __atomic_store_n(&published->tai_offset_ns, (uint64_t)seconds * NS_PER_S, __ATOMIC_RELAXED);
}

void clock_timezone(struct timezone *out)
{
    out->tz_minuteswest = (int)__atomic_load_n(&minutes_west, __ATOMIC_RELAXED);
    out->tz_dsttime = (int)__atomic_load_n(&daylight_saving, __ATOMIC_RELAXED);
}

void clock_timezone_set(int west, int daylight)
{
    __atomic_store_n(&minutes_west, (uint64_t)west, __ATOMIC_RELAXED);
    __atomic_store_n(&daylight_saving, (uint64_t)daylight, __ATOMIC_RELAXED);
    if (!published)
        return;
    __atomic_store_n(&published->minutes_west, (uint64_t)west, __ATOMIC_RELAXED);
    __atomic_store_n(&published->daylight_saving, (uint64_t)daylight, __ATOMIC_RELAXED);
}

void clock_publish(struct clock_page *page)
{
    page->tsc_base = boot_tsc;
    page->ns_per_tick = ns_per_tick;
    page->real_offset_ns = __atomic_load_n(&real_offset_ns, __ATOMIC_RELAXED);
    published = page;
}

void clock_init(void)
{
    boot_tsc = tsc_read();

    struct clock_rates rates = clock_rates_find();

    tsc_hz = rates.tsc_hz;
    ns_per_tick = mul_div(NS_PER_S, BIT(32), tsc_hz);
    ticks_per_ns = mul_div(tsc_hz, BIT(32), NS_PER_S);
    log_info("clock: TSC runs at %lu kHz (%s)", tsc_hz / 1000, rates.source);
    apic_timer_init(rates.apic_bus_hz, tsc_hz);
    uint64_t wall = wall_clock_read();

    if (wall)
        clock_realtime_set(wall);
    else
        log_warn("clock: no time of day, starting at 1970");
}
