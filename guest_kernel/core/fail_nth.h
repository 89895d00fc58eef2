/*
 * What a build with -Dfail_nth=true offers beside pages.h: the N-th allocation of one task fails, and the places where
 * allocations have failed are known.  One task at a time.
 */
#ifndef GUEST_KERNEL_CORE_FAIL_NTH_H
#define GUEST_KERNEL_CORE_FAIL_NTH_H

#include "lib/compiler.h"

#define FAIL_SITE_DEPTH 5

void fail_nth_arm(uint64_t n); /* the N-th from now on of the current task; 0: none */
uint64_t fail_nth_left(void);  /* 0: it has failed, or none was to */
/* Return addresses on the way to an allocation that has failed, innermost first; false: no more places. */
bool fail_nth_site(unsigned index, uint64_t chain[FAIL_SITE_DEPTH]) must_check;

#endif
