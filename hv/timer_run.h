/*
 * The part of hv/timer.h for those who drive the timers.
 */
#ifndef HV_TIMER_RUN_H
#define HV_TIMER_RUN_H

#include "lib/compiler.h"

uint64_t hv_timer_first(void); /* deadline of this CPU's first timer; ~0: there is none */

/* Call what has expired on this CPU.  Interrupts off, root mode, between exits. */
void hv_timer_run(void);

#endif
