/*
 * Resource usage as getrusage(2), wait4(2) and times(2) tell it.
 */
#ifndef GUEST_KERNEL_RUSAGE_H
#define GUEST_KERNEL_RUSAGE_H

#include <linux/resource.h>

#include "guest_kernel/process.h"

/* Of a child and the children it waited for; tree lock held. */
void rusage_of_child(struct process *child, struct rusage *out);

#endif
