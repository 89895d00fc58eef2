/*
 * Who may change how a thread is scheduled: shared by sched_setscheduler(2)'s and setpriority(2)'s families.
 */
#ifndef GUEST_KERNEL_SCHED_PERMISSION_H
#define GUEST_KERNEL_SCHED_PERMISSION_H

#include "guest_kernel/process.h"

/* Has the caller's effective user something to say about t?  Tree lock held. */
bool may_schedule(const struct thread *t);
/* Does RLIMIT_NICE of t's process allow that nice value to the unprivileged? */
bool nice_is_allowed(const struct thread *t, int nice);
/* Soft limit of t's process. */
uint64_t thread_limit(const struct thread *t, unsigned resource);
/* task_set_scheduling(), told to who waits for locks.  Tree lock held. */
int thread_set_scheduling(struct thread *t, const struct sched_setting *s, const struct sched_deadline *d) must_check;

#endif
