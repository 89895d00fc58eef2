/*
 * See page_table.h.
 */
#include "guest_kernel/core/page_table.h"

#include "lib/log.h"
#include "lib/string.h"

static struct page *table_page(const uint64_t *entry)
{
    return page_of_address((const void *)ALIGN_DOWN((uintptr_t)entry, PAGE_SIZE));
}

static uint64_t *table_of(uint64_t entry)
{
    return phys_to_virt(entry & PTE_ADDRESS);
}

uint64_t *page_table_create(void)
{
    struct page *p = page_alloc_zero();

    if (!p)
        return NULL;
    paging_copy_kernel_slots(page_address(p));
    return page_address(p);
}

void page_table_destroy(uint64_t *root)
{
    page_put(page_of_address(root));
}

uint64_t *page_table_find(uint64_t *root, uint64_t va)
{
    uint64_t *table = root;

    for (int level = USER_TABLE_LEVELS - 1; level > 0; level--) {
        uint64_t entry = table[TABLE_INDEX(va, level)];

        if (!(entry & PTE_PRESENT))
            return NULL;
        table = table_of(entry);
    }
    return &table[TABLE_INDEX(va, 0)];
}

uint64_t *page_table_make(uint64_t *root, uint64_t va)
{
    uint64_t *table = root;

    for (int level = USER_TABLE_LEVELS - 1; level > 0; level--) {
        uint64_t *entry = &table[TABLE_INDEX(va, level)];

        if (!(*entry & PTE_PRESENT)) {
            struct page *p = page_alloc_zero();

            if (!p)
                return NULL;
            *entry = page_phys(p) | PTE_TABLE;
            table_page(entry)->refs++;
        }
        table = table_of(*entry);
    }
    return &table[TABLE_INDEX(va, 0)];
}

void page_table_set(uint64_t *entry, uint64_t value)
{
    assert(!*entry && value);
    *entry = value;
    table_page(entry)->refs++;
}

static void walk_leaves(uint64_t *table, uint64_t start, uint64_t end, struct page_walk *w)
{
    struct page *self = table_page(table);

    for (uint64_t va = start; va < end; va += PAGE_SIZE) {
        uint64_t *entry = &table[TABLE_INDEX(va, 0)];

        if (!*entry)
            continue;
        w->leaf(w, va, entry);
        if (!*entry)
            self->refs--;
    }
}

static void walk_level(uint64_t *table, int level, uint64_t start, uint64_t end, struct page_walk *w)
{
    struct page *self = table_page(table);
    uint64_t step = BIT(TABLE_SHIFT(level));

    for (uint64_t at = start, next; at < end; at = next) {
        uint64_t *entry = &table[TABLE_INDEX(at, level)];

        next = MIN(ALIGN_DOWN(at, step) + step, end);
        if (!(*entry & PTE_PRESENT))
            continue;
        uint64_t *child = table_of(*entry);

        if (level == 1)
            walk_leaves(child, at, next, w);
        else
            walk_level(child, level - 1, at, next, w);
        if (w->table && table_page(child)->refs == 1) {
            *entry = 0;
            self->refs--;
            w->table(w, table_page(child));
        }
    }
}

void page_table_walk(uint64_t *root, uint64_t start, uint64_t end, struct page_walk *w)
{
    walk_level(root, USER_TABLE_LEVELS - 1, start, end, w);
}
