/*
 * eventfd(2): a counter that can be waited for.
 */
#ifndef FS_EVENTFD_H
#define FS_EVENTFD_H

#include <linux/fcntl.h>

#include "fs/file.h"

/* man 2 eventfd; no header that kernels may use has them. */
#define EFD_SEMAPHORE 1
#define EFD_CLOEXEC O_CLOEXEC
#define EFD_NONBLOCK O_NONBLOCK

struct file *eventfd_create(uint64_t value, bool semaphore, uint32_t flags /* O_NONBLOCK */) must_check;

#endif
