/*
 * What user mode needs to read the clocks by itself: one page, mapped read-only into every process before the vDSO, and
 * written by core/clock.c alone.  Monotonic ns = (TSC - tsc_base) * ns_per_tick >> 32; real time adds real_offset_ns.
 * The first two never change, the others each by one 8-byte store: a reader sees the old or the new one, never a mixture.
 */
#ifndef GUEST_KERNEL_CORE_CLOCK_PAGE_H
#define GUEST_KERNEL_CORE_CLOCK_PAGE_H

#include <stdint.h>

struct clock_page {
    uint64_t tsc_base;
    uint64_t ns_per_tick; /* 32.32 fixed point */
    uint64_t real_offset_ns;
    uint64_t tai_offset_ns;   /* TAI minus real time; a multiple of a second */
    uint64_t minutes_west;    /* the time zone that settimeofday(2) set, and its daylight saving */
    uint64_t daylight_saving;
};

/* From now on keep *page true; once, at boot, after clock_init(). */
void clock_publish(struct clock_page *page);

#endif
