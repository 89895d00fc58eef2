/*
 * The page allocator: a buddy system of orders 0..10 over ranges of RAM.  Nothing is prepared in advance: each range
 * has a frontier, below which pages are "carved" (their struct page is valid), above which neither the page nor its
 * struct was ever touched.  Freed blocks are preferred; the frontier moves only when no free block fits.
 *
 * Invariant that merging rests on: for a block of order n below the frontier, the first page of its buddy is the head
 * of some block (allocated or free, of order <= n) if the whole buddy lies below the frontier, so its struct is valid.
 *
 * `pages_lock` guards everything here but `refs`; taken with interrupts off, a leaf.
 */
#include "guest_kernel/core/pages.h"

#include "lib/spinlock.h"
#include "lib/string.h"

struct page_range { /* page frame numbers */
    uint64_t start, frontier, end;
};

LIST_HEAD(page_list, page);

static struct spinlock pages_lock = SPINLOCK_INIT;
static struct page *page_map;
static struct page_list free_lists[PAGE_ORDER_MAX + 1];
static struct page_range ranges[PAGE_RANGES_MAX];
static unsigned range_count;
static uint64_t total_pages, free_pages, adopted_pages;

static uint64_t fail_countdown; /* 0: off */

void alloc_fail_at(uint64_t n)
{
    __atomic_store_n(&fail_countdown, n, __ATOMIC_RELAXED);
}

bool alloc_fails(void)
{
    if (likely(!__atomic_load_n(&fail_countdown, __ATOMIC_RELAXED)))
        return false;
    return __atomic_sub_fetch(&fail_countdown, 1, __ATOMIC_RELAXED) == 0;
}

void pages_init(struct page *map)
{
    page_map = map;
    range_count = 0;
    total_pages = free_pages = adopted_pages = 0;
    for (unsigned i = 0; i <= PAGE_ORDER_MAX; i++)
        LIST_INIT(&free_lists[i]);
}

void pages_add_range(uint64_t start, uint64_t end)
{
    assert(range_count < PAGE_RANGES_MAX && start < end);
    ranges[range_count++] = (struct page_range){start >> PAGE_SHIFT, start >> PAGE_SHIFT, end >> PAGE_SHIFT};
    total_pages += (end - start) >> PAGE_SHIFT;
    free_pages += (end - start) >> PAGE_SHIFT;
}

void pages_add_reserved(uint64_t pages)
{
    total_pages += pages;
}

static uint64_t page_number(const struct page *p)
{
    return (uint64_t)(p - page_map);
}

uint64_t page_phys(const struct page *p)
{
    return page_number(p) << PAGE_SHIFT;
}

struct page *page_of_phys(uint64_t phys)
{
    return &page_map[phys >> PAGE_SHIFT];
}

void *page_address(const struct page *p)
{
    return phys_to_virt(page_phys(p));
}

struct page *page_of_address(const void *direct_map_address)
{
    return page_of_phys(virt_to_phys(direct_map_address));
}

static void block_init(struct page *p, unsigned order, uint32_t refs)
{
    p->refs = refs;
    p->order = (uint8_t)order;
    p->flags = 0;
    p->first_free = 0;
    p->owner = NULL;
}

/* Put the block that starts at number on its free list; its struct need not be valid. */
static void block_release(uint64_t number, unsigned order)
{
    struct page *p = &page_map[number];

    block_init(p, order, 0);
    p->flags = PAGE_FLAG_FREE;
    LIST_INSERT_HEAD(&free_lists[order], p, link);
}

static void block_take(struct page *p)
{
    LIST_REMOVE(p, link);
    p->flags = 0;
}

/* Free the gap [from, to) that aligning the frontier leaves, in the largest aligned blocks. */
static void gap_release(uint64_t from, uint64_t to)
{
    while (from < to) {
        unsigned order = MIN((unsigned)__builtin_ctzll(from), (unsigned)PAGE_ORDER_MAX);

        while (from + BIT(order) > to)
            order--;
        block_release(from, order);
        from += BIT(order);
    }
}

