/*
 * The owner of an open file (fcntl(2), F_SETOWN): whom SIGURG and SIGIO are sent to.  Guarded by file.lock.
 */
#ifndef GUEST_KERNEL_FILE_OWNER_H
#define GUEST_KERNEL_FILE_OWNER_H

#include "lib/compiler.h"

struct file;

long file_owner_set(struct file *f, int32_t id) must_check; /* a process, negative: a group, 0: none; -ESRCH, -EINVAL */
void file_owner_forget(struct file *f); /* nor a signal of its own any more */
int32_t file_owner_get(const struct file *f);               /* the same; 0 also when it is gone */
long file_owner_fcntl(struct file *f, unsigned command, uint64_t argument); /* F_*OWN*, F_*SIG */
void file_owner_async(struct file *f, int reason /* POLL_* */); /* SIGIO, or the signal of F_SETSIG with its siginfo */
void file_owner_urgent(struct file *f); /* SIGURG, if the one who set the owner might; any spinlock above the tree's */

#endif
