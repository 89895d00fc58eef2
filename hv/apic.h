/*
 * This CPU's local APIC in root mode: x2APIC where offered, else xAPIC.  Used for the wake-up timer of an idle CPU and
 * for kicks between CPUs.  EOI is done by hv/trap.c.
 */
#ifndef HV_APIC_H
#define HV_APIC_H

#include "lib/compiler.h"

int apic_init(void) must_check; /* each CPU; 0, -ENODEV (no local APIC) or -ENOMEM */
void apic_eoi(void);
/* One-shot: interrupt VECTOR_TIMER when the TSC reaches `deadline` (at once if it has). */
void apic_timer_arm(uint64_t deadline_tsc);
void apic_timer_stop(void);
bool apic_reaches(uint32_t apic_id); /* can messages name that CPU? */
void apic_send(uint32_t apic_id, unsigned vector);
void apic_send_nmi(uint32_t apic_id);
/* To one CPU, or to all but this one: back to its reset state; begin at `page` (below 256) in real mode. */
#define APIC_OTHERS 0xffffffffu
void apic_send_init(uint32_t apic_id);
void apic_send_startup(uint32_t apic_id, unsigned page);

#endif
