/*
 * Transparent huge pages: 2 MiB of private anonymous memory as one page, where it is wanted (memory_settings.large,
 * madvise(2)).  A large page belongs to one space alone: fork, a change of a part of it or its end inside another area
 * make it small pages first.
 */
#include <asm-generic/errno.h>

#include "guest_kernel/core/space_inner.h"
#include "guest_kernel/core/task.h"
#include "lib/string.h"

static bool can_be_large(const struct space *s, const struct area *a)
{
    return !a->file && !(a->flags & (MAP_SHARED | MAP_GROWSDOWN | SPACE_MAP_NO_LARGE)) && !s->no_large;
}

static bool is_wanted(const struct space *s, const struct area *a)
{
    int mode = __atomic_load_n(&memory_settings.large, __ATOMIC_RELAXED);

    return can_be_large(s, a) && (mode == LARGE_ALWAYS || (mode == LARGE_MADVISE && (a->flags & SPACE_MAP_LARGE)));
}

static uint64_t large_value(const struct area *a, const struct page *p)
{
    return page_phys(p) | area_pte_flags(a) | PTE_LARGE | PTE_OWN | PTE_DIRTY | (a->prot & PROT_WRITE ? PTE_WRITE : 0);
}

bool space_large_fault(struct space *s, const struct area *a, uint64_t va, uint64_t *directory)
{
    uint64_t start = ALIGN_DOWN(va, LARGE_SIZE);

    if (!is_wanted(s, a) || start < a->start || a->end - start < LARGE_SIZE)
        return false;
    struct page *p = page_alloc_user(LARGE_ORDER);

    if (!p)
        return false;
    memset(page_address(p), 0, LARGE_SIZE);
    page_table_set(directory, large_value(a, p));
    s->large_pages++;
    s->counts.resident[RESIDENT_OWN] += LARGE_PAGES;
    return true;
}

/* Of a range that is to become one page: the contents go there, the small pages. */
struct collapse_walk {
    struct page_walk walk;
    struct tlb_gather gather;
    struct space *space;
    char *to;
    uint64_t start;
};

static void freeze_leaf(struct page_walk *w, uint64_t va, uint64_t *entry)
{
    *entry &= ~(uint64_t)PTE_WRITE;
    tlb_gather_note(&container_of(w, struct collapse_walk, walk)->gather, va);
}

static void take_leaf(struct page_walk *w, uint64_t va, uint64_t *entry)
{
    struct collapse_walk *c = container_of(w, struct collapse_walk, walk);
    struct page *p = pte_page(*entry);

    space_count_pages(c->space, *entry, -1);
    *entry = 0;
    tlb_gather_note(&c->gather, va);
    if (p == zero_page)
        return;
    memcpy(c->to + (va - c->start), page_address(p), PAGE_SIZE);
    tlb_gather_add(&c->gather, p);
}

/* 2 MiB of one area.  In between nobody can write, and who wants to waits for the lock. */
static long collapse_one(struct space *s, const struct area *a, uint64_t start)
{
    uint64_t *directory = page_table_directory(&s->pages, start);
    struct collapse_walk c = {.walk = {.leaf = freeze_leaf}, .space = s, .start = start};

    if (directory && pte_is_large(*directory))
        return 0;
    struct page *p = directory ? page_alloc_user(LARGE_ORDER) : NULL;

    if (!p)
        return -ENOMEM;
    c.to = page_address(p);
    memset(c.to, 0, LARGE_SIZE);
    tlb_gather_init(&c.gather, s);
    page_table_walk(&s->pages, start, start + LARGE_SIZE, &c.walk);
    tlb_gather_finish(&c.gather);
    c.walk.leaf = take_leaf;
    page_table_walk(&s->pages, start, start + LARGE_SIZE, &c.walk);
    if (*directory)
        page_table_replace(&s->pages, directory, large_value(a, p), &c.gather);
    else
        page_table_set(directory, large_value(a, p));
    tlb_gather_finish(&c.gather);
    s->large_pages++;
    s->counts.resident[RESIDENT_OWN] += LARGE_PAGES;
    return 0;
}

long space_collapse(struct space *s, uint64_t address, uint64_t length)
{
    uint64_t end;
    long result = 0;

    if (!space_range(address, length, &end))
        return -ENOMEM;
    for (uint64_t at = ALIGN_UP(address, LARGE_SIZE); at + LARGE_SIZE <= end; at += LARGE_SIZE) {
        mutex_lock(&s->lock);
        const struct area *a = area_at(&s->areas, at);
        long error = !a ? -ENOMEM : -EINVAL;

        if (a && can_be_large(s, a) && a->end - at >= LARGE_SIZE)
            error = collapse_one(s, a, at);
        space_unlock(s);
        result = error ? error : result;
        task_relax();
    }
    return result;
}

bool space_large_is_possible(struct space *s, const struct area *a)
{
    return is_wanted(s, a) && ALIGN_UP(a->start, LARGE_SIZE) + LARGE_SIZE <= a->end;
}

bool space_large_is_off(struct space *s)
{
    return __atomic_load_n(&s->no_large, __ATOMIC_RELAXED);
}

void space_large_off(struct space *s, bool off)
{
    __atomic_store_n(&s->no_large, off, __ATOMIC_RELAXED);
}
