/*
 * What lib/lock_check.c asks of this kernel; in debug builds alone.
 */
#include "guest_kernel/core/task.h"
#include "lib/lock_check.h"

#if CONFIG_DEBUG_CHECKS

struct lock_held_list *lock_check_mutexes(void)
{
    struct task *t = task_current();

    return t ? &t->mutexes : NULL;
}

#endif
