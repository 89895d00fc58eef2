/*
 * Address spaces: their life, and how areas and pages come and go.  See space.h for locking.
 */
#include "guest_kernel/core/space.h"

#include <asm-generic/errno.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/space_init.h"
#include "guest_kernel/core/space_inner.h"
#include "lib/string.h"

LIST_HEAD(space_list, space);

struct page *zero_page;

static struct slab_cache *space_cache, *area_cache;
static struct mutex spaces_lock; /* guards all_spaces; taken before a space's lock */
static struct space_list all_spaces;

void space_init(void)
{
    space_cache = slab_cache_create("space", sizeof(struct space));
    area_cache = slab_cache_create("area", sizeof(struct area));
    zero_page = page_alloc_zero();
    if (!space_cache || !area_cache || !zero_page)
        panic("space: no memory at boot");
    mutex_init(&spaces_lock);
    LIST_INIT(&all_spaces);
}

struct page *zero_page_get(void)
{
    return zero_page;
}

struct space *space_create(void)
{
    struct space *s = slab_alloc_zero(space_cache);

    if (!s)
        return NULL;
    if (!page_table_create(&s->pages)) {
        slab_free(space_cache, s);
        return NULL;
    }
    s->refs = s->holders = 1;
    mutex_init(&s->lock);
    RB_INIT(&s->areas);
    s->layout.mmap_top = USER_END - GiB(1); /* execve says better */
    mutex_lock(&spaces_lock);
    LIST_INSERT_HEAD(&all_spaces, s, all_link);
    mutex_unlock(&spaces_lock);
    return s;
}

void space_get(struct space *s)
{
    __atomic_fetch_add(&s->refs, 1, __ATOMIC_RELAXED);
}

void space_load(struct space *s)
{
    struct cpu *c = this_cpu();

    struct space *old = c->loaded_space;

    if (old == s)
        return;
    /* Before the tables are used: pairs with the fence in tlb_flush_range(). */
    if (s)
        __atomic_fetch_or(&s->cpus, BIT(c->index), __ATOMIC_SEQ_CST);
    c->loaded_space = s;
    cr3_write(s ? virt_to_phys(s->pages.root) : paging_kernel_root());
    if (old) /* release: pairs with the assertion in space_put() */
        __atomic_fetch_and(&old->cpus, ~BIT(c->index), __ATOMIC_RELEASE);
}

void space_put(struct space *s)
{
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    mutex_lock(&spaces_lock);
    LIST_REMOVE(s, all_link);
    mutex_unlock(&spaces_lock);
    mutex_lock(&s->lock);
    if (space_clear(s, 0, USER_END)) /* whole areas: nothing to split, nothing to allocate */
        panic("space: an area reaches beyond user space");
    space_unlock(s);
    assert(!__atomic_load_n(&s->cpus, __ATOMIC_ACQUIRE)); /* who runs on it has a reference */
    page_table_destroy(&s->pages);
    space_release(s);
}

void space_hold(struct space *s)
{
    __atomic_fetch_add(&s->holders, 1, __ATOMIC_RELAXED);
}

void space_release(struct space *s)
{
    if (__atomic_sub_fetch(&s->holders, 1, __ATOMIC_ACQ_REL) == 0)
        slab_free(space_cache, s);
}

