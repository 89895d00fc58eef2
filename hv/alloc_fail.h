/*
 * Fault injection and counts, shared by the two allocators.
 */
#ifndef HV_ALLOC_FAIL_H
#define HV_ALLOC_FAIL_H

#include "lib/compiler.h"

/* Counts one allocation; true: this is the one that shall fail. */
bool alloc_must_fail(void);
/* Counts pages that went into slabs, and objects in use. */
void alloc_count_objects(int64_t pages, int64_t objects);

#endif
