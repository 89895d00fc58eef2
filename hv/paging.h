/*
 * The hypervisor's own address space: its image (W^X, in the top 2 GiB), a direct map of RAM (never executable; the
 * image's read-only pages are read-only there too), and a window for device registers and guarded stacks.
 * Built by the boot CPU; later changes only add mappings, under the window's lock.
 */
#ifndef HV_PAGING_H
#define HV_PAGING_H

#include "lib/compiler.h"

#define DIRECT_MAP_BASE 0xffff800000000000ULL

/* Boot: apply W^X to the image, guard the boot stack, drop the identity mapping. */
void paging_init(void);
/* Boot: make [start, end) of RAM reachable by phys_to_virt.  Above 4 GiB it allocates.  0 or -ENOMEM. */
int paging_map_ram(uint64_t start, uint64_t end) must_check;

/* Map device registers uncached; never unmapped.  NULL: no memory or window full. */
volatile void *mmio_map(uint64_t phys, size_t size) must_check;
/* A stack with an unmapped page below it: its top, or NULL. */
void *stack_create(unsigned pages) must_check;

/* For the start of other CPUs: the first 2 MiB one to one, executable; or not. */
void paging_low_map(bool on);

#endif
