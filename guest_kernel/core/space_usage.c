/*
 * What of an address space is in memory, area by area and page by page (/proc/PID/smaps, pagemap).  How often a page is
 * mapped is read off its references: a private one has one for each mapping, one of a file also the page cache's.  So
 * what a pipe holds (splice) counts like a mapping more.
 */
#include "guest_kernel/core/space_inner.h"

/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT    BIT(63)
#define PAGEMAP_FILE       BIT(61) /* of a file, or shared memory */
#define PAGEMAP_EXCLUSIVE  BIT(56) /* nobody else maps it */
#define PAGEMAP_SOFT_DIRTY BIT(55)

/* Of a page that is no zero page; other spaces may change it meanwhile. */
static uint64_t mappings_of(uint64_t entry)
{
    uint32_t refs = __atomic_load_n(&pte_page(entry)->refs, __ATOMIC_RELAXED);

    return !(entry & PTE_OWN) && refs > 1 ? refs - 1 : MAX(refs, 1u);
}

struct usage_walk {
    struct page_walk walk;
    struct space_usage *usage;
    bool locked;
};

static void usage_leaf(struct page_walk *w, uint64_t va, uint64_t *entry)
{
    const struct usage_walk *u = container_of(w, struct usage_walk, walk);
    struct space_usage *out = u->usage;
    enum resident kind = pte_kind(*entry);

    if (kind == RESIDENT_NONE)
        return;
    uint64_t size = pte_pages(*entry) * PAGE_SIZE, mappings = mappings_of(*entry);
    uint64_t share = (size << SPACE_USAGE_SHIFT) / mappings;
    bool dirty = kind == RESIDENT_SHMEM || (*entry & (PTE_DIRTY | PTE_WAS_DIRTY)); /* shared memory has no disk to be clean by */

    out->resident += size;
    out->referenced += *entry & PTE_ACCESSED ? size : 0;
    out->large += pte_is_large(*entry) ? size : 0;
    out->anonymous += kind == RESIDENT_OWN ? size : 0;
    out->by_sharing[mappings == 1][dirty] += size;
    out->share_dirty += dirty ? share : 0;
    out->share_locked += u->locked ? share : 0;
    out->share[kind] += share;
}

bool space_area_usage(struct space *s, uint64_t address, struct area *out, struct space_usage *usage)
{
    mutex_lock(&s->lock);
    const struct area *a = area_from(&s->areas, address);

    if (a) {
        struct usage_walk w = {.walk = {.leaf = usage_leaf}, .usage = usage, .locked = a->flags & MAP_LOCKED};

        *out = *a;
        if (a->file)
            a->file->ops->get(a->file, false);
        page_table_walk(&s->pages, a->start, a->end, &w.walk);
    }
    space_unlock(s);
    return a;
}

static uint64_t pagemap_word(const struct area *a, uint64_t entry, uint64_t va, bool frames)
{
    uint64_t frame = (entry & PTE_ADDRESS) >> PAGE_SHIFT;
    uint64_t soft_dirty = !a->soft_clean || (entry & (PTE_DIRTY | PTE_MOVED)) ? PAGEMAP_SOFT_DIRTY : 0;

    if (!pte_has_page(entry))
        return soft_dirty;
    if (pte_is_large(entry))
        frame = ALIGN_DOWN(frame, LARGE_PAGES) + ((va >> PAGE_SHIFT) & (LARGE_PAGES - 1));
    uint64_t word = PAGEMAP_PRESENT | soft_dirty | (frames ? frame : 0);

    if (pte_kind(entry) == RESIDENT_NONE)
        return word;
    if (!(entry & PTE_OWN))
        word |= PAGEMAP_FILE;
    return mappings_of(entry) == 1 ? word | PAGEMAP_EXCLUSIVE : word;
}

void space_pagemap(struct space *s, uint64_t address, unsigned n, bool frames, uint64_t *out)
{
    mutex_lock(&s->lock);
    const struct area *a = area_from(&s->areas, address);

    for (unsigned i = 0; i < n; i++) {
        uint64_t va = address + i * PAGE_SIZE;

        if (a && va >= a->end)
            a = area_from(&s->areas, va);
        const uint64_t *leaf = a && a->start <= va ? page_table_find(&s->pages, va) : NULL;

        out[i] = a && a->start <= va ? pagemap_word(a, leaf ? *leaf : 0, va, frames) : 0;
    }
    space_unlock(s);
}
