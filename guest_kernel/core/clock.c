/*
 * Monotonic time is the TSC since boot, scaled; real time is that plus an offset that clock_realtime_set() changes.
 * Scales are 32.32 fixed point; products are 128 bits wide, so nothing overflows in centuries.
 */
#include "guest_kernel/core/clock.h"

#include "guest_kernel/core/apic.h"
#include "guest_kernel/core/clock_page.h"
#include "lib/log.h"
#include "lib/x86.h"

static uint64_t boot_tsc, tsc_hz;
static uint64_t ns_per_tick, ticks_per_ns; /* 32.32 */
static uint64_t real_offset_ns; /* atomic */
static struct clock_page *published; /* set once at boot */

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
    return clock_monotonic_ns() + __atomic_load_n(&real_offset_ns, __ATOMIC_RELAXED);
}

int clock_realtime_set(uint64_t ns)
{
    uint64_t offset = ns - clock_monotonic_ns();

    __atomic_store_n(&real_offset_ns, offset, __ATOMIC_RELAXED);
    if (published)
        __atomic_store_n(&published->real_offset_ns, offset, __ATOMIC_RELAXED);
    return 0;
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
