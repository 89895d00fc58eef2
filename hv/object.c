/*
 * Objects: see hv/alloc.h.  Sizes are rounded up to a power of two; each class cuts pages into objects behind a header
 * and keeps its free ones in a list.  What does not fit half a page gets pages of its own behind the same header, so
 * that mem_free finds the class of any pointer at the start of its page.
 */
#include "hv/alloc.h"
#include "hv/alloc_fail.h"
#include "lib/compiler.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define CLASS_SHIFT_MIN 4u
#define CLASS_SHIFT_MAX 10u
#define CLASS_COUNT (CLASS_SHIFT_MAX - CLASS_SHIFT_MIN + 1)
#define HEADER_SIZE 64u
#define SLAB_MAGIC 0x62616c73u
#define PAGES_MAGIC 0x73656770u

struct object_header {
    uint32_t magic; /* SLAB_MAGIC: `index` is a class; PAGES_MAGIC: an order of pages */
    uint32_t index;
};

struct free_object {
    struct free_object *next;
};

_Static_assert(sizeof(struct object_header) <= HEADER_SIZE, "header");

static struct spinlock lock = SPINLOCK_INIT;
static struct free_object *free_objects[CLASS_COUNT]; /* lock */

static unsigned class_of(size_t size)
{
    unsigned shift = CLASS_SHIFT_MIN;

    while ((1UL << shift) < size)
        shift++;
    return shift - CLASS_SHIFT_MIN;
}

static void *pages_create(size_t size)
{
    unsigned order = 0;

    if (size > (PAGE_SIZE << PAGE_ORDER_MAX) - HEADER_SIZE)
        return NULL;
    while ((PAGE_SIZE << order) < size + HEADER_SIZE)
        order++;
    struct object_header *h = page_alloc(order);
    if (!h)
        return NULL;
    *h = (struct object_header){PAGES_MAGIC, order};
    return (char *)h + HEADER_SIZE;
}

static void slab_fill(unsigned class, struct object_header *h)
{
    size_t size = 1UL << (class + CLASS_SHIFT_MIN);

    *h = (struct object_header){SLAB_MAGIC, class};
    for (size_t at = HEADER_SIZE; at + size <= PAGE_SIZE; at += size) {
        struct free_object *o = (struct free_object *)((char *)h + at);
        o->next = free_objects[class];
        free_objects[class] = o;
    }
}

static void *slab_take(unsigned class)
{
    uint64_t flags = spin_lock_irqsave(&lock);

    if (!free_objects[class]) {
        spin_unlock_irqrestore(&lock, flags);
        void *page = page_alloc(0);
        if (!page)
            return NULL;
        alloc_count_objects(1, 0);
        flags = spin_lock_irqsave(&lock);
        slab_fill(class, page);
    }
    struct free_object *o = free_objects[class];
    free_objects[class] = o->next;
    spin_unlock_irqrestore(&lock, flags);
    return o;
}

void *mem_alloc(size_t size)
{
    if (alloc_must_fail())
        return NULL;
    void *p = size > 1UL << CLASS_SHIFT_MAX ? pages_create(size) : slab_take(class_of(size));
    if (p)
        alloc_count_objects(0, 1);
    return p;
}

void *mem_alloc_zero(size_t size)
{
    void *p = mem_alloc(size);

    return p ? memset(p, 0, size) : NULL;
}

void mem_free(void *p)
{
    if (!p)
        return;
    alloc_count_objects(0, -1);
    struct object_header *h = (struct object_header *)ALIGN_DOWN((uintptr_t)p, PAGE_SIZE);
    if (h->magic == PAGES_MAGIC) {
        h->magic = 0;
        page_free(h, h->index);
        return;
    }
    assert(h->magic == SLAB_MAGIC && h->index < CLASS_COUNT);
    uint64_t flags = spin_lock_irqsave(&lock);
    struct free_object *o = p;
    o->next = free_objects[h->index];
    free_objects[h->index] = o;
    spin_unlock_irqrestore(&lock, flags);
}
