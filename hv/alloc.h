/*
 * Memory of the hypervisor: pages (free lists by order over lazily carved frontiers, so that boot touches nothing) and
 * objects (power-of-two classes cut from pages).  Every function may return NULL: callers unwind and give -ENOMEM.
 * Callable with interrupts off and locks held; none sleeps.  The option failalloc=N makes the Nth allocation fail.
 */
#ifndef HV_ALLOC_H
#define HV_ALLOC_H

#include "lib/compiler.h"

#define PAGE_ORDER_MAX 9u /* 2 MiB */

void *page_alloc(unsigned order) must_check; /* 2^order pages, naturally aligned; contents undefined */
void *page_alloc_zero(void) must_check;      /* one page */
void page_free(void *page, unsigned order);  /* NULL is fine */

void *phys_to_virt(uint64_t phys); /* RAM only: the direct map */
uint64_t virt_to_phys(const void *direct_map_address);

void *mem_alloc(size_t size) must_check; /* any size up to 2 MiB; 16-byte aligned; undefined contents */
void *mem_alloc_zero(size_t size) must_check;
void mem_free(void *p); /* NULL is fine */

struct memory_stats {
    uint64_t total_pages;
    uint64_t free_pages;    /* free lists and untouched frontiers */
    uint64_t slab_pages;    /* cut into objects: never free pages again */
    uint64_t objects;       /* in use */
    uint64_t allocations;   /* ever asked for */
};
void memory_stats(struct memory_stats *out);

/* Boot: hand [start, end) of physical memory over; ends are rounded inwards to pages. */
void page_add_range(uint64_t start, uint64_t end);
/* Make the n-th allocation from now (1: the next) fail; 0: none. */
void alloc_fail_at(uint64_t n);

#endif
