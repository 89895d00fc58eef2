/*
 * The TSC's frequency by the old timer (Intel 8254, channel 2), for machines where nothing tells it.
 */
#ifndef LIB_PIT_H
#define LIB_PIT_H

#include <stdint.h>

/*
 * In Hz; 0: there is no such timer.  Takes 5 ms, or a few times that where somebody stops this CPU meanwhile (a
 * hypervisor, system management mode).  At boot, on one CPU; leaves the channel stopped as it was.
 */
uint64_t pit_tsc_hz(void);

#endif
