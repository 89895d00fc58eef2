/*
 * Anonymous shared memory: what mmap(MAP_SHARED | MAP_ANONYMOUS) maps, kept by the areas that map it.  A tree of pages
 * by index; each page has one reference here and one per mapping.
 */
#include <asm-generic/errno.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/space_inner.h"
#include "lib/format.h"
#include "lib/string.h"

struct shared_page {
    RB_ENTRY(shared_page) node;
    uint64_t index;
    struct page *page;
};

RB_HEAD(shared_tree, shared_page);

struct shared_memory {
    struct space_file file;
    uint32_t refs;     /* atomic */
    uint64_t number;   /* shown as its inode */
    struct mutex lock; /* guards the tree; below a space's lock */
    struct shared_tree pages;
};

static uint64_t last_number; /* atomic */
static struct slab_cache *shared_cache, *node_cache;

static int shared_compare(const struct shared_page *a, const struct shared_page *b)
{
    return a->index < b->index ? -1 : a->index > b->index;
}

RB_GENERATE_INTERNAL(shared_tree, shared_page, node, shared_compare, static __attribute__((unused)))

static struct shared_memory *shared_of(struct space_file *f)
{
    return container_of(f, struct shared_memory, file);
}

static void shared_get(struct space_file *f)
{
    __atomic_fetch_add(&shared_of(f)->refs, 1, __ATOMIC_RELAXED);
}

static void shared_put(struct space_file *f)
{
    struct shared_memory *m = shared_of(f);
    struct shared_page *p;

    if (__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    while ((p = RB_ROOT(&m->pages))) {
        RB_REMOVE(shared_tree, &m->pages, p);
        page_put(p->page);
        slab_free(node_cache, p);
    }
    slab_free(shared_cache, m);
}

static struct shared_page *page_add(struct shared_memory *m, uint64_t index)
{
    struct shared_page *p = slab_alloc(node_cache);

    if (!p)
        return NULL;
    *p = (struct shared_page){.index = index, .page = page_alloc_zero()};
    if (!p->page) {
        slab_free(node_cache, p);
        return NULL;
    }
    RB_INSERT(shared_tree, &m->pages, p);
    return p;
}

static int shared_get_page(struct space_file *f, uint64_t index, struct page **out)
{
    struct shared_memory *m = shared_of(f);
    struct shared_page key = {.index = index};

    mutex_lock(&m->lock);
    struct shared_page *p = RB_FIND(shared_tree, &m->pages, &key);

    if (!p)
        p = page_add(m, index);
    if (p) {
        page_get(p->page);
        *out = p->page;
    }
    mutex_unlock(&m->lock);
    return p ? 0 : -ENOMEM;
}

static int shared_path(struct space_file *f, char *buf, size_t size)
{
    return (int)string_copy(buf, "/dev/zero (deleted)", size) + 1;
}

static void shared_identity(struct space_file *f, uint64_t *device, uint64_t *inode)
{
    *device = 1;
    *inode = shared_of(f)->number;
}

static const struct space_file_ops shared_ops = {
    .get = shared_get,
    .put = shared_put,
    .get_page = shared_get_page,
    .path = shared_path,
    .identity = shared_identity,
};

struct space_file *shared_memory_create(void)
{
    struct shared_memory *m = slab_alloc_zero(shared_cache);

    if (!m)
        return NULL;
    m->file.ops = &shared_ops;
    m->refs = 1;
    m->number = __atomic_add_fetch(&last_number, 1, __ATOMIC_RELAXED);
    mutex_init(&m->lock);
    RB_INIT(&m->pages);
    return &m->file;
}

void shared_memory_init(void)
{
    shared_cache = slab_cache_create("shared", sizeof(struct shared_memory));
    node_cache = slab_cache_create("shared page", sizeof(struct shared_page));
    if (!shared_cache || !node_cache)
        panic("space: too many caches");
}
