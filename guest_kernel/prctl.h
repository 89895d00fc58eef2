/*
 * Families of prctl(2)'s operations that have files of their own.
 */
#ifndef GUEST_KERNEL_PRCTL_H
#define GUEST_KERNEL_PRCTL_H

#include "guest_kernel/process.h"

struct syscall_args;

/* PR_CAPBSET_*, PR_*_SECUREBITS, PR_*_KEEPCAPS, PR_CAP_AMBIENT (sys_capability.c). */
long prctl_capability(const struct syscall_args *args);

#endif
