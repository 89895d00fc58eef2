/*
 * Page tables of user space.  A table's struct page counts its entries (refs = 1 + entries in use), so that a table is
 * freed when its last entry goes.  The caller holds the space's lock.
 */
#ifndef GUEST_KERNEL_CORE_PAGE_TABLE_H
#define GUEST_KERNEL_CORE_PAGE_TABLE_H

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/paging.h"
#include "lib/compiler.h"

/* A leaf entry that holds a page of an area without any access right: not PRESENT, yet not empty. */
#define PTE_HELD BIT(10)

#define USER_TABLE_LEVELS 4

static inline bool pte_has_page(uint64_t entry)
{
    return entry & (PTE_PRESENT | PTE_HELD);
}

static inline struct page *pte_page(uint64_t entry)
{
    return page_of_phys(entry & PTE_ADDRESS);
}

/* The top-level table: kernel slots filled, user half empty.  NULL: no memory. */
uint64_t *page_table_create(void) must_check;
/* Of an empty user half. */
void page_table_destroy(uint64_t *root);

/* The leaf entry of va; NULL: no table there. */
uint64_t *page_table_find(uint64_t *root, uint64_t va);
/* The same, with tables made as needed; NULL: no memory.  May leave empty tables behind: page_table_walk frees them. */
uint64_t *page_table_make(uint64_t *root, uint64_t va) must_check;
/* Fill an empty leaf entry. */
void page_table_set(uint64_t *entry, uint64_t value);

struct page_walk {
    /* Called for each leaf entry that is not empty; may change it, to 0 to empty it. */
    void (*leaf)(struct page_walk *w, uint64_t va, uint64_t *entry);
    /* Takes a table that became empty, to be freed after the TLB was flushed.  NULL: tables are kept. */
    void (*table)(struct page_walk *w, struct page *table);
};
void page_table_walk(uint64_t *root, uint64_t start, uint64_t end, struct page_walk *w);

#endif
