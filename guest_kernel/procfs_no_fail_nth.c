/*
 * Usual builds have nothing to show of fault injection.
 */
#include "guest_kernel/procfs.h"

int procfs_fail_nth_register(void)
{
    return 0;
}
