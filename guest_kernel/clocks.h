/*
 * Linux's clock ids.
 */
#ifndef GUEST_KERNEL_CLOCKS_H
#define GUEST_KERNEL_CLOCKS_H

#include "lib/compiler.h"

/* The time of clock `id` for the current task: 0 or -EINVAL. */
bool clock_is_known(int32_t id); /* to Linux; negative ones may name nothing */
long clock_read(int32_t id, uint64_t *ns) must_check;

#endif
