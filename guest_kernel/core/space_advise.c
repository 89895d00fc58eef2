/*
 * Advice about ranges of an address space: madvise(2), mlock(2), mincore(2) and populating.
 */
#include <asm-generic/errno.h>
#include <linux/resource.h>

#include "guest_kernel/core/space_inner.h"
#include "guest_kernel/core/task.h"

#define BATCH_PAGES 64 /* made present before the lock is given up: a large range is long work */

long space_check_mapped(struct space *s, uint64_t address, uint64_t length)
{
    uint64_t end;

    if (!space_range(address, length, &end))
        return -ENOMEM;
    if (address == end)
        return 0;
    mutex_lock(&s->lock);
    bool mapped = space_is_mapped(s, address, end);

    space_unlock(s);
    return mapped ? 0 : -ENOMEM;
}

/* [at, stop) lies in the area. */
static long advise_area(struct space *s, struct area *a, uint64_t at, uint64_t stop, const struct space_advice *advice)
{
    uint32_t flags = (a->flags & ~advice->clear) | advice->set;
    long error = advice->check ? advice->check(a) : 0;

    if (error)
        return error;
    if (advice->what == ADVICE_DROP) {
        if (space_split_large(s, at) || space_split_large(s, stop))
            return -EAGAIN;
        space_drop_pages(s, at, stop, false);
        return 0;
    }
    if (flags == a->flags)
        return 0;
    if (space_split(s, at) || space_split(s, stop))
        return advice->what == ADVICE_LOCK ? -ENOMEM : -EAGAIN;
    a = area_at(&s->areas, at);
    space_account(s, a, -(int64_t)area_pages(a));
    a->flags = flags;
    space_account(s, a, (int64_t)area_pages(a));
    space_join(s, at);
    return 0;
}

/* Holes do not end it, except for locks. */
static long advise_locked(struct space *s, uint64_t start, uint64_t end, const struct space_advice *advice)
{
    long result = 0;

    for (uint64_t at = start, next; at < end; at = next) {
        struct area *a = area_from(&s->areas, at);

        if (!a || a->start > at) {
            result = -ENOMEM;
            if (advice->what == ADVICE_LOCK)
                return result;
            if (!a || a->start >= end)
                break;
            at = a->start;
        }
        next = MIN(a->end, end);
        long error = advise_area(s, a, at, next, advice);

        if (error)
            return error;
    }
    if (advice->what != ADVICE_DROP)
        space_join(s, end);
    return result;
}

long space_advise(struct space *s, uint64_t address, uint64_t length, const struct space_advice *advice)
{
    uint64_t end;

    if (!space_range(address, length, &end))
        return -ENOMEM;
    mutex_lock(&s->lock);
    long result = advise_locked(s, address, end, advice);

    space_unlock(s);
    return result;
}

void space_advise_all(struct space *s, const struct space_advice *advice)
{
    mutex_lock(&s->lock);
    for (struct area *a = area_from(&s->areas, 0); a; a = area_next(a)) {
        space_account(s, a, -(int64_t)area_pages(a));
        a->flags = (a->flags & ~advice->clear) | advice->set;
        space_account(s, a, (int64_t)area_pages(a));
    }
    space_unlock(s);
}

/* 0, or why the pages of an area cannot be made present. */
static int populate_refused(const struct area *a, enum populate how)
{
    switch (how) {
    case POPULATE_READ:
        return a->prot & PROT_READ ? 0 : -EINVAL;
    case POPULATE_WRITE:
        return a->prot & PROT_WRITE ? 0 : -EINVAL;
    default:
        return area_is_accessible(a) ? 0 : -EFAULT;
    }
}

/* Up to BATCH_PAGES from *at on; moves it. */
static int populate_batch(struct space *s, uint64_t *at, uint64_t end, enum populate how)
{
    struct area *a = area_at(&s->areas, *at);
    int error = a ? populate_refused(a, how) : -ENOMEM;

    if (error)
        return error;
    bool write =
        how == POPULATE_WRITE || (how == POPULATE_AS_MAPPED && (a->prot & PROT_WRITE) && !(a->flags & MAP_SHARED));

    end = MIN(MIN(end, a->end), *at + BATCH_PAGES * PAGE_SIZE);
    for (; *at < end; *at += PAGE_SIZE) {
        const uint64_t *leaf = page_table_find(&s->pages, *at);

        if (leaf && pte_has_page(*leaf) && (!write || (*leaf & PTE_WRITE)))
            continue;
        error = space_resolve(s, a, *at, write);
        if (error)
            return error == -ENOMEM ? error : -EFAULT;
    }
    return 0;
}

