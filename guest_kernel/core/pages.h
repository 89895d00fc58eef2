/*
 * Inside of the page allocator: set-up, and what the object allocators share with it.
 */
#ifndef GUEST_KERNEL_CORE_PAGES_H
#define GUEST_KERNEL_CORE_PAGES_H

#include "guest_kernel/core/alloc.h"

#define PAGE_ORDER_MAX 10
#define PAGE_RANGES_MAX 16

/* struct page.flags */
#define PAGE_FLAG_FREE BIT(0) /* head of a block on a free list */
#define PAGE_FLAG_SLAB BIT(1)

/* The array of struct page, indexed by page frame number; not initialised: entries are as their pages are carved. */
void pages_init(struct page *map, bool fresh_is_zero); /* are pages zero that were never touched? */
/* Give the usable range [start, end), page aligned, to the allocator; ascending order. */
void pages_add_range(uint64_t start, uint64_t end);
/* Count reserved pages that may be adopted as RAM in the statistics. */
void pages_add_reserved(uint64_t pages);

/* As page_alloc() and page_put() of the last reference, without fault injection. */
struct page *page_alloc_quiet(unsigned order) must_check;
void page_free(struct page *p);

/*
 * Fault injection: alloc_fails() is true for the Nth call after alloc_fail_at(N), N > 0.  fail_once.c counts all calls,
 * fail_nth.c (the build with -Dfail_nth=true) those of one task, and notes where they were made.
 */
extern uint64_t fail_countdown; /* atomic; 0: off */
bool alloc_fail_due(void);
void alloc_fail_at(uint64_t n);

static inline bool alloc_fails(void)
{
    return unlikely(__atomic_load_n(&fail_countdown, __ATOMIC_RELAXED)) && alloc_fail_due();
}

/* slab.c: pages that slabs hold now. */
uint64_t slab_pages(void);

#endif
