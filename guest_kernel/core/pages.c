/*
 * The page allocator: a buddy system of orders 0..10 over ranges of RAM.  Nothing is prepared in advance: each range
 * has a frontier, below which pages are "carved" (their struct page is valid), above which neither the page nor its
 * struct was ever touched.  Freed blocks are preferred; the frontier moves only when no free block fits.
 *
 * Invariant that merging rests on: for a block of order n below the frontier, the first page of its buddy is the head
 * of some block (allocated or free, of order <= n) if the whole buddy lies below the frontier, so its struct is valid.
 *
 * `pages_lock` guards everything here but `refs` and the stocks; taken with interrupts off, a leaf.
 *
 * Each CPU has a stock of single pages, used with interrupts off and by nobody else, so that the common allocation and
 * free take no lock.  Pages in stock are neither in use nor on a free list; other CPUs read its count for statistics.
 *
 * Memory for programs (page_alloc_user) leaves a reserve to the kernel, so that it can go on working, and a process be
 * ended, when programs have used up all the rest.
 */
#include "guest_kernel/core/pages.h"

#include "config.h"
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
static uint64_t total_pages, adopted_pages;
static uint64_t free_pages; /* written with the lock, atomic for those who only look */
static uint64_t reserve_pages; /* written at boot only, as the next */
static bool zero_frontier;     /* what lies behind the frontier is all zeros */

#define STOCK_MAX 32
#define STOCK_MOVE 16 /* pages that go to or from the free lists together */
#define RESERVE_MIN 64
#define RESERVE_MAX 4096
#define RESERVE_PART 128 /* of all memory */

#define ZEROED_MAX 16

static struct stock {
    struct page *pages[STOCK_MAX];
    struct page *zeroed[ZEROED_MAX]; /* nobody has to clear them: freed page tables, pages never used before */
    uint32_t count, zeroed_count; /* atomic */
} aligned_to(64) stocks[CONFIG_MAX_CPUS];

void pages_init(struct page *map, bool fresh_is_zero)
{
    page_map = map;
    zero_frontier = fresh_is_zero;
    range_count = 0;
    total_pages = free_pages = adopted_pages = 0;
    for (unsigned i = 0; i <= PAGE_ORDER_MAX; i++)
        LIST_INIT(&free_lists[i]);
    memset(stocks, 0, sizeof stocks);
}

