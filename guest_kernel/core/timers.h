/*
 * Set-up of the timer queues (time.h is what others use).
 */
#ifndef GUEST_KERNEL_CORE_TIMERS_H
#define GUEST_KERNEL_CORE_TIMERS_H

void timers_init(void);     /* with those of the boot CPU */
void timers_init_cpu(void); /* those of another */
void timers_look_again(void); /* on all CPUs: the clock's rate has changed; from any context */

#endif
