/*
 * The kernel's own page tables, and the bits of a page-table entry (Intel SDM vol. 3 section 4.5).
 */
#ifndef GUEST_KERNEL_CORE_PAGING_H
#define GUEST_KERNEL_CORE_PAGING_H

#include "lib/compiler.h"

#define PTE_PRESENT BIT(0)
#define PTE_WRITE BIT(1)
#define PTE_USER BIT(2)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY BIT(6)
#define PTE_LARGE BIT(7)
#define PTE_GLOBAL BIT(8)
#define PTE_NX BIT(63)
#define PTE_ADDRESS 0x000ffffffffff000ULL

#define PTE_TABLE (PTE_PRESENT | PTE_WRITE | PTE_USER) /* permissions are decided in the last level */
#define PTE_KERNEL_DATA (PTE_PRESENT | PTE_WRITE | PTE_GLOBAL | PTE_NX | PTE_ACCESSED | PTE_DIRTY)
#define PTE_KERNEL_RODATA (PTE_PRESENT | PTE_GLOBAL | PTE_NX | PTE_ACCESSED)
#define PTE_KERNEL_TEXT (PTE_PRESENT | PTE_GLOBAL | PTE_ACCESSED)
#define PTE_KERNEL_DEVICE (PTE_KERNEL_DATA | PTE_PCD | PTE_PWT) /* uncached with the PAT of power-up */

#define TABLE_ENTRIES 512
#define TABLE_SHIFT(level) (12 + 9 * (level)) /* level 0: page table */
#define TABLE_INDEX(va, level) (((va) >> TABLE_SHIFT(level)) & (TABLE_ENTRIES - 1))

/* Final mappings of the image (W^X, guard pages); the identity mapping of boot goes away. */
void paging_init_image(void);
/*
 * Map RAM [start, end) in the direct map, outwards to 2 MiB.  Below 4 GiB usable before the page allocator is; above it
 * takes tables from there.  False: no memory.
 */
bool paging_map_direct(uint64_t start, uint64_t end) must_check;

/* The top-level table that kernel threads run on, and its kernel half into a new address space. */
uint64_t paging_kernel_root(void);
void paging_copy_kernel_slots(uint64_t *pml4);

/*
 * Let ap_pml4, on which other CPUs start, be ready or not: the kernel's half, and the low page and the image also at
 * their physical addresses.
 */
void paging_trampoline(uint64_t low_page, bool on);

/* One page at va in the VMAP region.  False: no memory for a table.  va must not be mapped. */
bool kernel_map_page(uint64_t va, uint64_t phys, uint64_t pte_flags) must_check;
/* Removes it and returns what was mapped.  The caller has all CPUs forget va before anything else is mapped there. */
uint64_t kernel_unmap_page(uint64_t va);

#endif