bool space_get_live(struct space *s)
{
    uint32_t refs = __atomic_load_n(&s->refs, __ATOMIC_RELAXED);

    while (refs && !__atomic_compare_exchange_n(&s->refs, &refs, refs + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    return refs;
}

uint64_t space_cpus(const struct space *s)
{
    return __atomic_load_n(&s->cpus, __ATOMIC_SEQ_CST);
}

uint32_t *space_barriers(struct space *s)
{
    return &s->barriers;
}

struct space_layout *space_layout(struct space *s)
{
    return &s->layout;
}

static bool area_may_write_file(const struct area *a)
{
    return (a->flags & (MAP_SHARED | SPACE_MAP_NO_WRITE)) == MAP_SHARED;
}

struct area *area_create(const struct area *model)
{
    struct area *a = slab_alloc(area_cache);

    if (!a)
        return NULL;
    *a = *model;
    if (a->file)
        a->file->ops->get(a->file, area_may_write_file(a));
    return a;
}

void area_bury(struct space *s, struct area *a)
{
    a->dead_next = s->dead;
    s->dead = a;
}

/* The last reference to a file may go here, and take locks that are above a space's. */
void space_unlock(struct space *s)
{
    struct area *a = s->dead;

    s->dead = NULL;
    mutex_unlock(&s->lock);
    while (a) {
        struct area *next = a->dead_next;

        if (a->file)
            a->file->ops->put(a->file, area_may_write_file(a));
        slab_free(area_cache, a);
        a = next;
    }
}

int space_split_large(struct space *s, uint64_t address)
{
    if (likely(!s->large_pages) || IS_ALIGNED(address, LARGE_SIZE))
        return 0;
    uint64_t *leaf = page_table_find(&s->pages, address);

    if (!leaf || !pte_is_large(*leaf))
        return 0;
    if (!page_table_split(&s->pages, leaf))
        return -ENOMEM;
    s->large_pages--;
    return 0;
}

int space_split(struct space *s, uint64_t address)
{
    struct area *a = area_at(&s->areas, address);

    if (!a || a->start == address)
        return 0;
    if (space_room(s, 1) || space_split_large(s, address))
        return -ENOMEM;
    struct area *upper = area_create(a);

    if (!upper)
        return -ENOMEM;
    upper->start = address;
    if (upper->file)
        upper->file_offset += address - a->start;
    upper->flags &= ~(uint32_t)MAP_GROWSDOWN; /* only the lowest part grows */
    area_resize(a, a->start, address);
    area_insert(&s->areas, upper);
    s->counts.areas++;
    return 0;
}

void space_join(struct space *s, uint64_t address)
{
    struct area *upper = area_at(&s->areas, address);
    struct area *lower = upper && upper->start == address ? area_previous(upper) : NULL;

    if (!lower || !area_can_join(lower, upper))
        return;
    area_remove(&s->areas, upper);
    s->counts.areas--;
    area_resize(lower, lower->start, upper->end);
    lower->soft_clean &= upper->soft_clean;
    area_bury(s, upper);
}

int space_insert(struct space *s, const struct area *model)
{
    struct area *upper = area_from(&s->areas, model->start), *lower = area_before(&s->areas, upper);

    if (lower && area_can_join(lower, model)) {
        area_resize(lower, lower->start, model->end);
        lower->soft_clean &= model->soft_clean;
        space_join(s, model->end);
    } else if (upper && area_can_join(model, upper)) {
        upper->file_offset = model->file_offset;
        area_resize(upper, model->start, upper->end);
        upper->soft_clean &= model->soft_clean;
    } else {
        struct area *a = area_create(model);

        if (!a)
            return -ENOMEM;
        area_insert_before(&s->areas, upper, a);
        s->counts.areas++;
    }
    space_account(s, model, (int64_t)area_pages(model));
    return 0;
}

struct drop_walk {
    struct page_walk walk;
    struct tlb_gather gather;
    struct space *space;
    bool keep_own;
};

static void drop_leaf(struct page_walk *w, uint64_t va, uint64_t *entry)
{
    struct drop_walk *d = container_of(w, struct drop_walk, walk);
    uint64_t value = *entry;
    struct page *p = pte_page(value);

    if (unlikely(d->keep_own && (value & PTE_OWN)))
        return;
    *entry = 0;
    tlb_gather_note(&d->gather, va);
    if (unlikely(pte_is_large(value))) {
        tlb_gather_note(&d->gather, va + LARGE_SIZE - PAGE_SIZE);
        d->space->large_pages--;
    }
    if (p == zero_page)
        return;
    space_count_pages(d->space, value, -(int64_t)pte_pages(value));
    tlb_gather_add(&d->gather, p);
}

static void drop_table(struct page_walk *w, struct page *table)
{
    tlb_gather_add_table(&container_of(w, struct drop_walk, walk)->gather, table);
}

void space_drop_pages(struct space *s, uint64_t start, uint64_t end, bool keep_own)
{
    struct drop_walk d = {.walk = {drop_leaf, drop_table}, .space = s, .keep_own = keep_own};

    s->counts.peak_resident = MAX(s->counts.peak_resident, space_resident(&s->counts));
    tlb_gather_init(&d.gather, s);
    page_table_walk(&s->pages, start, end, &d.walk);
    tlb_gather_finish(&d.gather);
}

int space_clear(struct space *s, uint64_t start, uint64_t end)
{
    struct area *a = area_from(&s->areas, start);

    if (a && a->start < start) {
        if (space_split(s, start))
            return -ENOMEM;
        a = area_from(&s->areas, start);
    }
    if (a && a->end != end && space_split(s, end))
        return -ENOMEM;
    while (a && a->start < end) {
        struct area *next = area_next(a);

        space_drop_pages(s, a->start, a->end, false); /* area by area: between them there is nothing to walk over */
        space_account(s, a, -(int64_t)area_pages(a));
        if (a->flags & SPACE_MAP_CHARGED)
            commit_adjust(-(int64_t)area_pages(a));
        area_remove(&s->areas, a);
        s->counts.areas--;
        area_bury(s, a);
        a = next;
    }
    return 0;
}

uint64_t space_find_place(struct space *s, uint64_t size)
{
    uint64_t at = area_find_gap(&s->areas, size, SPACE_MIN_ADDRESS, s->layout.mmap_top);

    return at ? at : area_find_gap(&s->areas, size, s->layout.mmap_top, USER_END);
}

bool space_is_mapped(struct space *s, uint64_t start, uint64_t end)
{
    struct area *a = area_at(&s->areas, start);

    while (a && a->end < end) {
        struct area *next = area_next(a);

        if (!next || next->start != a->end)
            return false;
        a = next;
    }
    return a;
}

struct clone_walk {
    struct page_walk walk;
    struct tlb_gather *gather; /* of the parent: its entries lose write permission */
    struct space *parent, *child;
    uint64_t *table; /* the child's for `slot`, 2 MiB; NULL: none yet */
    uint64_t slot;
    bool failed;
};

/* The child's leaf for va; NULL: no memory. */
static uint64_t *clone_place(struct clone_walk *c, uint64_t va)
{
    if (unlikely(!c->table || c->slot != va / LARGE_SIZE)) {
        uint64_t *directory = page_table_directory(&c->child->pages, va);

        c->table = directory ? page_table_leaf(&c->child->pages, directory, ALIGN_DOWN(va, LARGE_SIZE)) : NULL;
        c->slot = va / LARGE_SIZE;
    }
    return c->table ? &c->table[TABLE_INDEX(va, 0)] : NULL;
}

/* A large page belongs to one space: it becomes small ones, which are shared as all others. */
static void clone_large(struct clone_walk *c, uint64_t va, uint64_t *entry)
{
    if (!page_table_split(&c->parent->pages, entry)) {
        c->failed = true;
        return;
    }
    c->parent->large_pages--;
    page_table_walk(&c->parent->pages, va, va + LARGE_SIZE, &c->walk);
}

static void clone_leaf(struct page_walk *w, uint64_t va, uint64_t *entry)
{
    struct clone_walk *c = container_of(w, struct clone_walk, walk);

    if (unlikely(c->failed))
        return;
    if (unlikely(pte_is_large(*entry))) {
        clone_large(c, va, entry);
        return;
    }
    uint64_t *to = clone_place(c, va);

    if (unlikely(!to)) {
        c->failed = true;
        return;
    }
    if (*entry & PTE_WRITE) {
        *entry &= ~PTE_WRITE;
        tlb_gather_note(c->gather, va);
    }
    page_table_set(to, *entry);
    if (pte_page(*entry) == zero_page)
        return;
    page_get(pte_page(*entry));
    space_count_pages(c->child, *entry, 1);
}

static bool clone_area(struct space *s, struct space *child, const struct area *a, struct tlb_gather *gather)
{
    struct clone_walk c = {
        .walk = {.leaf = clone_leaf},
        .gather = gather,
        .parent = s,
        .child = child,
    };

    if (a->flags & SPACE_MAP_NO_FORK)
        return true;
    if ((a->flags & SPACE_MAP_CHARGED) && !commit_charge(area_pages(a), s->counts.total))
        return false;
    struct area *copy = area_create(a);

    if (!copy) {
        if (a->flags & SPACE_MAP_CHARGED)
            commit_adjust(-(int64_t)area_pages(a));
        return false;
    }
    copy->flags &= ~(MAP_LOCKED | SPACE_MAP_ON_FAULT); /* locks are not inherited (mlock(2)) */
    area_insert_before(&child->areas, NULL, copy); /* they come in order */
    child->counts.areas++;
    space_account(child, copy, (int64_t)area_pages(copy));
    if (a->flags & (SPACE_MAP_WIPE_ON_FORK | MAP_SHARED))
        return true; /* what is shared is found in its file again, if the child wants it at all */
    page_table_walk(&s->pages, a->start, a->end, &c.walk);
    return !c.failed;
}

struct space *space_clone(struct space *s)
{
    struct space *child = space_create();
    struct tlb_gather gather;
    struct area *a;
    bool ok = true;

    if (!child)
        return NULL;
    tlb_gather_init(&gather, s);
    mutex_lock(&s->lock);
    child->layout = s->layout;
    child->no_large = s->no_large;
    child->barriers = __atomic_load_n(&s->barriers, __ATOMIC_RELAXED);
    for (a = area_from(&s->areas, 0); a && ok; a = area_next(a))
        ok = clone_area(s, child, a, &gather);
    tlb_gather_finish(&gather); /* once for all areas: what threads write until here, they wrote before the fork */
    space_unlock(s);
    if (ok)
        return child;
    space_put(child);
    return NULL;
}

static void zap_file(struct space *s, struct space_file *f, uint64_t first, uint64_t last, bool with_copies)
{
    struct area *a;

    mutex_lock(&s->lock);
    for (a = area_from(&s->areas, 0); a; a = area_next(a)) {
        uint64_t area_first = a->file_offset >> PAGE_SHIFT;
        uint64_t area_last = area_first + area_pages(a) - 1;
        uint64_t from = MAX(first, area_first), to = MIN(last, area_last);

        if (a->file == f && from <= to)
            space_drop_pages(s, a->start + ((from - area_first) << PAGE_SHIFT),
                             a->start + ((to - area_first + 1) << PAGE_SHIFT), !with_copies);
    }
    space_unlock(s);
}

void space_zap_file_everywhere(struct space_file *f, uint64_t first, uint64_t last, bool with_copies)
{
    struct space *s;

    mutex_lock(&spaces_lock);
    LIST_FOREACH(s, &all_spaces, all_link)
        zap_file(s, f, first, last, with_copies);
    mutex_unlock(&spaces_lock);
}
