/*
 * Memory of the guest kernel: pages (buddy, carved lazily from a never-touched frontier, so that boot costs nothing and
 * unused guest memory is never backed by the host) and objects (slab caches; power-of-two sizes behind mem_alloc).
 * Every function may return NULL: callers unwind and give ENOMEM.  All are callable with spinlocks held and with
 * interrupts off; none sleeps.  Fault injection (kernel option `failalloc=N`) makes the Nth allocation fail.
 */
#ifndef GUEST_KERNEL_CORE_ALLOC_H
#define GUEST_KERNEL_CORE_ALLOC_H

#include <bsd/sys/queue.h>

#include "lib/compiler.h"

/* One per physical page; only carved pages have a valid one. */
struct page {
    uint32_t refs;  /* atomic; 0: free.  Mapped pages: one per mapping and per owner.  Slabs: objects in use */
    uint8_t order;
    uint8_t flags;  /* the allocators' own */
    uint16_t first_free; /* slabs: index of the first free object */
    void *owner;    /* slab cache; else the page's owner may use it */
    LIST_ENTRY(page) link; /* free list, list of slabs */
};

struct page *page_alloc(unsigned order) must_check; /* refs = 1; contents undefined */
struct page *page_alloc_zero(void) must_check;      /* one page, zeroed */
/* For the memory of programs: the same, but the last pages are left to the kernel. */
struct page *page_alloc_user(unsigned order) must_check;
struct page *page_alloc_user_zero(void) must_check;
void page_free_zeroed(struct page *p); /* a single page with one reference that is all zeros again */
/* A block with one reference becomes as many single pages, each with one. */
void page_split(struct page *p);
bool memory_is_low(void); /* what programs may use is all but gone */
uint64_t memory_total_pages(void); /* usable RAM */
/*
 * Make a reserved page (of the initrd) an ordinary one with refs = 1: whoever drops the last reference gives it to the
 * allocator.  Once per page.
 */
struct page *page_adopt(uint64_t phys);
void page_get(struct page *p);
void page_put(struct page *p); /* frees at 0 */

void *page_address(const struct page *p); /* in the direct map */
uint64_t page_phys(const struct page *p);
struct page *page_of_address(const void *direct_map_address);
struct page *page_of_phys(uint64_t phys);

void *phys_to_virt(uint64_t phys);
uint64_t virt_to_phys(const void *direct_map_address);

void *mem_alloc(size_t size) must_check;      /* any size; 16-byte aligned; undefined contents */
void *mem_alloc_zero(size_t size) must_check;
void mem_free(void *p);                       /* NULL is fine */
char *mem_strdup(const char *s) must_check;

struct slab_cache; /* for hot or many objects; made once at boot */
struct slab_cache *slab_cache_create(const char *name, size_t object_size) must_check;
void *slab_alloc(struct slab_cache *c) must_check;
void *slab_alloc_zero(struct slab_cache *c) must_check;
void slab_free(struct slab_cache *c, void *object);

/* What caches there are and what they hold, for /proc/slabinfo; false: none with that index, or a higher one. */
struct slab_info {
    const char *name;
    uint32_t object_size, per_slab, slab_pages; /* bytes, objects, pages of one slab */
    uint32_t active, slabs;                     /* objects in use, slabs */
};
bool slab_info(unsigned index, struct slab_info *out) must_check;

struct memory_stats {
    uint64_t total_pages;  /* usable RAM */
    uint64_t free_pages;   /* free lists and the untouched frontier */
    uint64_t touched_pages; /* ever carved: what the host had to back, as an upper bound */
    uint64_t slab_pages;
};
void memory_stats(struct memory_stats *out);

#endif
