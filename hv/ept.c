/*
 * See hv/ept.h.
 */
#include "hv/ept.h"

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "lib/string.h"

#define LEVELS           4u
#define INDEX_BITS       9u
#define ENTRIES          (1u << INDEX_BITS)
#define ENTRY_ADDRESS    0x000ffffffffff000ULL
#define ENTRY_WRITE_BACK (6ULL << 3)
#define ENTRY_IGNORE_PAT BIT(6)
#define ENTRY_LARGE      BIT(7)
#define ENTRY_OWNED      BIT(52) /* ignored by the CPU: the page is freed with the VM */

#define POINTER_WRITE_BACK     6ULL
#define POINTER_LEVELS         ((uint64_t)(LEVELS - 1) << 3)
#define POINTER_ACCESSED_DIRTY BIT(6)

#define REGION_SHIFT (PAGE_SHIFT + INDEX_BITS)
#define REGION_MASK  ((1ULL << REGION_SHIFT) - 1)

/* A page with places for tables that are no longer linked. */
struct ept_tables {
    struct ept_tables *next;
    uint64_t count;
    uint64_t *table[(PAGE_SIZE - 2 * sizeof(uint64_t)) / sizeof(uint64_t *)];
};

static void block_close(struct ept *e, struct ept_block *b);

int ept_create(struct ept *e, bool large)
{
    *e = (struct ept){.root = page_alloc_zero(), .table_pages = 1, .last_index = ~0ULL, .large = large};
    return e->root ? 0 : -ENOMEM;
}

static void table_destroy(uint64_t *table, unsigned level)
{
    for (unsigned i = 0; i < ENTRIES; i++) {
        void *below = phys_to_virt(table[i] & ENTRY_ADDRESS);
        if (!(table[i] & EPT_ALL))
            continue;
        if (level == 1 && (table[i] & ENTRY_LARGE))
            page_free(below, INDEX_BITS);
        else if (level > 0)
            table_destroy(below, level - 1);
        else if (table[i] & ENTRY_OWNED)
            page_free(below, 0);
    }
    page_free(table, 0);
}

void ept_destroy(struct ept *e)
{
    struct ept_tables *next;

    for (unsigned i = 0; i < EPT_BLOCKS; i++)
        block_close(e, &e->blocks[i]);
    if (e->root)
        table_destroy(e->root, LEVELS - 1);
    e->root = NULL;
    for (struct ept_tables *t = e->replaced; t; t = next) {
        next = t->next;
        for (uint64_t i = 0; i < t->count; i++)
            page_free(t->table[i], 0);
        page_free(t, 0);
    }
    e->replaced = NULL;
}

static void table_visit(const uint64_t *table, unsigned level, uint64_t gpa, ept_see *see, void *context)
{
    for (uint64_t i = 0; i < ENTRIES; i++) {
        uint64_t at = gpa | i << (PAGE_SHIFT + INDEX_BITS * level), below = table[i] & ENTRY_ADDRESS;
        if (!(table[i] & EPT_ALL))
            continue;
        if (level == 1 && (table[i] & ENTRY_LARGE))
            for (uint64_t offset = 0; offset <= REGION_MASK; offset += PAGE_SIZE)
                see(context, at + offset, below + offset, table[i] & EPT_ALL);
        else if (level > 0)
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
    return virt_to_phys(e->root) | POINTER_WRITE_BACK | POINTER_LEVELS | (accessed_dirty ? POINTER_ACCESSED_DIRTY : 0);
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
        if (level == 1 && (*entry & ENTRY_LARGE)) {
            e->seen = (*entry & ~ENTRY_LARGE) + (gpa & REGION_MASK & ~(PAGE_SIZE - 1));
            return &e->seen;
        }
        table = phys_to_virt(*entry & ENTRY_ADDRESS);
    }
    e->last_index = gpa >> REGION_SHIFT;
    e->last_table = table;
    return &table[index_at(gpa, 0)];
}

/*
 * The 4 KiB entry of gpa, or what it would be where a 2 MiB entry stands for it (to be read only, but then something is
 * mapped, and there is nothing to write); tables on the way are made if `create`.  NULL: not there, or no memory.
 */
