/*
 * mremap(2): an area, or a part of one, is made longer or shorter, in place or elsewhere.  Pages move with their
 * entries; nothing is copied.
 */
#include <asm-generic/errno.h>
#include <linux/resource.h>

#include "guest_kernel/core/space_inner.h"
#include "guest_kernel/core/task.h"

struct remap {
    uint64_t old, old_size, new_size;
    uint32_t flags;
    uint64_t to; /* with MREMAP_FIXED; else a hint */
};

struct move_walk {
    struct page_walk walk;
    struct tlb_gather gather;
    struct space *space;
    uint64_t shift; /* added to addresses, modulo 2^64 */
    bool prepare;   /* first pass: make the tables; the second cannot fail */
    bool failed;
};

static uint64_t *move_place(struct move_walk *m, uint64_t va, bool large)
{
    uint64_t *directory = page_table_directory(&m->space->pages, va + m->shift);

    return !directory || large ? directory : page_table_leaf(&m->space->pages, directory, va + m->shift);
}

/* A large page that cannot be one where it goes becomes small ones, whose turn is now. */
static bool move_large_apart(struct move_walk *m, uint64_t va, uint64_t *entry)
{
    uint64_t *to = move_place(m, va, true);

    if (to && !*to && IS_ALIGNED(m->shift, LARGE_SIZE))
        return false;
    if (to && page_table_split(&m->space->pages, entry)) {
        m->space->large_pages--;
        page_table_walk(&m->space->pages, va, va + LARGE_SIZE, &m->walk);
    } else {
        m->failed = true;
    }
    return true;
}

static void move_leaf(struct page_walk *w, uint64_t va, uint64_t *entry)
{
    struct move_walk *m = container_of(w, struct move_walk, walk);
    bool large = pte_is_large(*entry);

    if (m->failed || (m->prepare && large && move_large_apart(m, va, entry)))
        return;
    uint64_t *to = move_place(m, va, large);

    if (!to) {
        m->failed = true;
        return;
    }
    if (m->prepare)
        return;
    page_table_set(to, *entry | PTE_MOVED);
    *entry = 0;
    tlb_gather_note(&m->gather, va);
    if (large)
        tlb_gather_note(&m->gather, va + LARGE_SIZE - PAGE_SIZE);
}

static void move_table(struct page_walk *w, struct page *table)
{
    tlb_gather_add_table(&container_of(w, struct move_walk, walk)->gather, table);
}

/* False: no memory, nothing moved. */
static bool pages_move(struct space *s, uint64_t from, uint64_t to, uint64_t size)
{
    struct move_walk m = {.walk = {.leaf = move_leaf}, .space = s, .shift = to - from, .prepare = true};

    tlb_gather_init(&m.gather, s);
    page_table_walk(&s->pages, from, from + size, &m.walk);
    if (!m.failed) {
        m.prepare = false;
        m.walk.table = move_table;
        page_table_walk(&s->pages, from, from + size, &m.walk);
    }
    tlb_gather_finish(&m.gather);
    return !m.failed;
}

/* Insert `size` bytes of what `a` has from `from` on, at `to`, and promise memory for it.  0 or -ENOMEM. */
static int insert_like(struct space *s, const struct area *a, uint64_t from, uint64_t to, uint64_t size)
{
    struct area model = *a;

    model.start = to;
    model.end = to + size;
    model.flags &= ~SPACE_MAP_CHARGED;
    if (model.file)
        model.file_offset += from - a->start;
    if ((a->flags & SPACE_MAP_CHARGED) && space_charge(s, &model, size >> PAGE_SHIFT))
        return -ENOMEM;
    int error = space_insert(s, &model);

    if (error && (model.flags & SPACE_MAP_CHARGED))
        commit_adjust(-(int64_t)(size >> PAGE_SHIFT));
    return error;
}

/* MREMAP_DONTUNMAP: what stays behind is empty, and no longer locked. */
static void unlock_old(struct space *s, uint64_t old, uint64_t size)
{
    if (!(area_at(&s->areas, old)->flags & MAP_LOCKED) || space_split(s, old) || space_split(s, old + size))
        return; /* without memory for that it stays locked, which nothing hangs on */
    struct area *a = area_at(&s->areas, old);

    space_account(s, a, -(int64_t)area_pages(a));
    a->flags &= ~(MAP_LOCKED | SPACE_MAP_ON_FAULT);
    space_account(s, a, (int64_t)area_pages(a));
    space_join(s, old);
    space_join(s, old + size);
}

/* The new place is free.  The old range lies in one area. */
static long move_to(struct space *s, const struct remap *r, uint64_t to)
{
    uint64_t kept = MIN(r->old_size, r->new_size);
    bool keep_old = r->flags & MREMAP_DONTUNMAP;

    if (r->old_size && (space_split(s, r->old) || space_split(s, r->old + r->old_size)))
        return -ENOMEM;
    struct area *a = area_at(&s->areas, r->old);
    int error = insert_like(s, a, r->old, to, r->new_size);

    if (error)
        return error;
    if (!pages_move(s, r->old, to, kept)) {
        if (space_clear(s, to, to + r->new_size)) /* joined to a neighbour, and no memory to cut it off: it stays */
            log_warn("space: an empty mapping is left behind");
        return -ENOMEM;
    }
    if (keep_old)
        unlock_old(s, r->old, r->old_size);
    else if (r->old_size && space_clear(s, r->old, r->old + r->old_size))
        return -ENOMEM;
    return (long)to;
}

