/*
 * Numbers that tell the address spaces of vCPUs apart in the TLB (SDM vol. 3, 29.1).  0 is the hypervisor's.
 */
#ifndef HV_VPID_H
#define HV_VPID_H

#include "lib/compiler.h"

/* A number that no vCPU has, 0: there is none left.  Whoever gets it flushes it on each CPU before using it there. */
uint16_t vpid_alloc(void) must_check;
void vpid_free(uint16_t vpid); /* 0 is fine */

#endif
