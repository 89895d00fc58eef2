/*
 * From the trap entry to a device's handler.
 */
#ifndef GUEST_KERNEL_CORE_IRQ_DISPATCH_H
#define GUEST_KERNEL_CORE_IRQ_DISPATCH_H

#include "lib/compiler.h"

/* Interrupts off.  False: nobody claimed this vector. */
bool irq_dispatch(unsigned vector);

#endif
