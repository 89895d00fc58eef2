/*
 * Monotonic time is the TSC since boot, scaled by a rate that clock_rate_set() changes; real time is that plus an offset
 * that clock_realtime_set() changes; raw time is scaled by the machine's own rate for ever.  Scales are 32.32 fixed point;
 * products are 128 bits wide, so nothing overflows in centuries.
 */
#include "guest_kernel/core/clock.h"

#include <linux/time.h>

#include "guest_kernel/core/apic.h"
#include "guest_kernel/core/clock_page.h"
#include "guest_kernel/core/timers.h"
#include "guest_kernel/core/wait.h"
#include "lib/log.h"
#include "lib/x86.h"

static uint64_t tsc_hz;
static struct clock_page first_page;
static struct clock_page *page = &first_page; /* another one since clock_publish(); written under set_lock */
static uint64_t ticks_per_ns;                 /* 32.32, of page->ns_per_tick and changed with it */
static struct spinlock set_lock = SPINLOCK_INIT; /* the clock's: one sets it at a time; guards `watches`; interrupts off */
static LIST_HEAD(, clock_watch) watches = LIST_HEAD_INITIALIZER(watches);
struct wait_queue clock_was_set = {.waiters = TAILQ_HEAD_INITIALIZER(clock_was_set.waiters)};

uint64_t clock_ns_of_tsc(uint64_t tsc)
{
    uint32_t sequence;
    uint64_t ns;

    do {
        sequence = clock_page_begin(page);
        ns = clock_page_ns(page, tsc, CLOCK_OFFSET_NONE);
    } while (clock_page_retry(page, sequence));
    return ns;
}

uint64_t clock_tsc_of_ns(uint64_t monotonic_ns)
{
    uint32_t sequence;
    uint64_t base, ns, per_ns;

    do {
        sequence = clock_page_begin(page);
        base = clock_page_get(&page->tsc_base);
        ns = clock_page_get(&page->ns_base);
        per_ns = clock_page_get(&ticks_per_ns);
    } while (clock_page_retry(page, sequence));
    unsigned __int128 ticks = (unsigned __int128)(MAX(monotonic_ns, ns) - ns) * per_ns >> 32;

    return ticks < UINT64_MAX - base - 2 ? base + (uint64_t)ticks + 2 : UINT64_MAX;
}

uint64_t clock_tsc_hz(void)
{
    return tsc_hz;
}

/* The time now, by one of the slewed clocks. */
static uint64_t now_ns(enum clock_offset offset)
{
    uint32_t sequence;
    uint64_t ns;

    do {
        sequence = clock_page_begin(page);
        ns = clock_page_ns(page, tsc_read(), offset);
    } while (clock_page_retry(page, sequence));
    return ns;
}

uint64_t clock_monotonic_ns(void)
{
    return now_ns(CLOCK_OFFSET_NONE);
}

uint64_t clock_realtime_ns(void)
{
    return now_ns(CLOCK_OFFSET_REAL);
}

uint64_t clock_tai_ns(void)
{
    return now_ns(CLOCK_OFFSET_TAI);
}

uint64_t clock_raw_ns(void)
{
    return clock_page_raw_ns(page, tsc_read());
}

uint64_t clock_realtime_offset_ns(void)
{
    return clock_page_get(&page->offset_ns[CLOCK_OFFSET_REAL]);
}

int32_t clock_tai_offset_s(void)
{
    uint32_t sequence;
    uint64_t ns;

    do {
        sequence = clock_page_begin(page);
        ns = clock_page_get(&page->offset_ns[CLOCK_OFFSET_TAI]) - clock_page_get(&page->offset_ns[CLOCK_OFFSET_REAL]);
    } while (clock_page_retry(page, sequence));
    return (int32_t)((int64_t)ns / (int64_t)NS_PER_S);
}

/* set_lock held, which has interrupts off: an interrupt that reads the clock would wait for us. */
static void write_begin(void)
{
    assert_held(&set_lock);
    __atomic_store_n(&page->sequence, page->sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE); /* who sees a new field sees that it is written */
}

static void write_end(void)
{
    __atomic_store_n(&page->sequence, page->sequence + 1, __ATOMIC_RELEASE); /* the fields are seen before it */
}

static void put(uint64_t *field, uint64_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELAXED);
}

static void offsets_put(uint64_t real_ns, uint64_t tai_ns)
{
    write_begin();
    put(&page->offset_ns[CLOCK_OFFSET_REAL], real_ns);
    put(&page->offset_ns[CLOCK_OFFSET_TAI], tai_ns);
    write_end();
}

