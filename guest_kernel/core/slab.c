/*
 * Object allocators.  A slab is a block of pages cut into equal objects; its struct page holds the number of objects in
 * use (refs) and the index of the first free one, each free object the index of the next.  Slabs with free objects are
 * on their cache's list; one empty slab is kept per cache, others go back to the page allocator.
 *
 * Each cache has a lock, taken with interrupts off, above the page allocator's.
 */
#include "guest_kernel/core/pages.h"

#include "guest_kernel/core/slab_poison.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define OBJECT_NONE UINT16_MAX
#define OBJECT_ALIGN 16
#define SLAB_ORDER_MAX 3
#define CACHE_MAX 48

LIST_HEAD(slab_list, page);

struct slab_cache {
    struct spinlock lock;
    const char *name;
    uint32_t object_size;
    uint16_t objects; /* per slab; atomic: 0 until the cache is made */
    uint8_t order;
    bool has_empty;          /* lock, as the next two */
    uint32_t slabs;
    struct slab_list partial;
};

static struct slab_cache caches[CACHE_MAX];
static uint32_t cache_count; /* atomic */
static uint64_t pages_in_slabs; /* atomic */

static const uint16_t class_sizes[] = {16, 32, 64, 128, 256, 512, 1024, 2048};
static const char class_names[][13] = {"kmalloc-16", "kmalloc-32", "kmalloc-64", "kmalloc-128", "kmalloc-256",
                                       "kmalloc-512", "kmalloc-1k", "kmalloc-2k"}; /* Linux's */
static struct slab_cache *classes[ARRAY_SIZE(class_sizes)]; /* atomic; made on first use */

uint64_t slab_pages(void)
{
    return __atomic_load_n(&pages_in_slabs, __ATOMIC_RELAXED);
}

struct slab_cache *slab_cache_create(const char *name, size_t object_size)
{
    size_t size = ALIGN_UP(MAX(object_size, (size_t)OBJECT_ALIGN), (size_t)OBJECT_ALIGN);
    unsigned order = 0;

    /* Waste at most an eighth.  Powers of two up to a page stay at order 0, which mem_free() rests on. */
    while (order < SLAB_ORDER_MAX && (PAGE_SIZE << order) % size > (PAGE_SIZE << order) / 8)
        order++;
    if ((PAGE_SIZE << order) / size == 0)
        return NULL;
    uint32_t index = __atomic_fetch_add(&cache_count, 1, __ATOMIC_RELAXED);

    if (index >= CACHE_MAX)
        return NULL;
    struct slab_cache *c = &caches[index];

    c->name = name;
    c->object_size = (uint32_t)size;
    c->order = (uint8_t)order;
    LIST_INIT(&c->partial);
    __atomic_store_n(&c->objects, (uint16_t)((PAGE_SIZE << order) / size), __ATOMIC_RELEASE); /* slab_info() looks */
    return c;
}

static uint16_t *object_next(const struct slab_cache *c, const struct page *slab, uint16_t index)
{
    return (uint16_t *)(void *)((char *)page_address(slab) + (size_t)index * c->object_size);
}

/* A new slab with all objects free, on the list; NULL: no memory. */
static struct page *slab_create(struct slab_cache *c)
{
    struct page *slab = page_alloc_quiet(c->order);

    if (!slab)
        return NULL;
    __atomic_fetch_add(&pages_in_slabs, BIT(c->order), __ATOMIC_RELAXED);
    c->slabs++;
    slab->refs = 0;
    slab->flags = PAGE_FLAG_SLAB;
    slab->owner = c;
    slab->first_free = 0;
    for (uint16_t i = 0; i < c->objects; i++) {
        *object_next(c, slab, i) = i + 1u < c->objects ? (uint16_t)(i + 1) : OBJECT_NONE;
        SLAB_POISON(new(object_next(c, slab, i), c->object_size));
    }
    LIST_INSERT_HEAD(&c->partial, slab, link);
    c->has_empty = true;
    return slab;
}

static void slab_destroy(struct slab_cache *c, struct page *slab)
{
    __atomic_fetch_sub(&pages_in_slabs, BIT(c->order), __ATOMIC_RELAXED);
    c->slabs--;
    LIST_REMOVE(slab, link);
    slab->flags = 0;
    page_free(slab);
}

