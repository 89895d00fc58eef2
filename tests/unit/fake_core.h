/*
 * guest_kernel/core on the host, for tests of fs/: memory from malloc, one task that cannot wait.
 */
#ifndef TESTS_UNIT_FAKE_CORE_H
#define TESTS_UNIT_FAKE_CORE_H

#include "guest_kernel/core/task.h"

extern struct task fake_task;

long fake_allocations_live(void); /* objects and pages not yet freed */
void fake_fail_after(long n);     /* the nth allocation from now fails, and none after it; -1: none */
bool fake_has_failed(void);       /* it did */

/* fs_init() once; a fresh descriptor table and the root as root and working directory. */
void fake_start(void);
/* A new tmpfs on /mnt, which becomes root and working directory; and its end. */
void fake_enter_mount(void);
void fake_leave_mount(void);

#endif
