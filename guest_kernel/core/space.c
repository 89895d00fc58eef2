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
    page_get(zero_page);
    return zero_page;
}

struct space *space_create(void)
{
    struct space *s = slab_alloc_zero(space_cache);

    if (!s)
        return NULL;
    s->root = page_table_create();
    if (!s->root) {
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
    cr3_write(s ? virt_to_phys(s->root) : paging_kernel_root());
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
    page_table_destroy(s->root);
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

int space_split(struct space *s, uint64_t address)
{
    struct area *a = area_at(&s->areas, address);

    if (!a || a->start == address)
        return 0;
    struct area *upper = area_create(a);

    if (!upper)
        return -ENOMEM;
    upper->start = address;
    if (upper->file)
        upper->file_offset += address - a->start;
    upper->flags &= ~(uint32_t)MAP_GROWSDOWN; /* only the lowest part grows */
    a->end = address;
    area_insert(&s->areas, upper);
    return 0;
}

void space_join(struct space *s, uint64_t address)
{
    struct area *upper = area_at(&s->areas, address);
    struct area *lower = upper && upper->start == address ? area_previous(upper) : NULL;

    if (!lower || !area_can_join(lower, upper))
        return;
    area_remove(&s->areas, upper);
    lower->end = upper->end;
    area_bury(s, upper);
}

int space_insert(struct space *s, const struct area *model)
{
    struct area *lower = model->start ? area_at(&s->areas, model->start - 1) : NULL;

    if (lower && area_can_join(lower, model)) {
        lower->end = model->end;
    } else {
        struct area *a = area_create(model);

        if (!a)
            return -ENOMEM;
        area_insert(&s->areas, a);
    }
    s->total_pages += (model->end - model->start) >> PAGE_SHIFT;
    space_join(s, model->end);
    return 0;
}

struct drop_walk {
    struct page_walk walk;
    struct tlb_gather gather;
    uint64_t dropped;
};

static void drop_leaf(struct page_walk *w, uint64_t va, uint64_t *entry)
{
    struct drop_walk *d = container_of(w, struct drop_walk, walk);
    struct page *p = pte_page(*entry);

    *entry = 0;
    d->dropped++;
    tlb_gather_note(&d->gather, va);
    tlb_gather_add(&d->gather, p);
}

static void drop_table(struct page_walk *w, struct page *table)
{
    struct drop_walk *d = container_of(w, struct drop_walk, walk);

    /* A flush of everything: upper levels are cached too. */
    tlb_gather_note(&d->gather, 0);
    tlb_gather_note(&d->gather, USER_END - PAGE_SIZE);
    tlb_gather_add(&d->gather, table);
}

void space_drop_pages(struct space *s, uint64_t start, uint64_t end)
{
    struct drop_walk d = {.walk = {drop_leaf, drop_table}};

    tlb_gather_init(&d.gather, s);
    page_table_walk(s->root, start, end, &d.walk);
    tlb_gather_finish(&d.gather);
    s->resident_pages -= d.dropped;
}

int space_clear(struct space *s, uint64_t start, uint64_t end)
{
    struct area *a;

    if (space_split(s, start) || space_split(s, end))
        return -ENOMEM;
    a = area_from(&s->areas, start);
    while (a && a->start < end) {
        struct area *next = area_next(a);

        space_drop_pages(s, a->start, a->end); /* area by area: between them there is nothing to walk over */
        s->total_pages -= (a->end - a->start) >> PAGE_SHIFT;
        area_remove(&s->areas, a);
        area_bury(s, a);
        a = next;
    }
    return 0;
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
    struct space *child;
    bool shared;
    bool failed;
};

static void clone_leaf(struct page_walk *w, uint64_t va, uint64_t *entry)
{
    struct clone_walk *c = container_of(w, struct clone_walk, walk);
    uint64_t *to;

    if (c->failed)
        return;
    to = page_table_make(c->child->root, va);
    if (!to) {
        c->failed = true;
        return;
    }
    if (!c->shared && (*entry & PTE_WRITE)) {
        *entry &= ~PTE_WRITE;
        tlb_gather_note(c->gather, va);
    }
    page_get(pte_page(*entry));
    page_table_set(to, *entry);
    c->child->resident_pages++;
}

static bool clone_area(struct space *s, struct space *child, const struct area *a, struct tlb_gather *gather)
{
    struct clone_walk c = {
        .walk = {.leaf = clone_leaf},
        .gather = gather,
        .child = child,
        .shared = a->flags & MAP_SHARED,
    };

    if (a->flags & SPACE_MAP_NO_FORK)
        return true;
    struct area *copy = area_create(a);

    if (!copy)
        return false;
    area_insert(&child->areas, copy);
    child->total_pages += (a->end - a->start) >> PAGE_SHIFT;
    if (a->flags & SPACE_MAP_WIPE_ON_FORK)
        return true;
    page_table_walk(s->root, a->start, a->end, &c.walk);
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
    for (a = area_from(&s->areas, 0); a && ok; a = area_next(a))
        ok = clone_area(s, child, a, &gather);
    tlb_gather_finish(&gather); /* once for all areas: what threads write until here, they wrote before the fork */
    space_unlock(s);
    if (ok)
        return child;
    space_put(child);
    return NULL;
}

void space_zap_file(struct space *s, struct space_file *f, uint64_t first, uint64_t last)
{
    struct area *a;

    mutex_lock(&s->lock);
    for (a = area_from(&s->areas, 0); a; a = area_next(a)) {
        uint64_t area_first = a->file_offset >> PAGE_SHIFT;
        uint64_t area_last = area_first + ((a->end - a->start) >> PAGE_SHIFT) - 1;
        uint64_t from = MAX(first, area_first), to = MIN(last, area_last);

        if (a->file == f && from <= to)
            space_drop_pages(s, a->start + ((from - area_first) << PAGE_SHIFT),
                             a->start + ((to - area_first + 1) << PAGE_SHIFT));
    }
    space_unlock(s);
}

void space_zap_file_everywhere(struct space_file *f, uint64_t first, uint64_t last)
{
    struct space *s;

    mutex_lock(&spaces_lock);
    LIST_FOREACH(s, &all_spaces, all_link)
        space_zap_file(s, f, first, last);
    mutex_unlock(&spaces_lock);
}
