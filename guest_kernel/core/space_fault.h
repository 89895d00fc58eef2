/*
 * Page faults of user addresses.
 */
#ifndef GUEST_KERNEL_CORE_SPACE_FAULT_H
#define GUEST_KERNEL_CORE_SPACE_FAULT_H

#include "lib/compiler.h"

struct space;

struct fault_result {
    int signal; /* 0: repaired, try again */
    int code;   /* si_code */
};

/* address as in CR2, error as the CPU pushed it.  May sleep. */
struct fault_result space_fault(struct space *s, uint64_t address, uint64_t error);

#endif
