/*
 * The areas of one address space, ordered, never overlapping.  Pure bookkeeping: no page tables, no references to
 * files; the caller holds the space's lock.
 */
#ifndef GUEST_KERNEL_CORE_AREA_TREE_H
#define GUEST_KERNEL_CORE_AREA_TREE_H

#include "guest_kernel/core/space.h"

RB_HEAD(area_tree, area);

#define STACK_GUARD_GAP MiB(1) /* kept free below an area that grows down, as Linux does */

/* The area that holds address, NULL: none. */
struct area *area_at(struct area_tree *t, uint64_t address);
/* The first area that ends after address, NULL: none. */
struct area *area_from(struct area_tree *t, uint64_t address);
struct area *area_next(struct area *a);
struct area *area_previous(struct area *a);
struct area *area_before(struct area_tree *t, struct area *a); /* the same; a NULL: the last one */
void area_insert(struct area_tree *t, struct area *a); /* must not overlap */
void area_insert_before(struct area_tree *t, struct area *next, struct area *a); /* the same, next: area_from(a->start) */
void area_remove(struct area_tree *t, struct area *a);
void area_resize(struct area *a, uint64_t start, uint64_t end); /* of one in a tree: it keeps its place in the order */

bool area_overlaps(struct area_tree *t, uint64_t start, uint64_t end);
/* The same, with the gap below areas that grow down counted as theirs. */
bool area_overlaps_with_gaps(struct area_tree *t, uint64_t start, uint64_t end);
/*
 * Highest free place of `size` bytes within [low, high), what is kept free below areas that grow down left alone: its
 * address, 0: none.  As all here but area_next, in time that grows with the logarithm of the number of areas: each node
 * knows the largest gap in its subtree.
 */
uint64_t area_find_gap(struct area_tree *t, uint64_t size, uint64_t low, uint64_t high);
/* Could b, which begins where a ends, be part of a? */
bool area_can_join(const struct area *a, const struct area *b);

#endif