void pages_add_range(uint64_t start, uint64_t end)
{
    assert(range_count < PAGE_RANGES_MAX && start < end);
    ranges[range_count++] = (struct page_range){start >> PAGE_SHIFT, start >> PAGE_SHIFT, end >> PAGE_SHIFT};
    total_pages += (end - start) >> PAGE_SHIFT;
    free_pages += (end - start) >> PAGE_SHIFT;
    reserve_pages = MIN(MAX(total_pages / RESERVE_PART, (uint64_t)RESERVE_MIN), (uint64_t)RESERVE_MAX);
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

static void free_pages_add(int64_t n)
{
    __atomic_store_n(&free_pages, free_pages + (uint64_t)n, __ATOMIC_RELAXED);
}

static struct page *page_start(struct page *p, unsigned order)
{
    block_init(p, order, 1);
    free_pages_add(-(int64_t)BIT(order));
    return p;
}

static struct page *block_alloc(unsigned order)
{
    struct page *p = free_list_take(order);

    if (!p)
        p = frontier_carve(order);
    return p ? page_start(p, order) : NULL;
}

static void block_free(struct page *p);

static void count_set(uint32_t *count, uint32_t value)
{
    __atomic_store_n(count, value, __ATOMIC_RELAXED);
}

/* Interrupts off, as for all of the stock's functions.  The lowest go: those on top were used last. */
static __attribute__((noinline)) void stock_drain(struct stock *s, unsigned n)
{
    spin_lock(&pages_lock);
    for (unsigned i = 0; i < n; i++)
        block_free(s->pages[i]);
    spin_unlock(&pages_lock);
    memmove(s->pages, s->pages + n, (s->count - n) * sizeof s->pages[0]);
    count_set(&s->count, s->count - n);
}

/* Both lists are empty.  Pages are used in the order in which they come from the free lists: a host backs runs. */
static __attribute__((noinline)) void stock_fill(struct stock *s, uint64_t keep)
{
    struct page **list = s->pages, *p;
    unsigned left = STOCK_MOVE;

    spin_lock(&pages_lock);
    while (left && free_pages > keep && (p = free_list_take(0)))
        list[--left] = page_start(p, 0);
    if (left == STOCK_MOVE) {
        list = zero_frontier ? s->zeroed : s->pages;
        while (left && free_pages > keep && (p = frontier_carve(0)))
            list[--left] = page_start(p, 0);
    }
    spin_unlock(&pages_lock);
    memmove(list, list + left, (STOCK_MOVE - left) * sizeof *list);
    count_set(list == s->pages ? &s->count : &s->zeroed_count, STOCK_MOVE - left);
}

static struct page *list_pop(struct page **list, uint32_t *count)
{
    count_set(count, *count - 1);
    return list[*count];
}

/* `keep` pages must stay free.  zeroed: one that need not be cleared is preferred; it then says whether it is. */
static struct page *single_alloc(uint64_t keep, bool *zeroed)
{
    uint64_t flags = rflags_read();

    irq_disable();
    struct stock *s = &stocks[cpu_index()];
    struct page *p = NULL;

    if (unlikely(!s->count && !s->zeroed_count))
        stock_fill(s, keep);
    if (s->zeroed_count && (zeroed || !s->count)) {
        p = list_pop(s->zeroed, &s->zeroed_count);
        if (zeroed)
            *zeroed = true;
    } else if (likely(s->count)) {
        p = list_pop(s->pages, &s->count);
    }
    if (likely(p))
        block_init(p, 0, 1);
    if (flags & RFLAGS_IF)
        irq_enable();
    return p;
}

/* What lies in this CPU's stock may be what is missing; interrupts off. */
static void stock_empty(struct stock *s)
{
    stock_drain(s, s->count);
    spin_lock(&pages_lock);
    for (unsigned i = 0; i < s->zeroed_count; i++)
        block_free(s->zeroed[i]);
    spin_unlock(&pages_lock);
    count_set(&s->zeroed_count, 0);
}

static struct page *large_alloc(unsigned order, uint64_t keep)
{
    uint64_t flags = rflags_read();
    struct page *p = NULL;

    irq_disable();
    for (int round = 0; round < 2 && !p; round++) {
        if (round)
            stock_empty(&stocks[cpu_index()]);
        spin_lock(&pages_lock);
        if (free_pages >= keep + BIT(order))
            p = block_alloc(order);
        spin_unlock(&pages_lock);
    }
    if (flags & RFLAGS_IF)
        irq_enable();
    return p;
}

struct page *page_alloc_quiet(unsigned order)
{
    if (likely(!order))
        return single_alloc(0, NULL);
    return order > PAGE_ORDER_MAX ? NULL : large_alloc(order, 0);
}

struct page *page_alloc(unsigned order)
{
    return alloc_fails() ? NULL : page_alloc_quiet(order);
}

struct page *page_alloc_user(unsigned order)
{
    if (alloc_fails())
        return NULL;
    return likely(!order) ? single_alloc(reserve_pages, NULL) : large_alloc(order, reserve_pages);
}

bool memory_is_low(void)
{
    return __atomic_load_n(&free_pages, __ATOMIC_RELAXED) <= reserve_pages + STOCK_MAX;
}

uint64_t memory_total_pages(void)
{
    return total_pages;
}

struct page *page_alloc_zero(void)
{
    struct page *p = page_alloc(0);

    if (p)
        memset(page_address(p), 0, PAGE_SIZE);
    return p;
}

struct page *page_alloc_user_zero(void)
{
    bool zeroed = false;
    struct page *p = alloc_fails() ? NULL : single_alloc(reserve_pages, &zeroed);

    if (likely(p) && !zeroed)
        memset(page_address(p), 0, PAGE_SIZE);
    return p;
}

void page_split(struct page *p)
{
    for (unsigned order = p->order, i = 0; i < BIT(order); i++)
        block_init(p + i, 0, 1);
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

static void block_free(struct page *p)
{
    uint64_t number = page_number(p);
    unsigned order = p->order;
    const struct page_range *r = range_of(number);

    free_pages_add((int64_t)BIT(order));
    while (r && order < PAGE_ORDER_MAX && buddy_is_free(r, number ^ BIT(order), order)) {
        block_take(&page_map[number ^ BIT(order)]);
        number &= ~BIT(order);
        order++;
    }
    block_release(number, order);
}

void page_free(struct page *p)
{
    uint64_t flags = rflags_read();

    irq_disable();
    assert(!(p->flags & (PAGE_FLAG_FREE | PAGE_FLAG_SLAB)));
    if (likely(!p->order)) {
        struct stock *s = &stocks[cpu_index()];

        if (unlikely(s->count == STOCK_MAX))
            stock_drain(s, STOCK_MOVE);
        s->pages[s->count] = p;
        count_set(&s->count, s->count + 1);
    } else {
        spin_lock(&pages_lock);
        block_free(p);
        spin_unlock(&pages_lock);
    }
    if (flags & RFLAGS_IF)
        irq_enable();
}

void page_free_zeroed(struct page *p)
{
    uint64_t flags = rflags_read();

    irq_disable();
    struct stock *s = &stocks[cpu_index()];
    bool kept = s->zeroed_count < ZEROED_MAX;

    if (kept) {
        s->zeroed[s->zeroed_count] = p;
        count_set(&s->zeroed_count, s->zeroed_count + 1);
    }
    if (flags & RFLAGS_IF)
        irq_enable();
    if (!kept)
        page_free(p);
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
    for (unsigned i = 0; i < CONFIG_MAX_CPUS; i++)
        out->free_pages += __atomic_load_n(&stocks[i].count, __ATOMIC_RELAXED) +
                           __atomic_load_n(&stocks[i].zeroed_count, __ATOMIC_RELAXED);
    out->slab_pages = slab_pages();
}
