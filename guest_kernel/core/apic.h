/*
 * The local APIC of this CPU: x2APIC where offered, else memory mapped.  Vectors of devices are allocated by irq.h.
 */
#ifndef GUEST_KERNEL_CORE_APIC_H
#define GUEST_KERNEL_CORE_APIC_H

#include "lib/compiler.h"

void apic_init(void);     /* of the boot CPU, which first finds out how to reach them */
void apic_init_cpu(void); /* of another, its timer included */
void apic_eoi(void);
uint32_t apic_id(void);

/* The timer's frequency must be known first: hz of the bus clock, or 0 to measure it with tsc_hz. */
void apic_timer_init(uint64_t bus_hz, uint64_t tsc_hz);
/* One interrupt on VECTOR_TIMER when the TSC reaches `tsc`, at once if that is past. */
void apic_timer_set(uint64_t tsc);

/* To another CPU, by its APIC id; from any context. */
void apic_send_fixed(uint32_t id, unsigned vector);
void apic_send_init(uint32_t id);
void apic_send_startup(uint32_t id, uint64_t phys); /* begins in a page below 1 MiB */
bool apic_can_reach(uint32_t id);

#endif