/* The area, if all of the old range lies in it and it may become as long as is wanted; else *error. */
static struct area *remap_area(struct space *s, const struct remap *r, long *error)
{
    struct area *a = area_at(&s->areas, r->old);
    uint64_t more = r->new_size > r->old_size ? (r->new_size - r->old_size) >> PAGE_SHIFT : 0;

    *error = -EFAULT;
    if (!a)
        return NULL;
    if (!r->old_size && !(a->flags & MAP_SHARED))
        *error = -EINVAL; /* only shared memory can be mapped a second time so */
    else if (a->end - r->old < r->old_size)
        *error = -EFAULT;
    else if (more && a->file && a->file_offset + (r->old - a->start) + r->new_size < r->new_size)
        *error = -EINVAL;
    else if (more && (a->flags & MAP_LOCKED) && !space_may_lock(s, more))
        *error = -EAGAIN;
    else if (more && space_admit(s, a, more))
        *error = -ENOMEM;
    else
        *error = 0;
    return *error ? NULL : a;
}

static long remap_fixed(struct space *s, struct remap *r)
{
    long error;

    if (!IS_ALIGNED(r->to, PAGE_SIZE) || r->new_size > USER_END || r->to > USER_END - r->new_size)
        return -EINVAL;
    if (r->to < r->old + r->old_size && r->old < r->to + r->new_size)
        return -EINVAL;
    if (space_room(s, 6)) /* as many as Linux keeps for it */
        return -ENOMEM;
    if ((r->flags & MREMAP_FIXED) && r->to < SPACE_MIN_ADDRESS)
        return -EPERM;
    if ((r->flags & MREMAP_FIXED) && space_clear(s, r->to, r->to + r->new_size))
        return -ENOMEM;
    if (r->old_size > r->new_size) {
        if (space_clear(s, r->old + r->new_size, r->old + r->old_size))
            return -ENOMEM;
        r->old_size = r->new_size;
    }
    struct area *a = remap_area(s, r, &error);

    if (!a)
        return error;
    if ((r->flags & MREMAP_DONTUNMAP) && space_admit(s, a, r->new_size >> PAGE_SHIFT))
        return -ENOMEM;
    bool hinted = r->to >= SPACE_MIN_ADDRESS && !area_overlaps_with_gaps(&s->areas, r->to, r->to + r->new_size);
    uint64_t to = hinted ? r->to : space_find_place(s, r->new_size);

    return to ? move_to(s, r, to) : -ENOMEM;
}

static bool grow_in_place(struct space *s, const struct area *a, const struct remap *r)
{
    uint64_t start = r->old + r->old_size, end = r->old + r->new_size;

    if (a->end != start || end > USER_END || area_overlaps_with_gaps(&s->areas, start, end))
        return false;
    return !insert_like(s, a, start, start, end - start);
}

static long remap_locked(struct space *s, struct remap *r)
{
    long error;

    if (!area_at(&s->areas, r->old))
        return -EFAULT;
    if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
        return remap_fixed(s, r);
    if (r->new_size <= r->old_size)
        return space_clear(s, r->old + r->new_size, r->old + r->old_size) ? -ENOMEM : (long)r->old;
    struct area *a = remap_area(s, r, &error);

    if (!a)
        return error;
    if (grow_in_place(s, a, r))
        return (long)r->old;
    if (!(r->flags & MREMAP_MAYMOVE) || space_room(s, 4))
        return -ENOMEM;
    uint64_t to = space_find_place(s, r->new_size);

    return to ? move_to(s, r, to) : -ENOMEM;
}

long space_remap(struct space *s, uint64_t old, uint64_t old_length, uint64_t new_length, uint32_t flags, uint64_t to)
{
    struct remap r = {
        .old = old,
        .old_size = ALIGN_UP(old_length, PAGE_SIZE),
        .new_size = ALIGN_UP(new_length, PAGE_SIZE),
        .flags = flags,
        .to = to,
    };

    if (flags & ~(uint32_t)(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
        return -EINVAL;
    if (!IS_ALIGNED(old, PAGE_SIZE) || !r.new_size)
        return -EINVAL;
    if ((flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) && !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    if ((flags & MREMAP_DONTUNMAP) && old_length != new_length)
        return -EINVAL;
    if (r.old_size < old_length || r.new_size < new_length || r.old_size > USER_END || old > USER_END - r.old_size)
        return -EINVAL;
    if (r.new_size > USER_END)
        return -ENOMEM;
    mutex_lock(&s->lock);
    long result = remap_locked(s, &r);
    const struct area *a = result > 0 ? area_at(&s->areas, (uint64_t)result) : NULL;
    bool populate = a && (a->flags & (MAP_LOCKED | SPACE_MAP_ON_FAULT)) == MAP_LOCKED && r.new_size > r.old_size;

    space_unlock(s);
    if (populate)
        (void)space_populate(s, (uint64_t)result + r.old_size, r.new_size - r.old_size, POPULATE_AS_MAPPED);
    return result;
}
