/*
 * Set-up of tasks.
 */
#ifndef GUEST_KERNEL_CORE_TASK_INIT_H
#define GUEST_KERNEL_CORE_TASK_INIT_H

void task_init(void); /* after sched_init() */

#endif
