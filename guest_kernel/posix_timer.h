/*
 * POSIX timers of a process (timer_create(2)).
 */
#ifndef GUEST_KERNEL_POSIX_TIMER_H
#define GUEST_KERNEL_POSIX_TIMER_H

#include "guest_kernel/process.h"

/* execve and the process's end; signals.lock not held.  `_locked`: with the tree lock. */
void posix_timers_delete(struct process *p);
void posix_timers_delete_locked(struct process *p);
/* A timer's signal is being taken off the queue: tells in it how many expirations it stands for.  signals.lock held. */
void posix_timer_delivered(struct process *p, siginfo_t *info);

#endif
