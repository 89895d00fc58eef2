/*
 * Timers of the hypervisor: a per-CPU tree, driven by the VMX preemption timer in guest mode and by the local APIC in
 * root mode.  Expire on the CPU that armed them, in root mode between exits; must be short.
 */
#ifndef HV_TIMER_H
#define HV_TIMER_H

#include <bsd/sys/tree.h>

#include "lib/compiler.h"

struct cpu;

struct hv_timer {
    RB_ENTRY(hv_timer) node; /* cpu->timer_lock, as is `armed` */
    struct cpu *cpu;         /* that armed it last; NULL: never armed */
    uint64_t deadline_tsc;
    void (*expired)(struct hv_timer *t); /* may re-arm */
    bool armed;
};

/* Callers see to it that one timer is armed, cancelled or brought by one CPU at a time; it may expire meanwhile. */
void hv_timer_arm(struct hv_timer *t, uint64_t deadline_tsc); /* on this CPU; re-arms if armed */
void hv_timer_arm_at(struct cpu *c, struct hv_timer *t, uint64_t deadline_tsc); /* to expire on that CPU */
/* Afterwards it does not run any more, on any CPU.  With no lock held that its function takes. */
void hv_timer_cancel(struct hv_timer *t);
/* If it is armed on another CPU, let it expire on this one.  As hv_timer_cancel. */
void hv_timer_bring(struct hv_timer *t);
uint64_t tsc_hz(void); /* of this machine */

#endif
