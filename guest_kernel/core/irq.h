/*
 * Interrupt vectors of devices (MSI-X): allocate a vector, get told in interrupt context.
 */
#ifndef GUEST_KERNEL_CORE_IRQ_H
#define GUEST_KERNEL_CORE_IRQ_H

#include "lib/compiler.h"

struct msi_message {
    uint64_t address;
    uint32_t data;
};

/* Claim a vector on this CPU's local APIC; handler runs with interrupts off and must be short.  Vector or -ENOSPC. */
int irq_allocate(void (*handler)(void *context), void *context, struct msi_message *message);

/* Map device memory uncached; NULL when out of address space or memory.  Never unmapped. */
volatile void *mmio_map(uint64_t phys, size_t size);

#endif
