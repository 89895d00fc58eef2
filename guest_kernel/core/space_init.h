/*
 * What the scheduler and boot need of address spaces.
 */
#ifndef GUEST_KERNEL_CORE_SPACE_INIT_H
#define GUEST_KERNEL_CORE_SPACE_INIT_H

struct space;

void space_init(void);
void space_load(struct space *s); /* into CR3 if it is not there yet; NULL: the kernel's own.  Interrupts off */

#endif
