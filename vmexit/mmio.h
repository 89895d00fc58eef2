/*
 * Device registers in guest-physical memory: the local APIC's page, and the way of an access to its region.
 */
#ifndef VMEXIT_MMIO_H
#define VMEXIT_MMIO_H

#include "lib/compiler.h"

struct vm;

int vm_mmio_create(struct vm *vm) must_check; /* 0 or an error of region_add */

#endif
