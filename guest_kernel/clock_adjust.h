/*
 * The clock under its discipline (ntp.h): stepped, slewed and made to leap.  All of it is guarded by one lock, taken with
 * interrupts off; callers hold no lock that watches of the clock take.
 */
#ifndef GUEST_KERNEL_CLOCK_ADJUST_H
#define GUEST_KERNEL_CLOCK_ADJUST_H

#include <linux/timex.h>

#include "lib/compiler.h"

/* clock_settime(2): the discipline starts anew.  ns since 1970, not less than since boot. */
void clock_step(uint64_t ns);

/* adjtimex(2) for one who may; x is checked, but for where a step leads (-EINVAL).  Else a TIME_... state, and x filled in. */
long clock_adjust(struct __kernel_timex *x) must_check;

#endif
