/*
 * What /proc shows, formatted as Linux 6.1 does; the mechanism is in fs/.
 */
#ifndef GUEST_KERNEL_PROCFS_H
#define GUEST_KERNEL_PROCFS_H

#include "fs/vfs.h"

int procfs_start(void) must_check; /* registers it all, once at boot */

/* procfs_system.c, procfs_cpuinfo.c */
int procfs_system_register(void) must_check;
int procfs_net_register(void) must_check;
int procfs_tty_register(void) must_check; /* procfs_tty.c */
int procfs_vm_register(void) must_check; /* procfs_vm.c */
int procfs_fail_nth_register(void) must_check; /* procfs_fail_nth.c, or procfs_no_fail_nth.c */
int procfs_show_cpuinfo(struct text *t);
/* procfs_status.c */
int procfs_show_stat(int pid, struct text *t);
int procfs_show_status(int pid, struct text *t);
int procfs_show_statm(int pid, struct text *t);
int procfs_show_limits(int pid, struct text *t);
/* procfs_maps.c, procfs_pagemap.c */
extern const struct file_ops procfs_maps_ops, procfs_smaps_ops, procfs_smaps_rollup_ops, procfs_pagemap_ops;
/* procfs_memory.c */
int procfs_show_cmdline(int pid, struct text *t);
extern const struct file_ops procfs_environ_ops, procfs_auxv_ops;
bool procfs_is_gone(int pid); /* not even a zombie is left */
/*
 * The address space of the process that an entry belongs to, for the entry's whole life: execve leaves it behind, and
 * without its users it is empty.  Held (space_hold), NULL: a zombie has none.  0, -EACCES: the current task may not look
 * into the process (ptrace(2)), -ESRCH.
 */
int procfs_hold_space(const struct file *f, struct space **out) must_check;
long procfs_seek_endless(struct file *f, int64_t offset, int whence); /* lseek in a file that has no end to count from */
/* procfs_trace.c */
extern const struct file_ops procfs_mem_ops;
int procfs_show_syscall(int pid, struct text *t);
/* procfs_mounts.c */
int procfs_show_mounts(int pid, struct text *t);
int procfs_show_mountinfo(int pid, struct text *t);

#define CLOCK_TICK_NS 10000000ULL /* USER_HZ is 100: what /proc counts time in */

#endif
