/*
 * Inside of the clocks: set-up, and the TSC for those who program the timer.
 */
#ifndef GUEST_KERNEL_CORE_CLOCK_H
#define GUEST_KERNEL_CORE_CLOCK_H

#include "guest_kernel/core/time.h"

/* a * b / c with a 128-bit product; the quotient must fit 64 bits. */
static inline uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t high, low, rest;

    __asm__("mulq %3" : "=d"(high), "=a"(low) : "a"(a), "r"(b));
    __asm__("divq %4" : "=a"(low), "=d"(rest) : "a"(low), "d"(high), "r"(c));
    return low;
}

void clock_init(void);
uint64_t clock_tsc_of_ns(uint64_t monotonic_ns);
uint64_t clock_ns_of_tsc(uint64_t tsc);
uint64_t clock_tsc_hz(void);

/* tsc_frequency.c */
struct clock_rates {
    uint64_t tsc_hz;
    uint64_t apic_bus_hz; /* 0: not known */
    const char *source;
};
struct clock_rates clock_rates_find(void);

/* Time of day in ns since 1970, 0: nobody tells. */
uint64_t wall_clock_read(void);

#endif
