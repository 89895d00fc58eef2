/*
 * Page tables of user space.  A table's struct page counts its entries (refs = 1 + entries in use), so that a table is
 * freed when its last entry goes.  A leaf is an entry of the last level, or one of the level above that maps 2 MiB
 * (PTE_LARGE).  The caller holds the space's lock.
 */
#ifndef GUEST_KERNEL_CORE_PAGE_TABLE_H
#define GUEST_KERNEL_CORE_PAGE_TABLE_H

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/paging.h"
#include "lib/compiler.h"

/* Bits of leaves that the CPU does not look at. */
#define PTE_OWN   BIT(9)  /* the page belongs to private memory alone: anonymous, or copied from a file */
#define PTE_HELD  BIT(10) /* mapped without any access right: not PRESENT, yet not empty */
#define PTE_SHMEM BIT(11) /* a page of shared memory */
#define PTE_WAS_DIRTY BIT(52) /* written, before space_forget() took PTE_DIRTY */
#define PTE_MOVED BIT(53) /* by mremap() since: who looks at addresses finds another page there */

#define USER_TABLE_LEVELS 4
#define LARGE_SIZE        MiB(2)
#define LARGE_ORDER       9
#define LARGE_PAGES       BIT(LARGE_ORDER)

struct page_table {
    uint64_t *root;  /* fixed; only it is read without the lock */
    uint64_t tables; /* pages of tables below it */
};

static inline bool pte_has_page(uint64_t entry)
{
    return entry & (PTE_PRESENT | PTE_HELD);
}

static inline bool pte_is_large(uint64_t entry)
{
    return entry & PTE_LARGE; /* 4 KiB leaves have no memory type of their own, which that bit would be */
}

static inline struct page *pte_page(uint64_t entry)
{
    return page_of_phys(entry & PTE_ADDRESS);
}

static inline uint64_t pte_pages(uint64_t entry)
{
    return pte_is_large(entry) ? LARGE_PAGES : 1;
}

/* The top-level table: kernel slots filled, user half empty.  False: no memory. */
bool page_table_create(struct page_table *t) must_check;
/* Of an empty user half. */
void page_table_destroy(struct page_table *t);

/* The leaf that maps va, or an empty entry where it could be; NULL: no table there. */
uint64_t *page_table_find(const struct page_table *t, uint64_t va);
/* Where the page of va lies in the direct map; the leaf has a page. */
void *page_table_address(const uint64_t *leaf, uint64_t va);
/*
 * In two steps, tables made as needed, NULL: no memory.  First the entry for va's 2 MiB: empty, a large leaf, or a
 * table; then, unless it is a large leaf, the leaf below.  May leave empty tables behind: page_table_walk frees them.
 */
uint64_t *page_table_directory(struct page_table *t, uint64_t va) must_check;
uint64_t *page_table_leaf(struct page_table *t, uint64_t *directory, uint64_t va) must_check;
/* Fill an empty entry. */
void page_table_set(uint64_t *entry, uint64_t value);
/* A large leaf becomes a table of small ones for the same memory.  False: no memory. */
bool page_table_split(struct page_table *t, uint64_t *directory) must_check;

/* A table of empty leaves, gathered to be freed, gives way to a large leaf. */
struct tlb_gather;
void page_table_replace(struct page_table *t, uint64_t *directory, uint64_t value, struct tlb_gather *gather);

struct page_walk {
    /* Called for each leaf that is not empty; may change it, to 0 to empty it. */
    void (*leaf)(struct page_walk *w, uint64_t va, uint64_t *entry);
    /* Takes a table that became empty, for page_free_zeroed() once the TLB was flushed.  NULL: tables are kept. */
    void (*table)(struct page_walk *w, struct page *table);
};
/* Neither end lies inside a large leaf. */
void page_table_walk(struct page_table *t, uint64_t start, uint64_t end, struct page_walk *w);

#endif
