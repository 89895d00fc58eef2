/*
 * What user mode needs to read the clocks by itself: one page, mapped read-only into every process before the vDSO, and
 * written by core/clock.c alone.  Monotonic ns = (TSC - tsc_base) * ns_per_tick >> 32; real time adds real_offset_ns.
 * Only real_offset_ns ever changes, by one 8-byte store: a reader sees the old or the new time, never a mixture.
 */
#ifndef GUEST_KERNEL_CORE_CLOCK_PAGE_H
#define GUEST_KERNEL_CORE_CLOCK_PAGE_H

#include <stdint.h>

struct clock_page {
    uint64_t tsc_base;
    uint64_t ns_per_tick; /* 32.32 fixed point */
    uint64_t real_offset_ns;
};

/* From now on keep *page true; once, at boot, after clock_init(). */
void clock_publish(struct clock_page *page);

#endif
