/*
 * What a CPU must forget when it goes from one sandbox to another, so that the second cannot learn of the first by timing.
 */
#ifndef HV_HYGIENE_H
#define HV_HYGIENE_H

void hygiene_init(void);   /* once, after xstate_init: what this machine's CPUs need, from CPUID and IA32_ARCH_CAPABILITIES */
void hygiene_switch(void); /* this CPU is about to run another sandbox than before */

#endif
