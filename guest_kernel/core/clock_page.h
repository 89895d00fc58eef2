/*
 * What reading the clocks needs: one page, written by core/clock.c alone, mapped read-only into every process before the
 * vDSO, which reads it as the kernel does.  Clocks that the kernel slews go by
 *
 *     monotonic ns = ns_base + ((TSC - tsc_base) * ns_per_tick >> 32),      real time, TAI = that + offset_ns[]
 *
 * and what this is made of changes together: `sequence` is odd while it is written, and another one afterwards
 * (clock_page_begin, clock_page_retry).  The writer begins before it looks at the TSC, so whoever has read by the old
 * rate read before the new one counts, and nobody sees time go back.
 */
#ifndef GUEST_KERNEL_CORE_CLOCK_PAGE_H
#define GUEST_KERNEL_CORE_CLOCK_PAGE_H

#include <stdbool.h>
#include <stdint.h>

enum clock_offset { CLOCK_OFFSET_NONE, CLOCK_OFFSET_REAL, CLOCK_OFFSET_TAI, CLOCK_OFFSETS };

struct clock_page {
    uint64_t raw_tsc_base, raw_ns_per_tick; /* CLOCK_MONOTONIC_RAW: never change */
    uint32_t sequence;
    uint64_t tsc_base, ns_base;
    uint64_t ns_per_tick;              /* 32.32 fixed point, as raw_ns_per_tick */
    uint64_t offset_ns[CLOCK_OFFSETS]; /* the first is 0 */
    uint64_t minutes_west, daylight_saving; /* the time zone that settimeofday(2) set; each by itself */
};

/* Waits for a writer, which has interrupts off and does little. */
static inline uint32_t clock_page_begin(const struct clock_page *p)
{
    uint32_t sequence;

    /* Acquire: the fields are read afterwards.  Pairs with the release that ends writing. */
    while ((sequence = __atomic_load_n(&p->sequence, __ATOMIC_ACQUIRE)) & 1)
        __builtin_ia32_pause();
    return sequence;
}

/* Was it written since?  Pairs with the release fence that begins writing. */
static inline bool clock_page_retry(const struct clock_page *p, uint32_t sequence)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&p->sequence, __ATOMIC_RELAXED) != sequence;
}

/* One field, by one load. */
static inline uint64_t clock_page_get(const uint64_t *field)
{
    return __atomic_load_n(field, __ATOMIC_RELAXED);
}

static inline uint64_t clock_page_scale(uint64_t ticks, uint64_t ns_per_tick)
{
    return (uint64_t)((unsigned __int128)ticks * ns_per_tick >> 32);
}

/* Between begin and retry.  A TSC that lags behind that of the CPU which wrote last is taken for that one's. */
static inline uint64_t clock_page_ns(const struct clock_page *p, uint64_t tsc, enum clock_offset offset)
{
    uint64_t base = clock_page_get(&p->tsc_base);
    uint64_t ns = clock_page_scale(tsc < base ? 0 : tsc - base, clock_page_get(&p->ns_per_tick));

    return ns + clock_page_get(&p->ns_base) + clock_page_get(&p->offset_ns[offset]);
}

static inline uint64_t clock_page_raw_ns(const struct clock_page *p, uint64_t tsc)
{
    return clock_page_scale(tsc - p->raw_tsc_base, p->raw_ns_per_tick);
}

/* From now on keep *page true; once, at boot, before anybody sets the clock again. */
void clock_publish(struct clock_page *page);

#endif
