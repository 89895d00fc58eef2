/*
 * Finding the TSC's frequency; asked for by tsc_hz() (hv/timer.h).
 */
#ifndef HV_TSC_H
#define HV_TSC_H

#include "lib/compiler.h"

int tsc_init(void) must_check; /* 0, or -ENODEV: no clock to measure it by */

#endif
