/*
 * Out of memory: which process ends so that the others go on.
 */
#ifndef GUEST_KERNEL_OOM_H
#define GUEST_KERNEL_OOM_H

#include "fs/vfs.h"

/* task_ops.out_of_memory */
bool oom_wait(unsigned attempt);

/* /proc/PID/oom_score, oom_score_adj and the older oom_adj. */
int procfs_show_oom_score(int pid, struct text *t);
int procfs_show_oom_score_adj(int pid, struct text *t);
int procfs_store_oom_score_adj(int pid, char *value, size_t n);
int procfs_show_oom_adj(int pid, struct text *t);
int procfs_store_oom_adj(int pid, char *value, size_t n);

#endif
