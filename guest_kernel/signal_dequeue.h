/*
 * Taking a pending signal off the queues: shared by delivery and sigtimedwait.
 */
#ifndef GUEST_KERNEL_SIGNAL_DEQUEUE_H
#define GUEST_KERNEL_SIGNAL_DEQUEUE_H

#include "guest_kernel/signal.h"

/* The next signal of `allowed` pending for t: its number, 0: none.  signals.lock held. */
int signal_dequeue(struct thread *t, signal_set allowed, siginfo_t *info);

#endif
