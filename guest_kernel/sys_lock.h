/*
 * Record locks of fcntl(2), for the descriptor calls.
 */
#ifndef GUEST_KERNEL_SYS_LOCK_H
#define GUEST_KERNEL_SYS_LOCK_H

#include "fs/file.h"

long lease_fcntl(struct file *f, int fd, int type); /* F_SETLEASE */
long lock_fcntl(struct file *f, unsigned command, user_ptr flock) must_check; /* F_GETLK and its five relatives */

#endif
