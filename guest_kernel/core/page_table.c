/*
 * See page_table.h.
 */
#include "guest_kernel/core/page_table.h"

#include "guest_kernel/core/layout.h"
#include "guest_kernel/core/tlb.h"
#include "lib/log.h"

static inline struct page *table_page(const uint64_t *entry)
{
    return page_of_phys(ALIGN_DOWN((uintptr_t)entry, PAGE_SIZE) - DIRECT_BASE);
}

static inline uint64_t *table_of(uint64_t entry)
{
    return (uint64_t *)(DIRECT_BASE + (entry & PTE_ADDRESS));
}

bool page_table_create(struct page_table *t)
{
    struct page *p = page_alloc_user_zero();

    if (!p)
        return false;
    *t = (struct page_table){.root = page_address(p)};
    paging_copy_kernel_slots(t->root);
    return true;
}

void page_table_destroy(struct page_table *t)
{
    page_put(page_of_address(t->root));
}

/* The table below an entry, made if there is none; NULL: no memory. */
static inline uint64_t *table_below(struct page_table *t, uint64_t *entry)
{
    if (likely(*entry & PTE_PRESENT))
        return table_of(*entry);
    struct page *p = page_alloc_user_zero();

    if (!p)
        return NULL;
    *entry = page_phys(p) | PTE_TABLE;
    table_page(entry)->refs++;
    t->tables++;
    return table_of(*entry);
}

uint64_t *page_table_directory(struct page_table *t, uint64_t va)
{
    uint64_t *table = table_below(t, &t->root[TABLE_INDEX(va, 3)]);

    if (likely(table))
        table = table_below(t, &table[TABLE_INDEX(va, 2)]);
    return likely(table) ? &table[TABLE_INDEX(va, 1)] : NULL;
}

uint64_t *page_table_leaf(struct page_table *t, uint64_t *directory, uint64_t va)
{
    uint64_t *table = table_below(t, directory);

    return likely(table) ? &table[TABLE_INDEX(va, 0)] : NULL;
}

uint64_t *page_table_find(const struct page_table *t, uint64_t va)
{
    uint64_t *entry = &t->root[TABLE_INDEX(va, 3)];

    for (int level = 2; level >= 0; level--) {
        if (!*entry)
            return NULL;
        if (pte_is_large(*entry))
            return entry;
        entry = &table_of(*entry)[TABLE_INDEX(va, level)];
    }
    return entry;
}

void *page_table_address(const uint64_t *leaf, uint64_t va)
{
    uint64_t mask = pte_is_large(*leaf) ? LARGE_SIZE - 1 : PAGE_SIZE - 1;

    return (char *)phys_to_virt(*leaf & PTE_ADDRESS & ~mask) + (va & mask);
}

void page_table_set(uint64_t *entry, uint64_t value)
{
    assert(!*entry && value);
    *entry = value;
    table_page(entry)->refs++;
}

bool page_table_split(struct page_table *t, uint64_t *directory)
{
    struct page *p = page_alloc_user_zero();

    if (!p)
        return false;
    uint64_t *table = page_address(p), value = *directory & ~(uint64_t)PTE_LARGE;

    page_split(pte_page(*directory));
    for (unsigned i = 0; i < TABLE_ENTRIES; i++)
        table[i] = value + i * PAGE_SIZE;
    p->refs += TABLE_ENTRIES;
    t->tables++;
    *directory = page_phys(p) | PTE_TABLE; /* the same memory with the same rights: nothing to be flushed for */
    return true;
}

void page_table_replace(struct page_table *t, uint64_t *directory, uint64_t value, struct tlb_gather *gather)
{
    tlb_gather_add_table(gather, table_page(table_of(*directory)));
    t->tables--;
    *directory = value;
}

/* The leaves of [start, end), which lies in one table; true: it has become empty. */
static bool walk_leaves(uint64_t *table, uint64_t start, uint64_t end, struct page_walk *w)
{
    struct page *self = table_page(table);
    uint64_t *entry = &table[TABLE_INDEX(start, 0)];

    for (uint64_t va = start; va < end; va += PAGE_SIZE, entry++) {
        if (!*entry)
            continue;
        w->leaf(w, va, entry);
        if (!*entry)
            self->refs--;
    }
    return self->refs == 1;
}

/* A table below `entry` is empty and goes; true: so is now the one that the entry is in. */
static bool table_drop(struct page_table *t, uint64_t *entry, struct page_walk *w)
{
    struct page *below = table_page(table_of(*entry)), *self = table_page(entry);

    *entry = 0;
    t->tables--;
    w->table(w, below);
    return --self->refs == 1;
}

static uint64_t step_over(uint64_t va, int level)
{
    return ALIGN_DOWN(va, BIT(TABLE_SHIFT(level))) + BIT(TABLE_SHIFT(level));
}

/* One 2 MiB slot; true: its directory has become empty. */
static bool walk_directory(struct page_table *t, uint64_t *entry, uint64_t start, uint64_t end, struct page_walk *w)
{
    if (pte_is_large(*entry)) {
        w->leaf(w, start, entry);
        return !*entry && --table_page(entry)->refs == 1;
    }
    return walk_leaves(table_of(*entry), start, end, w) && w->table && table_drop(t, entry, w);
}

void page_table_walk(struct page_table *t, uint64_t start, uint64_t end, struct page_walk *w)
{
    for (uint64_t va = start, next; va < end; va = next) {
        uint64_t *entries[USER_TABLE_LEVELS];
        int level = 3;

        entries[3] = &t->root[TABLE_INDEX(va, 3)];
        while (level > 1 && *entries[level]) {
            level--;
            entries[level] = &table_of(*entries[level + 1])[TABLE_INDEX(va, level)];
        }
        next = MIN(step_over(va, level), end);
        /* Tables are without entries from the start where there was no memory for one below. */
        bool empty = *entries[level] ? walk_directory(t, entries[1], va, next, w)
                                     : level < 3 && table_page(entries[level])->refs == 1;

        for (; empty && w->table && level < 3; level++)
            empty = table_drop(t, entries[level + 1], w);
    }
}
