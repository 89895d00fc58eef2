/*
 * Stands in for guest_kernel/core/task.h where fs/ is tested on the host: one task, and only what fs/ reads of it.
 */
#ifndef GUEST_KERNEL_CORE_TASK_H
#define GUEST_KERNEL_CORE_TASK_H

#include "guest_kernel/core/cred.h"
#include "guest_kernel/core/wait.h"

struct file_table;
struct fs_context;

struct task {
    struct file_table *files;
    struct fs_context *fs;
    struct cred cred;
    int32_t pid;
    void *net_drop;
};

struct task *task_current(void);
void task_yield(void);
static inline void task_relax(void)
{
    task_yield();
}

#endif