long space_populate(struct space *s, uint64_t address, uint64_t length, enum populate how)
{
    uint64_t at = address, end;
    unsigned attempt = 0;

    if (!space_range(address, length, &end))
        return -ENOMEM;
    while (at < end) {
        mutex_lock(&s->lock);
        bool mapped = area_at(&s->areas, at);
        int error = populate_batch(s, &at, end, how);

        space_unlock(s);
        if (error == -ENOMEM && mapped && task_out_of_memory(attempt++))
            continue;
        if (error)
            return error;
        task_relax();
    }
    return 0;
}

void space_populate_all(struct space *s)
{
    uint64_t at = 0;

    for (;;) {
        mutex_lock(&s->lock);
        const struct area *a = area_from(&s->areas, at);
        uint64_t start = a ? MAX(a->start, at) : 0;

        at = a ? a->end : 0;
        space_unlock(s);
        if (!at)
            return;
        (void)space_populate(s, start, at - start, POPULATE_AS_MAPPED);
    }
}

bool space_area_copy(struct space *s, uint64_t address, struct area *out)
{
    mutex_lock(&s->lock);
    const struct area *a = area_from(&s->areas, address);

    if (a)
        *out = *a;
    if (a && a->file)
        a->file->ops->get(a->file, false);
    space_unlock(s);
    return a;
}

/* Pages that are not mapped but in memory count, too. */
static void cached_pages(const struct area *a, uint64_t va, unsigned n, uint8_t *present)
{
    struct page *pages[BATCH_PAGES];

    if (!a->file || !a->file->ops->get_cached)
        return;
    a->file->ops->get_cached(a->file, (a->file_offset + (va - a->start)) >> PAGE_SHIFT, n, pages);
    for (unsigned i = 0; i < n; i++) {
        if (!pages[i])
            continue;
        present[i] = 1;
        if (pages[i] != zero_page)
            page_put(pages[i]);
    }
}

static void area_residence(struct space *s, const struct area *a, uint64_t va, unsigned n, uint8_t *present)
{
    for (unsigned i = 0; i < n; i++)
        present[i] = 0;
    cached_pages(a, va, n, present);
    for (unsigned i = 0; i < n; i++) {
        const uint64_t *leaf = page_table_find(&s->pages, va + i * PAGE_SIZE);

        present[i] |= leaf && pte_has_page(*leaf);
    }
}

long space_residence(struct space *s, uint64_t address, uint64_t length, uint8_t *present)
{
    const struct area *a = NULL;
    uint64_t va = address, end;

    if (!space_range(address, length, &end))
        return -ENOMEM;
    mutex_lock(&s->lock);
    while (va < end && (a = area_at(&s->areas, va))) {
        uint64_t stop = MIN(MIN(a->end, end), va + BATCH_PAGES * PAGE_SIZE);

        area_residence(s, a, va, (unsigned)((stop - va) >> PAGE_SHIFT), present + ((va - address) >> PAGE_SHIFT));
        va = stop;
    }
    space_unlock(s);
    return va > address ? (long)((va - address) >> PAGE_SHIFT) : -ENOMEM;
}

/* Pages of the range that are locked already. */
static uint64_t pages_locked(struct space *s, uint64_t start, uint64_t end)
{
    uint64_t pages = 0;

    for (struct area *a = area_from(&s->areas, start); a && a->start < end; a = area_next(a))
        if (a->flags & MAP_LOCKED)
            pages += (MIN(a->end, end) - MAX(a->start, start)) >> PAGE_SHIFT;
    return pages;
}

bool space_lock_allowed(struct space *s, uint64_t address, uint64_t length)
{
    uint64_t end = address + length;

    mutex_lock(&s->lock);
    bool allowed = space_may_lock(s, length >> PAGE_SHIFT) ||
                   space_may_lock(s, (length >> PAGE_SHIFT) - pages_locked(s, address, end));

    space_unlock(s);
    return allowed;
}

bool space_lock_all_allowed(struct space *s)
{
    mutex_lock(&s->lock);
    bool allowed = space_may_lock(s, s->counts.total - s->counts.locked);

    space_unlock(s);
    return allowed;
}

void space_lock_future(struct space *s, uint32_t flags)
{
    mutex_lock(&s->lock);
    s->new_flags = flags;
    space_unlock(s);
}
