/*
 * Dead tasks are finished off by a kernel thread, where their callback may sleep.
 */
#ifndef GUEST_KERNEL_CORE_TASK_REAPER_H
#define GUEST_KERNEL_CORE_TASK_REAPER_H

struct task;

void reaper_add(struct task *t); /* interrupts off */
void reaper_start(void);

#endif