static struct page *frontier_carve(unsigned order)
{
    for (unsigned i = 0; i < range_count; i++) {
        struct page_range *r = &ranges[i];
        uint64_t at = ALIGN_UP(r->frontier, BIT(order));

        if (at + BIT(order) > r->end)
            continue;
        gap_release(r->frontier, at);
        r->frontier = at + BIT(order);
        return &page_map[at];
    }
    return NULL;
}

static struct page *free_list_take(unsigned order)
{
    for (unsigned o = order; o <= PAGE_ORDER_MAX; o++) {
        struct page *p = LIST_FIRST(&free_lists[o]);

        if (!p)
            continue;
        block_take(p);
        while (o > order) /* give back the upper halves */
            block_release(page_number(p) + BIT(o - 1), o - 1), o--;
        return p;
    }
    return NULL;
}

struct page *page_alloc_quiet(unsigned order)
{
    if (order > PAGE_ORDER_MAX)
        return NULL;
    uint64_t flags = spin_lock_irqsave(&pages_lock);
    struct page *p = free_list_take(order);

    if (!p)
        p = frontier_carve(order);
    if (p) {
        block_init(p, order, 1);
        free_pages -= BIT(order);
    }
    spin_unlock_irqrestore(&pages_lock, flags);
    return p;
}

struct page *page_alloc(unsigned order)
{
    return alloc_fails() ? NULL : page_alloc_quiet(order);
}

struct page *page_alloc_zero(void)
{
    struct page *p = page_alloc(0);

    if (p)
        memset(page_address(p), 0, PAGE_SIZE);
    return p;
}

struct page *page_adopt(uint64_t phys)
{
    struct page *p = page_of_phys(phys);

    block_init(p, 0, 1);
    __atomic_fetch_add(&adopted_pages, 1, __ATOMIC_RELAXED);
    return p;
}

/* The carved part of the range that a page lies in; NULL for adopted pages, which stay single. */
static const struct page_range *range_of(uint64_t number)
{
    for (unsigned i = 0; i < range_count; i++)
        if (number >= ranges[i].start && number < ranges[i].frontier)
            return &ranges[i];
    return NULL;
}

static bool buddy_is_free(const struct page_range *r, uint64_t buddy, unsigned order)
{
    const struct page *b = &page_map[buddy];

    if (buddy < r->start || buddy + BIT(order) > r->frontier)
        return false;
    return (b->flags & PAGE_FLAG_FREE) && b->order == order;
}

void page_free(struct page *p)
{
    uint64_t flags = spin_lock_irqsave(&pages_lock);
    uint64_t number = page_number(p);
    unsigned order = p->order;
    const struct page_range *r = range_of(number);

    assert(!(p->flags & (PAGE_FLAG_FREE | PAGE_FLAG_SLAB)));
    free_pages += BIT(order);
    while (r && order < PAGE_ORDER_MAX && buddy_is_free(r, number ^ BIT(order), order)) {
        block_take(&page_map[number ^ BIT(order)]);
        number &= ~BIT(order);
        order++;
    }
    block_release(number, order);
    spin_unlock_irqrestore(&pages_lock, flags);
}

void page_get(struct page *p)
{
    uint32_t before = __atomic_fetch_add(&p->refs, 1, __ATOMIC_RELAXED);

    assert(before > 0);
}

void page_put(struct page *p)
{
    /* Release: our writes come before the free; acquire: the last one sees everyone's. */
    uint32_t before = __atomic_fetch_sub(&p->refs, 1, __ATOMIC_ACQ_REL);

    assert(before > 0);
    if (before == 1)
        page_free(p);
}

void memory_stats(struct memory_stats *out)
{
    uint64_t flags = spin_lock_irqsave(&pages_lock);

    *out = (struct memory_stats){.total_pages = total_pages, .free_pages = free_pages};
    out->touched_pages = adopted_pages;
    for (unsigned i = 0; i < range_count; i++)
        out->touched_pages += ranges[i].frontier - ranges[i].start;
    spin_unlock_irqrestore(&pages_lock, flags);
    out->slab_pages = slab_pages();
}
