/*
 * Forgetting what was used and what was written (/proc/PID/clear_refs), by the bits that the CPU sets.  Nothing is
 * write-protected for it: a page is written since if PTE_DIRTY is set, and what stood there before is PTE_WAS_DIRTY (page_table.h).
 */
#include "guest_kernel/core/space_inner.h"

struct clear_walk {
    struct page_walk walk;
    struct tlb_gather gather;
    uint64_t bits;
};

/* The CPUs may set bits meanwhile. */
static void clear_leaf(struct page_walk *w, uint64_t va, uint64_t *entry)
{
    struct clear_walk *c = container_of(w, struct clear_walk, walk);

    uint64_t were = __atomic_fetch_and(entry, ~c->bits, __ATOMIC_RELAXED) & c->bits;

    if (!were)
        return;
    if (were & PTE_DIRTY)
        __atomic_fetch_or(entry, PTE_WAS_DIRTY, __ATOMIC_RELAXED);
    tlb_gather_note(&c->gather, va);
    if (pte_is_large(*entry))
        tlb_gather_note(&c->gather, va + LARGE_SIZE - PAGE_SIZE);
}

static bool is_meant(const struct area *a, enum space_forget what)
{
    return what == SPACE_FORGET_ANONYMOUS ? !a->file : what == SPACE_FORGET_MAPPED ? a->file != NULL : true;
}

void space_forget(struct space *s, enum space_forget what)
{
    struct clear_walk w = {.walk = {.leaf = clear_leaf}, .bits = PTE_ACCESSED};
    struct area *a;

    if (what == SPACE_FORGET_SOFT_DIRTY)
        w.bits = PTE_DIRTY | PTE_MOVED;
    mutex_lock(&s->lock);
    tlb_gather_init(&w.gather, s); /* a CPU that has an entry cached would not set its bits again */
    for (a = what == SPACE_FORGET_PEAK ? NULL : area_from(&s->areas, 0); a; a = area_next(a)) {
        if (!is_meant(a, what))
            continue;
        page_table_walk(&s->pages, a->start, a->end, &w.walk);
        a->soft_clean |= what == SPACE_FORGET_SOFT_DIRTY;
    }
    tlb_gather_finish(&w.gather);
    if (what == SPACE_FORGET_PEAK)
        s->counts.peak_resident = space_resident(&s->counts);
    space_unlock(s);
}
