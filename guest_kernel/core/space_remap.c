/*
 * mremap(2): an area, or a part of one, is made longer or shorter, in place or elsewhere.  Pages move with their
 * entries; nothing is copied.
 */
#include <asm-generic/errno.h>
#include <linux/resource.h>

#include "guest_kernel/core/space_inner.h"
#include "guest_kernel/core/task.h"

struct move_walk {
    struct page_walk walk;
    struct tlb_gather gather;
    struct space *space;
    uint64_t shift; /* added to addresses, modulo 2^64 */
    bool prepare;   /* first pass: make the tables; the second cannot fail */
    bool failed;
};

static void move_leaf(struct page_walk *w, uint64_t va, uint64_t *entry)
{
    struct move_walk *m = container_of(w, struct move_walk, walk);
    uint64_t *to = page_table_make(m->space->root, va + m->shift);

    if (!to) {
        m->failed = true;
        return;
    }
    if (m->prepare)
        return;
    page_table_set(to, *entry);
    *entry = 0;
    tlb_gather_note(&m->gather, va);
}

static void move_table(struct page_walk *w, struct page *table)
{
    struct move_walk *m = container_of(w, struct move_walk, walk);

    tlb_gather_note(&m->gather, 0);
    tlb_gather_note(&m->gather, USER_END - PAGE_SIZE);
    tlb_gather_add(&m->gather, table);
}

/* False: no memory, nothing moved. */
static bool pages_move(struct space *s, uint64_t from, uint64_t to, uint64_t size)
{
    struct move_walk m = {.walk = {.leaf = move_leaf}, .space = s, .shift = to - from, .prepare = true};

    tlb_gather_init(&m.gather, s);
    page_table_walk(s->root, from, from + size, &m.walk);
    if (!m.failed) {
        m.prepare = false;
        m.walk.table = move_table;
        page_table_walk(s->root, from, from + size, &m.walk);
    }
    tlb_gather_finish(&m.gather);
    return !m.failed;
}

/* The new place is free.  The old range lies in one area; keep_old: it stays, without its pages. */
static long move_to(struct space *s, struct area *a, uint64_t old, uint64_t old_size, uint64_t to, uint64_t new_size,
                    bool keep_old)
{
    struct area model = *a;
    uint64_t kept = MIN(old_size, new_size);

    model.start = to;
    model.end = to + new_size;
    model.flags &= ~(uint32_t)MAP_GROWSDOWN;
    if (model.file)
        model.file_offset += old - a->start;
    if (space_split(s, old) || space_split(s, old + old_size) || space_insert(s, &model))
        return -ENOMEM;
    bool moved = pages_move(s, old, to, kept);

    if (moved && keep_old)
        return (long)to;

    /* What is left of one of the two places goes. */
    int error = moved ? space_clear(s, old, old + old_size) : space_clear(s, to, to + new_size);

    return moved && !error ? (long)to : -ENOMEM;
}

static bool limit_allows(const struct space *s, uint64_t old_size, uint64_t new_size)
{
    uint64_t pages = s->total_pages + (new_size >> PAGE_SHIFT) - (old_size >> PAGE_SHIFT);

    return new_size <= old_size || pages <= task_limit(RLIMIT_AS) >> PAGE_SHIFT;
}

static long remap_fixed(struct space *s, uint64_t old, uint64_t old_size, uint64_t new_size, uint64_t to, bool keep_old)
{
    if (!IS_ALIGNED(to, PAGE_SIZE) || new_size > USER_END || to > USER_END - new_size)
        return -EINVAL;
    if (to < old + old_size && old < to + new_size)
        return -EINVAL;
    if (to < SPACE_MIN_ADDRESS)
        return -EPERM;
    if (space_clear(s, to, to + new_size))
        return -ENOMEM;
    struct area *a = area_at(&s->areas, old);

    return a ? move_to(s, a, old, old_size, to, new_size, keep_old) : -EFAULT;
}

static long grow_in_place(struct space *s, struct area *a, uint64_t old, uint64_t old_size, uint64_t new_size)
{
    struct area model = *a;

    model.start = old + old_size;
    model.end = old + new_size;
    if (model.file)
        model.file_offset += model.start - a->start;
    if (a->end != model.start || model.end > USER_END || area_overlaps_with_gaps(&s->areas, model.start, model.end))
        return -ENOMEM;
    return space_insert(s, &model) ? -ENOMEM : (long)old;
}

static long remap_anywhere(struct space *s, struct area *a, uint64_t old, uint64_t old_size, uint64_t new_size,
                           bool keep_old)
{
    uint64_t to = area_find_gap(&s->areas, new_size, SPACE_MIN_ADDRESS, s->layout.mmap_top);

    return to ? move_to(s, a, old, old_size, to, new_size, keep_old) : -ENOMEM;
}

static long remap_locked(struct space *s, uint64_t old, uint64_t old_size, uint64_t new_size, uint32_t flags,
                         uint64_t to)
{
    struct area *a = area_at(&s->areas, old);
    bool keep_old = flags & MREMAP_DONTUNMAP;

    if (!a || a->end - old < old_size)
        return -EFAULT;
    if (!old_size && !(a->flags & MAP_SHARED))
        return -EINVAL; /* only shared memory can be mapped a second time so */
    if (!limit_allows(s, keep_old ? 0 : old_size, new_size))
        return -ENOMEM;
    if (flags & MREMAP_FIXED)
        return remap_fixed(s, old, old_size, new_size, to, keep_old);
    if (keep_old || !old_size)
        return flags & MREMAP_MAYMOVE ? remap_anywhere(s, a, old, old_size, new_size, true) : -ENOMEM;
    if (new_size <= old_size)
        return space_clear(s, old + new_size, old + old_size) ? -ENOMEM : (long)old;
    if (grow_in_place(s, a, old, old_size, new_size) >= 0)
        return (long)old;
    return flags & MREMAP_MAYMOVE ? remap_anywhere(s, a, old, old_size, new_size, false) : -ENOMEM;
}

long space_remap(struct space *s, uint64_t old, uint64_t old_length, uint64_t new_length, uint32_t flags, uint64_t to)
{
    uint64_t old_size = ALIGN_UP(old_length, PAGE_SIZE);
    uint64_t new_size = ALIGN_UP(new_length, PAGE_SIZE);

    if (flags & ~(uint32_t)(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
        return -EINVAL;
    if (!IS_ALIGNED(old, PAGE_SIZE) || !new_size)
        return -EINVAL;
    if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if ((flags & MREMAP_DONTUNMAP) && (old_size != new_size || !IS_ALIGNED(to, PAGE_SIZE)))
        return -EINVAL;
    if (old_size < old_length || new_size < new_length || old_size > USER_END || old > USER_END - old_size)
        return -EINVAL;
    if (new_size > USER_END)
        return -ENOMEM;
    mutex_lock(&s->lock);
    long result = remap_locked(s, old, old_size, new_size, flags, to);

    space_unlock(s);
    return result;
}
