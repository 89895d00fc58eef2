/*
 * The time of day, from the machine's CMOS clock (taken to be UTC).
 */
#ifndef HV_WALL_CLOCK_H
#define HV_WALL_CLOCK_H

#include "lib/compiler.h"

uint64_t wall_clock_seconds(void); /* since 1970; 0: there is no such clock */

#endif
