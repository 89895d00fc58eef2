/*
 * The pages of a file: a radix tree of 64 slots a node from page index to struct page, with holes.  A file of one page
 * needs no node.  The spinlock guards the tree and the file's size; nothing sleeps under it.
 */
#ifndef FS_PAGE_TREE_H
#define FS_PAGE_TREE_H

#include "lib/compiler.h"
#include "lib/spinlock.h"

struct page;

struct page_cache {
    struct spinlock lock;
    unsigned height; /* levels of nodes; 0: root is the page of index 0 */
    void *root;
    uint64_t count; /* pages held */
};

/* Lock held for all. Pages in the tree have one reference that is the tree's. */
struct page *page_tree_find(const struct page_cache *c, uint64_t index);
/* The first page at or after *index, which is set to its index; NULL: none. */
struct page *page_tree_next(const struct page_cache *c, uint64_t *index);
int page_tree_insert(struct page_cache *c, uint64_t index, struct page *p) must_check; /* -ENOMEM; the slot is empty */
struct page *page_tree_remove(struct page_cache *c, uint64_t index); /* NULL: hole; empty nodes are freed */

#endif
