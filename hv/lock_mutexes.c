/*
 * What lib/lock_check.c asks of this kernel, which has no mutexes; in debug builds alone.
 */
#include "lib/lock_check.h"

#if CONFIG_DEBUG_CHECKS

struct lock_held_list *lock_check_mutexes(void)
{
    return NULL;
}

#endif