static void *cache_alloc(struct slab_cache *c)
{
    uint64_t flags = spin_lock_irqsave(&c->lock);
    struct page *slab = LIST_FIRST(&c->partial);
    void *object = NULL;

    if (!slab)
        slab = slab_create(c);
    if (slab) {
        object = object_next(c, slab, slab->first_free);
        slab->first_free = *(uint16_t *)object;
        SLAB_POISON(alloc(object, c->object_size, c->name));
        if (slab->refs++ == 0)
            c->has_empty = false;
        if (slab->first_free == OBJECT_NONE)
            LIST_REMOVE(slab, link);
    }
    spin_unlock_irqrestore(&c->lock, flags);
    return object;
}

void *slab_alloc(struct slab_cache *c)
{
    return alloc_fails() ? NULL : cache_alloc(c);
}

void *slab_alloc_zero(struct slab_cache *c)
{
    void *object = slab_alloc(c);

    if (object)
        memset(object, 0, c->object_size);
    return object;
}

static void object_free(struct slab_cache *c, struct page *slab, void *object)
{
    uint64_t flags = spin_lock_irqsave(&c->lock);
    size_t offset = (size_t)((char *)object - (char *)page_address(slab));

    assert((slab->flags & PAGE_FLAG_SLAB) && slab->owner == c && slab->refs > 0 && offset % c->object_size == 0);
    if (slab->first_free == OBJECT_NONE)
        LIST_INSERT_HEAD(&c->partial, slab, link);
    SLAB_POISON(free(object, c->object_size, c->name));
    *(uint16_t *)object = slab->first_free;
    slab->first_free = (uint16_t)(offset / c->object_size);
    if (--slab->refs == 0) {
        if (c->has_empty)
            slab_destroy(c, slab);
        else
            c->has_empty = true;
    }
    spin_unlock_irqrestore(&c->lock, flags);
}

void slab_free(struct slab_cache *c, void *object)
{
    /* A block is aligned to its size, also in the direct map. */
    if (object)
        object_free(c, page_of_address((void *)ALIGN_DOWN((uintptr_t)object, PAGE_SIZE << c->order)), object);
}

bool slab_info(unsigned index, struct slab_info *out)
{
    struct slab_cache *c = &caches[index];

    /* objects: set last when a cache is made */
    if (index >= CACHE_MAX || !__atomic_load_n(&c->objects, __ATOMIC_ACQUIRE))
        return false;
    *out = (struct slab_info){
        .name = c->name, .object_size = c->object_size, .per_slab = c->objects, .slab_pages = BIT(c->order)};
    uint64_t flags = spin_lock_irqsave(&c->lock);
    struct page *slab;

    out->slabs = c->slabs;
    out->active = c->slabs * c->objects;
    LIST_FOREACH(slab, &c->partial, link)
        out->active -= c->objects - slab->refs;
    spin_unlock_irqrestore(&c->lock, flags);
    return true;
}

/* The cache of the smallest class that holds size; made when first needed. */
static struct slab_cache *class_cache(size_t size)
{
    unsigned i = 0;

    while (class_sizes[i] < size)
        i++;
    struct slab_cache *c = __atomic_load_n(&classes[i], __ATOMIC_ACQUIRE);

    if (c)
        return c;
    struct slab_cache *made = slab_cache_create(class_names[i], class_sizes[i]);

    /* Two CPUs may race here: the loser's cache stays unused, which costs an entry of the table. */
    if (made && __atomic_compare_exchange_n(&classes[i], &c, made, false, __ATOMIC_RELEASE, __ATOMIC_ACQUIRE))
        return made;
    return c;
}

static unsigned order_of(size_t size)
{
    unsigned order = 0;

    while (order <= PAGE_ORDER_MAX && (PAGE_SIZE << order) < size)
        order++;
    return order;
}

void *mem_alloc(size_t size)
{
    if (alloc_fails())
        return NULL;
    if (size <= class_sizes[ARRAY_SIZE(class_sizes) - 1]) {
        struct slab_cache *c = class_cache(size);

        return c ? cache_alloc(c) : NULL;
    }
    struct page *p = page_alloc_quiet(order_of(size));

    return p ? page_address(p) : NULL;
}

void *mem_alloc_zero(size_t size)
{
    void *p = mem_alloc(size);

    if (p)
        memset(p, 0, size);
    return p;
}

void mem_free(void *p)
{
    if (!p)
        return;
    struct page *page = page_of_address(p);

    if (page->flags & PAGE_FLAG_SLAB)
        object_free(page->owner, page, p);
    else
        page_put(page);
}

char *mem_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = mem_alloc(n);

    if (copy)
        memcpy(copy, s, n);
    return copy;
}
