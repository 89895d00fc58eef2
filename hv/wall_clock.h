/*
 * The time of day, from the machine's CMOS clock (taken to be UTC), which is read once: it is slow, and its two ports would
 * have to be shared by all CPUs.
 */
#ifndef HV_WALL_CLOCK_H
#define HV_WALL_CLOCK_H

#include "lib/compiler.h"

void wall_clock_init(void);        /* at boot, when the TSC's frequency is known */
uint64_t wall_clock_seconds(void); /* since 1970; 0: there is no such clock */

#endif