/* set_lock held.  Whoever waits for a real time looks at the clock again. */
static void tell_watches(void)
{
    struct clock_watch *w;

    LIST_FOREACH(w, &watches, link)
        w->changed(w);
}

void clock_realtime_set(uint64_t ns)
{
    uint64_t flags = spin_lock_irqsave(&set_lock);
    uint64_t tai_ns = page->offset_ns[CLOCK_OFFSET_TAI] - page->offset_ns[CLOCK_OFFSET_REAL];
    uint64_t offset = ns - clock_monotonic_ns();

    offsets_put(offset, offset + tai_ns);
    tell_watches();
    spin_unlock_irqrestore(&set_lock, flags);
    wake_all(&clock_was_set);
}

void clock_leap(int seconds)
{
    uint64_t flags = spin_lock_irqsave(&set_lock);
    uint64_t step = (uint64_t)seconds * NS_PER_S;

    offsets_put(page->offset_ns[CLOCK_OFFSET_REAL] + step, page->offset_ns[CLOCK_OFFSET_TAI]);
    tell_watches();
    spin_unlock_irqrestore(&set_lock, flags);
    wake_all(&clock_was_set);
}

void clock_tai_set(int32_t seconds)
{
    uint64_t flags = spin_lock_irqsave(&set_lock);
    uint64_t real = page->offset_ns[CLOCK_OFFSET_REAL];

    offsets_put(real, real + (uint64_t)seconds * NS_PER_S);
    spin_unlock_irqrestore(&set_lock, flags);
}

void clock_rate_set(uint64_t gain)
{
    uint64_t flags = spin_lock_irqsave(&set_lock);
    uint64_t rate = mul_div(page->raw_ns_per_tick, gain, NS_PER_S << 32);
    bool faster = rate > page->ns_per_tick;

    write_begin();
    uint64_t tsc = MAX(tsc_read(), page->tsc_base);

    put(&page->ns_base, clock_page_ns(page, tsc, CLOCK_OFFSET_NONE));
    put(&page->tsc_base, tsc);
    put(&page->ns_per_tick, rate);
    put(&ticks_per_ns, mul_div(BIT(32), BIT(32), rate));
    write_end();
    spin_unlock_irqrestore(&set_lock, flags);
    if (faster) /* their hardware is set for a TSC that comes too late; one that comes too early is set anew by itself */
        timers_look_again();
}

void clock_watch_add(struct clock_watch *w)
{
    uint64_t flags = spin_lock_irqsave(&set_lock);

    if (!w->listed)
        LIST_INSERT_HEAD(&watches, w, link);
    w->listed = true;
    spin_unlock_irqrestore(&set_lock, flags);
}

void clock_watch_remove(struct clock_watch *w)
{
    if (!w->listed) /* the owner's own doing: nobody else changes it */
        return;
    uint64_t flags = spin_lock_irqsave(&set_lock);

    LIST_REMOVE(w, link);
    w->listed = false;
    spin_unlock_irqrestore(&set_lock, flags);
}

void clock_timezone(struct timezone *out)
{
    out->tz_minuteswest = (int)clock_page_get(&page->minutes_west);
    out->tz_dsttime = (int)clock_page_get(&page->daylight_saving);
}

void clock_timezone_set(int west, int daylight)
{
    put(&page->minutes_west, (uint64_t)west);
    put(&page->daylight_saving, (uint64_t)daylight);
}

void clock_publish(struct clock_page *published)
{
    *published = *page;
    __atomic_store_n(&page, published, __ATOMIC_RELEASE); /* other CPUs read the old one, which says the same */
}

void clock_init(void)
{
    uint64_t boot_tsc = tsc_read();
    struct clock_rates rates = clock_rates_find();

    tsc_hz = rates.tsc_hz;
    page->raw_tsc_base = page->tsc_base = boot_tsc;
    page->raw_ns_per_tick = page->ns_per_tick = mul_div(NS_PER_S, BIT(32), tsc_hz);
    ticks_per_ns = mul_div(tsc_hz, BIT(32), NS_PER_S);
    log_info("clock: TSC runs at %lu kHz (%s)", tsc_hz / 1000, rates.source);
    apic_timer_init(rates.apic_bus_hz, tsc_hz);
    uint64_t wall = wall_clock_read();

    if (wall)
        clock_realtime_set(wall);
    else
        log_warn("clock: no time of day, starting at 1970");
}