static inline uint64_t *entry_find(struct ept *e, uint64_t gpa, bool create)
{
    if (likely(gpa >> REGION_SHIFT == e->last_index))
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

static struct ept_block *block_find(struct ept *e, uint64_t gpa)
{
    for (unsigned i = 0; i < EPT_BLOCKS; i++)
        if (e->blocks[i].base && e->blocks[i].region == gpa >> REGION_SHIFT)
            return &e->blocks[i];
    return NULL;
}

/* Give back the pages that are not in use; the others are owned by their entries. */
static void block_close(struct ept *e, struct ept_block *b)
{
    if (!b->base)
        return;
    for (uint64_t i = 0; b->used < ENTRIES && i < ENTRIES; i++) {
        char *page = b->base + i * PAGE_SIZE;
        const uint64_t *entry = entry_find(e, (b->region << REGION_SHIFT) + i * PAGE_SIZE, false);
        if (!entry || !(*entry & EPT_ALL) || (*entry & ENTRY_ADDRESS) != virt_to_phys(page))
            page_free(page, 0);
    }
    b->base = NULL;
}

/* For the region that begins at gpa, where nothing is yet.  Without memory for one its pages will come one by one. */
static void block_open(struct ept *e, uint64_t gpa)
{
    struct ept_block *b = &e->blocks[e->next_block];
    char *base = e->large ? page_alloc(INDEX_BITS) : NULL;

    if (!base)
        return;
    e->next_block = (e->next_block + 1) % EPT_BLOCKS;
    block_close(e, b);
    *b = (struct ept_block){gpa >> REGION_SHIFT, base, 0};
}

/* A place in e->replaced for one more table; false: no memory. */
static bool replaced_room(struct ept *e)
{
    if (e->replaced && e->replaced->count < ARRAY_SIZE(e->replaced->table))
        return true;
    struct ept_tables *t = page_alloc_zero();
    if (!t)
        return false;
    t->next = e->replaced;
    e->replaced = t;
    return true;
}

/* All pages of the block are in use: one entry for all of them. */
static void block_promote(struct ept *e, struct ept_block *b)
{
    uint64_t *table = e->root, gpa = b->region << REGION_SHIFT;

    if (!replaced_room(e))
        return;
    for (unsigned level = LEVELS - 1; level > 1; level--)
        table = phys_to_virt(table[index_at(gpa, level)] & ENTRY_ADDRESS);
    uint64_t *entry = &table[index_at(gpa, 1)];
    e->replaced->table[e->replaced->count++] = phys_to_virt(*entry & ENTRY_ADDRESS);
    /* One store: other CPUs' walks see the old or the new, which say the same. */
    __atomic_store_n(entry,
                     virt_to_phys(b->base) | EPT_ALL | ENTRY_LARGE | ENTRY_WRITE_BACK | ENTRY_IGNORE_PAT | ENTRY_OWNED,
                     __ATOMIC_RELAXED);
    b->base = NULL;
    e->large_entries++;
    e->last_index = ~0ULL;
}

/* A zeroed page.  What the blocks hold in advance is let go before there is none. */
static char *page_fresh(struct ept *e)
{
    char *page = page_alloc_zero();

    for (unsigned i = 0; i < EPT_BLOCKS && !page; i++) {
        if (!e->blocks[i].base)
            continue;
        block_close(e, &e->blocks[i]);
        page = page_alloc_zero();
    }
    return page;
}

/* Put a zeroed page behind gpa's entry, which has none.  The last of a block makes the entry count no more. */
static bool entry_back(struct ept *e, uint64_t gpa, uint64_t *entry)
{
    struct ept_block *b = block_find(e, gpa);
    char *page = b ? memset(b->base + (gpa & REGION_MASK & ~(PAGE_SIZE - 1)), 0, PAGE_SIZE) : page_fresh(e);

    if (!page)
        return false;
    *entry = virt_to_phys(page) | EPT_ALL | ENTRY_WRITE_BACK | ENTRY_IGNORE_PAT | ENTRY_OWNED;
    e->owned_pages++;
    if (b && ++b->used == ENTRIES)
        block_promote(e, b);
    return true;
}

/* ept_touch() by walking the tables: the host's address of the page. */
static char *page_touch(struct ept *e, uint64_t gpa)
{
    uint64_t *entry = entry_find(e, gpa, true);

    if (!entry || (!(*entry & EPT_ALL) && !entry_back(e, gpa, entry)))
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

    if (entry && (*entry & EPT_ALL)) { /* another vCPU was faster */
        done = 1;
    } else {
        if (entry && pages > 1 && index_at(gpa, 0) == 0)
            block_open(e, gpa);
        while (entry && done < left && !(entry[done] & EPT_ALL) && entry_back(e, gpa + done * PAGE_SIZE, &entry[done]))
            done++;
    }
    spin_unlock_irqrestore(&e->lock, flags);
    return done;
}
