/*
 * Descriptors that name a process (pidfd_open(2)): they go on naming it when its number has been given to another.
 */
#ifndef GUEST_KERNEL_PIDFD_H
#define GUEST_KERNEL_PIDFD_H

#include "fs/file.h"
#include "guest_kernel/process.h"

struct file *pidfd_create(struct process *p, uint32_t flags) must_check; /* NULL: no memory */
/* The process that descriptor `fd` names, counted; NULL: -EBADF.  *nonblocking: it has O_NONBLOCK; NULL: not asked. */
struct process *pidfd_process(int fd, bool *nonblocking) must_check;

#endif
