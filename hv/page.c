/*
 * Pages: see hv/alloc.h.  Memory that was never handed out lies in ranges; single pages are carved from a range's low
 * end, larger blocks from its high end, so that neither wastes alignment.  Freed blocks wait in a list of their order,
 * linked through their first word, and are split when smaller ones are needed; they are not merged again.
 */
#include <stdint.h>

#include "hv/alloc.h"
#include "hv/alloc_fail.h"
#include "lib/compiler.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define RANGES_MAX 32u

struct page_range {
    uint64_t start, end; /* physical */
};

struct free_block {
    struct free_block *next;
};

static struct spinlock lock = SPINLOCK_INIT; /* guards all below */
static struct page_range ranges[RANGES_MAX];
static unsigned range_count;
static struct free_block *free_lists[PAGE_ORDER_MAX + 1];
static struct memory_stats stats;
static uint64_t fail_at;

bool alloc_must_fail(void)
{
    uint64_t n = __atomic_add_fetch(&stats.allocations, 1, __ATOMIC_RELAXED);

    return unlikely(n == __atomic_load_n(&fail_at, __ATOMIC_RELAXED));
}

void alloc_fail_at(uint64_t n)
{
    uint64_t so_far = __atomic_load_n(&stats.allocations, __ATOMIC_RELAXED);

    __atomic_store_n(&fail_at, n ? so_far + n : 0, __ATOMIC_RELAXED);
}

void alloc_count_objects(int64_t pages, int64_t objects)
{
    __atomic_fetch_add(&stats.slab_pages, (uint64_t)pages, __ATOMIC_RELAXED);
    __atomic_fetch_add(&stats.objects, (uint64_t)objects, __ATOMIC_RELAXED);
}

void page_add_range(uint64_t start, uint64_t end)
{
    uint64_t flags = spin_lock_irqsave(&lock);

    start = ALIGN_UP(start, PAGE_SIZE);
    end = ALIGN_DOWN(end, PAGE_SIZE);
    if (start < end && range_count < RANGES_MAX) {
        ranges[range_count++] = (struct page_range){start, end};
        stats.total_pages += (end - start) / PAGE_SIZE;
        stats.free_pages += (end - start) / PAGE_SIZE;
    }
    spin_unlock_irqrestore(&lock, flags);
}

static void *list_pop(unsigned order)
{
    struct free_block *b = free_lists[order];

    if (b)
        free_lists[order] = b->next;
    return b;
}

static void list_push(void *block, unsigned order)
{
    struct free_block *b = block;

    b->next = free_lists[order];
    free_lists[order] = b;
}

static void *range_carve(struct page_range *r, unsigned order)
{
    uint64_t size = PAGE_SIZE << order;

    if (order == 0) {
        if (r->start >= r->end)
            return NULL;
        r->start += PAGE_SIZE;
        return phys_to_virt(r->start - PAGE_SIZE);
    }
    if (r->end < size || ALIGN_DOWN(r->end, size) - size < r->start || ALIGN_DOWN(r->end, size) < size)
        return NULL;
    uint64_t block_end = ALIGN_DOWN(r->end, size);
    for (uint64_t p = block_end; p < r->end; p += PAGE_SIZE)
        list_push(phys_to_virt(p), 0);
    r->end = block_end - size;
    return phys_to_virt(r->end);
}

static void *carve(unsigned order)
{
    for (unsigned i = range_count; i-- > 0;) {
        void *p = range_carve(&ranges[i], order);
        if (p)
            return p;
    }
    return NULL;
}

/* Take the smallest larger free block apart. */
static void *split(unsigned order)
{
    for (unsigned o = order + 1; o <= PAGE_ORDER_MAX; o++) {
        char *block = list_pop(o);
        if (!block)
            continue;
        while (o-- > order)
            list_push(block + (PAGE_SIZE << o), o);
        return block;
    }
    return NULL;
}

void *page_alloc(unsigned order)
{
    if (order > PAGE_ORDER_MAX || alloc_must_fail())
        return NULL;
    uint64_t flags = spin_lock_irqsave(&lock);
    void *p = list_pop(order);
    if (!p)
        p = carve(order);
    if (!p)
        p = split(order);
    if (p)
        stats.free_pages -= 1UL << order;
    spin_unlock_irqrestore(&lock, flags);
    return p;
}

void *page_alloc_zero(void)
{
    void *p = page_alloc(0);

    return p ? memset(p, 0, PAGE_SIZE) : NULL;
}

void page_free(void *page, unsigned order)
{
    if (!page)
        return;
    assert(order <= PAGE_ORDER_MAX && IS_ALIGNED((uintptr_t)page, PAGE_SIZE << order));
    uint64_t flags = spin_lock_irqsave(&lock);
    list_push(page, order);
    stats.free_pages += 1UL << order;
    spin_unlock_irqrestore(&lock, flags);
}

void memory_stats(struct memory_stats *out)
{
    uint64_t flags = spin_lock_irqsave(&lock);

    *out = stats;
    spin_unlock_irqrestore(&lock, flags);
}
