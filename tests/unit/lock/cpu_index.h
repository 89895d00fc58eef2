/*
 * The test says which CPU it is.
 */
#ifndef TESTS_UNIT_LOCK_CPU_INDEX_H
#define TESTS_UNIT_LOCK_CPU_INDEX_H

#include <stdint.h>

extern uint32_t test_cpu;

static inline uint32_t cpu_index(void)
{
    return test_cpu;
}

#endif
