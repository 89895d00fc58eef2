/*
 * The CPUs beyond the first: found, started, told apart.
 */
#ifndef GUEST_KERNEL_CORE_SMP_H
#define GUEST_KERNEL_CORE_SMP_H

#include "lib/compiler.h"

/* Remember what CPUs ACPI lists.  While only the boot CPU runs; before the allocators. */
void smp_find(uint64_t rsdp_phys);
/* A page of RAM below 1 MiB that real mode can start in; 0: none. */
void smp_set_low_page(uint64_t phys);
/* Start them, at most `limit` CPUs in all.  Last step before the first task; interrupts off. */
void smp_start(uint64_t limit);

#endif
