/*
 * Measuring exits, if asked (they are always counted, by the loop).
 */
#ifndef VMEXIT_STATS_H
#define VMEXIT_STATS_H

#include "vmexit/state.h"

/* The two moments of the boot that are not known yet; `entered`: the TSC before the entry. */
void stats_note_first(struct vcpu *v, uint64_t entered);
/* The last exit has been handled. */
void stats_measure(struct vcpu *v);

#endif
