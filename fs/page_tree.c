/*
 * See fs/page_tree.h.  A node counts its used slots and is freed when the last one empties, so a file punched full of
 * holes holds no more nodes than its pages need.
 */
#include "fs/page_tree.h"

#include <asm/errno.h>

#include "guest_kernel/core/alloc.h"

#define SLOT_BITS 6
#define SLOTS (1u << SLOT_BITS)
#define HEIGHT_MAX 10 /* 60 bits of index: more than any file size */

struct node {
    uint32_t used;
    void *slots[SLOTS];
};

static unsigned slot_of(uint64_t index, unsigned level)
{
    return (unsigned)(index >> (SLOT_BITS * level)) & (SLOTS - 1);
}

static bool in_reach(const struct page_cache *c, uint64_t index)
{
    return c->height >= HEIGHT_MAX || !(index >> (SLOT_BITS * c->height));
}

struct page *page_tree_find(const struct page_cache *c, uint64_t index)
{
    void *at = c->root;

    if (!in_reach(c, index))
        return NULL;
    for (unsigned level = c->height; at && level > 0; level--)
        at = ((struct node *)at)->slots[slot_of(index, level - 1)];
    return at;
}

/* The first page at or after *index below this node, whose level-1 shift covers the rest of the index. */
static struct page *next_below(const struct node *n, unsigned level, uint64_t *index)
{
    for (unsigned slot = slot_of(*index, level - 1); slot < SLOTS; slot++) {
        if (n->slots[slot]) {
            if (level == 1)
                return n->slots[slot];
            struct page *p = next_below(n->slots[slot], level - 1, index);
            if (p)
                return p;
        }
        uint64_t unit = 1ULL << (SLOT_BITS * (level - 1));
        uint64_t next = (*index & ~(unit - 1)) + unit;
        if (slot + 1 == SLOTS)
            return NULL; /* the caller moves on by its own, larger unit */
        *index = next;
    }
    return NULL;
}

struct page *page_tree_next(const struct page_cache *c, uint64_t *index)
{
    if (!c->root || !in_reach(c, *index))
        return NULL;
    if (!c->height)
        return c->root;
    return next_below(c->root, c->height, index);
}

/* Another level on top: the old root is its slot 0. */
static int grow(struct page_cache *c)
{
    if (c->root) {
        struct node *n = mem_alloc_zero(sizeof *n);
        if (!n)
            return -ENOMEM;
        n->slots[0] = c->root;
        n->used = 1;
        c->root = n;
    }
    c->height++;
    return 0;
}

/* Free the nodes on the way to index that have no used slot, from the bottom. */
static void prune(struct page_cache *c, uint64_t index)
{
    void **path[HEIGHT_MAX + 1];
    unsigned depth = 0;
    void **at = &c->root;

    for (unsigned level = c->height; *at && level > 0; level--) {
        path[depth++] = at;
        at = &((struct node *)*at)->slots[slot_of(index, level - 1)];
    }
    while (depth > 0) {
        struct node *n = *path[--depth];
        if (n->used)
            break;
        mem_free(n);
        *path[depth] = NULL;
        if (depth > 0)
            ((struct node *)*path[depth - 1])->used--;
    }
    if (!c->root)
        c->height = 0;
}

int page_tree_insert(struct page_cache *c, uint64_t index, struct page *p)
{
    while (!in_reach(c, index))
        if (grow(c))
            return -ENOMEM;
    struct node *parent = NULL;
    void **at = &c->root;
    for (unsigned level = c->height; level > 0; level--) {
        if (!*at) {
            *at = mem_alloc_zero(sizeof(struct node));
            if (!*at) {
                prune(c, index);
                return -ENOMEM;
            }
            if (parent)
                parent->used++;
        }
        parent = *at;
        at = &parent->slots[slot_of(index, level - 1)];
    }
    *at = p;
    if (parent)
        parent->used++;
    c->count++;
    return 0;
}

struct page *page_tree_remove(struct page_cache *c, uint64_t index)
{
    struct node *parent = NULL;
    void **at = &c->root;

    if (!in_reach(c, index))
        return NULL;
    for (unsigned level = c->height; *at && level > 0; level--) {
        parent = *at;
        at = &parent->slots[slot_of(index, level - 1)];
    }
    struct page *p = *at;
    if (!p)
        return NULL;
    *at = NULL;
    c->count--;
    if (parent) {
        parent->used--;
        prune(c, index);
    }
    if (!c->root)
        c->height = 0;
    return p;
}
