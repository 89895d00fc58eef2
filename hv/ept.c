/*
 * See hv/ept.h.
 */
#include "hv/ept.h"

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "lib/string.h"

#define LEVELS 4u
#define INDEX_BITS 9u
#define ENTRIES (1u << INDEX_BITS)
#define ENTRY_ADDRESS 0x000ffffffffff000ULL
#define ENTRY_WRITE_BACK (6ULL << 3)
#define ENTRY_IGNORE_PAT BIT(6)
#define ENTRY_OWNED BIT(52) /* ignored by the CPU: the page is freed with the VM */

#define POINTER_WRITE_BACK 6ULL
#define POINTER_LEVELS ((uint64_t)(LEVELS - 1) << 3)
#define POINTER_ACCESSED_DIRTY BIT(6)

int ept_create(struct ept *e)
{
    *e = (struct ept){.root = page_alloc_zero(), .table_pages = 1, .last_index = ~0ULL};
    return e->root ? 0 : -ENOMEM;
}

static void table_destroy(uint64_t *table, unsigned level)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        void *below = phys_to_virt(table[i] & ENTRY_ADDRESS);
        if (!(table[i] & EPT_ALL))
            continue;
        if (level > 0)
            table_destroy(below, level - 1);
        else if (table[i] & ENTRY_OWNED)
            page_free(below, 0);
    }
    page_free(table, 0);
}

void ept_destroy(struct ept *e)
{
    if (e->root)
        table_destroy(e->root, LEVELS - 1);
    e->root = NULL;
}

static void table_visit(const uint64_t *table, unsigned level, uint64_t gpa, ept_see *see, void *context)
{
    for (uint64_t i = 0; i < ENTRIES; i++) {
        uint64_t at = gpa | i << (PAGE_SHIFT + INDEX_BITS * level), below = table[i] & ENTRY_ADDRESS;
        if (!(table[i] & EPT_ALL))
            continue;
        if (level > 0)
            table_visit(phys_to_virt(below), level - 1, at, see, context);
        else
            see(context, at, below, table[i] & EPT_ALL);
    }
}

void ept_visit(struct ept *e, ept_see *see, void *context)
{
    uint64_t flags = spin_lock_irqsave(&e->lock);

    table_visit(e->root, LEVELS - 1, 0, see, context);
    spin_unlock_irqrestore(&e->lock, flags);
}

uint64_t ept_pointer(const struct ept *e, bool accessed_dirty)
{
    return virt_to_phys(e->root) | POINTER_WRITE_BACK | POINTER_LEVELS |
           (accessed_dirty ? POINTER_ACCESSED_DIRTY : 0);
}

static unsigned index_at(uint64_t gpa, unsigned level)
{
    return gpa >> (PAGE_SHIFT + INDEX_BITS * level) & (ENTRIES - 1);
}

static uint64_t *entry_walk(struct ept *e, uint64_t gpa, bool create)
{
    uint64_t *table = e->root;

    for (unsigned level = LEVELS - 1; level > 0; level--) {
        uint64_t *entry = &table[index_at(gpa, level)];
        if (!(*entry & EPT_ALL)) {
            void *below = create ? page_alloc_zero() : NULL;
            if (!below)
                return NULL;
            e->table_pages++;
            *entry = virt_to_phys(below) | EPT_ALL;
        }
        table = phys_to_virt(*entry & ENTRY_ADDRESS);
    }
    e->last_index = gpa >> (PAGE_SHIFT + INDEX_BITS);
    e->last_table = table;
    return &table[index_at(gpa, 0)];
}

/* The 4 KiB entry of gpa; tables on the way are made if `create`.  NULL: not there, or no memory. */
static inline uint64_t *entry_find(struct ept *e, uint64_t gpa, bool create)
{
    if (likely(gpa >> (PAGE_SHIFT + INDEX_BITS) == e->last_index))
        return &e->last_table[index_at(gpa, 0)];
    return entry_walk(e, gpa, create);
}

static int map_locked(struct ept *e, uint64_t gpa, uint64_t hpa, uint64_t permissions, bool owned)
{
    uint64_t *entry = entry_find(e, gpa, true);

    if (!entry)
        return -ENOMEM;
    if (*entry & EPT_ALL)
        return -EEXIST;
    *entry = hpa | permissions | ENTRY_WRITE_BACK | ENTRY_IGNORE_PAT | (owned ? ENTRY_OWNED : 0);
    e->owned_pages += owned;
    return 0;
}

int ept_map(struct ept *e, uint64_t gpa, uint64_t hpa, uint64_t permissions, bool owned)
{
    uint64_t flags = spin_lock_irqsave(&e->lock);
    int error = map_locked(e, gpa, hpa, permissions, owned);

    spin_unlock_irqrestore(&e->lock, flags);
    return error;
}

void *ept_lookup(struct ept *e, uint64_t gpa)
{
    uint64_t flags = spin_lock_irqsave(&e->lock);
    const uint64_t *entry = entry_find(e, gpa, false);
    char *page = entry && (*entry & EPT_ALL) ? phys_to_virt(*entry & ENTRY_ADDRESS) : NULL;

    spin_unlock_irqrestore(&e->lock, flags);
    return page ? page + gpa % PAGE_SIZE : NULL;
}

/* Put a zeroed page behind an entry that has none. */
static bool entry_back(struct ept *e, uint64_t *entry)
{
    void *page = page_alloc_zero();

    if (!page)
        return false;
    *entry = virt_to_phys(page) | EPT_ALL | ENTRY_WRITE_BACK | ENTRY_IGNORE_PAT | ENTRY_OWNED;
    e->owned_pages++;
    return true;
}

/* ept_touch() by walking the tables: the host's address of the page. */
static char *page_touch(struct ept *e, uint64_t gpa)
{
    uint64_t *entry = entry_find(e, gpa, true);

    if (!entry || (!(*entry & EPT_ALL) && !entry_back(e, entry)))
        return NULL;
    return phys_to_virt(*entry & ENTRY_ADDRESS);
}

static void *touch_locked(struct ept *e, uint64_t gpa)
{
    uint64_t page = gpa >> PAGE_SHIFT;
    struct ept_recent *r = &e->recent[page % EPT_RECENT];

    if (unlikely(r->page != page || r->generation != e->generation || !r->host)) {
        char *host = page_touch(e, gpa);
        if (!host)
            return NULL;
        *r = (struct ept_recent){page, e->generation, host};
    }
    return r->host + gpa % PAGE_SIZE;
}

void *ept_touch(struct ept *e, uint64_t gpa)
{
    uint64_t flags = spin_lock_irqsave(&e->lock);
    void *p = touch_locked(e, gpa);

    spin_unlock_irqrestore(&e->lock, flags);
    return p;
}

unsigned ept_touch_run(struct ept *e, uint64_t gpa, unsigned pages)
{
    uint64_t flags = spin_lock_irqsave(&e->lock);
    uint64_t *entry = entry_find(e, gpa, true);
    unsigned left = MIN(pages, ENTRIES - index_at(gpa, 0)), done = 0;

    if (entry && (*entry & EPT_ALL)) /* another vCPU was faster */
        done = 1;
    else
        while (entry && done < left && !(entry[done] & EPT_ALL) && entry_back(e, &entry[done]))
            done++;
    spin_unlock_irqrestore(&e->lock, flags);
    return done;
}
