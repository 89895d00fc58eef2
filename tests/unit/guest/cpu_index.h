/*
 * On the host there is one CPU.
 */
#ifndef TESTS_UNIT_GUEST_CPU_INDEX_H
#define TESTS_UNIT_GUEST_CPU_INDEX_H

#include <stdint.h>

static inline uint32_t cpu_index(void)
{
    return 0;
}

#endif
