/*
 * execve, also for the kernel's own use: the first process.
 */
#ifndef GUEST_KERNEL_EXEC_H
#define GUEST_KERNEL_EXEC_H

#include "guest_kernel/exec_strings.h"

/* Fills a new exec_strings with the arguments, then the environment. */
struct exec_source {
    int (*add_args)(struct exec_strings *s, void *context);
    int (*add_envs)(struct exec_strings *s, void *context);
    void *context;
};

/*
 * Replace the current task's image.  `path` is in kernel memory.  0 (the user registers are the new program's) or
 * -errno with nothing changed; after the point of no return a failure ends the process instead.
 */
long exec_current(int dirfd, const char *path, int flags, const struct exec_source *source);

#endif
