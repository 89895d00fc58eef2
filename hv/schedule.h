/*
 * Which vCPU runs on which CPU.  Each CPU has a queue of those that want to run, ordered by virtual time: what a vCPU has
 * run, divided by its sandbox's weight.  Virtual time is one for all CPUs, so a CPU also takes from another's queue what is
 * further behind than its own.  A vCPU that sleeps is in no queue; vcpu_kick() (hv/vm.h) puts it back into its home's.
 *
 * A vCPU whose VMCS is still loaded on its home CPU is taken by that CPU only; so nothing here ever needs another CPU to
 * clear a VMCS.  Locks: each queue has one, a leaf; two are never held together.  All with interrupts off.
 */
#ifndef HV_SCHEDULE_H
#define HV_SCHEDULE_H

#include "hv/vm.h"
#include "lib/compiler.h"

/* A new vCPU joins the queue of this CPU. */
void sched_add(struct vcpu *v);
/*
 * The vCPU to run now on this CPU, NULL: none wants to.  It is nobody else's until sched_put or sched_sleep.  `skip` is
 * taken only if there is no other: it has just yielded; may be NULL.
 */
struct vcpu *sched_pick(const struct vcpu *skip) must_check;
/* The running vCPU goes back into this CPU's queue (or waits for its sandbox's next period, if that has a cap). */
void sched_put(struct vcpu *v);
/* It sleeps until it is kicked.  False: it was kicked meanwhile and goes on running. */
bool sched_sleep(struct vcpu *v) must_check;
/* It will never run again. */
void sched_remove(struct vcpu *v);

/* Is there anything in any queue? */
bool sched_has_work(void);
/* Has the running vCPU used up its slice, and is there another that should run?  If not, it gets another slice. */
bool sched_slice_over(struct vcpu *v, uint64_t now) must_check;
/* Ticks that the vCPU has run in all. */
uint64_t sched_ran(const struct vcpu *v);

#endif
