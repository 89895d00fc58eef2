/*
 * Inside of the scheduler: set-up and what task.c, timers and the entries need.  Which task comes next is fair.h's
 * business.
 */
#ifndef GUEST_KERNEL_CORE_SCHED_H
#define GUEST_KERNEL_CORE_SCHED_H

#include "guest_kernel/core/task.h"

void sched_init(void); /* of this CPU */
noreturn void sched_idle(void); /* the boot stack's end */

/* Give the CPU away if another task is ready or the current one sleeps. */
void sched_switch(void);

/* Make a sleeping task runnable if its state is one of the mask's (BIT(TASK_*)). */
void sched_wake(struct task *t, unsigned state_mask);
void sched_set_state(enum task_state state); /* of the current task */

/* The setting of a new task. */
void sched_inherit(struct task *t, const struct task *maker);
struct deadline_state;
void deadline_free(struct deadline_state *d); /* of a task that is gone; NULL: none */

/* t.work got a bit: if t runs on another CPU, that one must look at it. */
void sched_notice_work(struct task *t);

/* From switch.S: first thing of a task that just got the CPU.  Interrupts off. */
void sched_finish_switch(void);
void switch_stacks(uint64_t *save, uint64_t load);

#endif
