/*
 * Inside of address spaces: the structure and what its files share.  All functions want the
 * lock held.
 */
#ifndef GUEST_KERNEL_CORE_SPACE_INNER_H
#define GUEST_KERNEL_CORE_SPACE_INNER_H

#include <asm/mman.h>
#include <bsd/sys/queue.h>
#include <linux/mman.h>

#include "guest_kernel/core/area_tree.h"
#include "guest_kernel/core/page_table.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/core/tlb.h"
#include "guest_kernel/core/wait.h"

#define SPACE_MIN_ADDRESS 0x10000 /* Linux's mmap_min_addr */

struct space {
    uint32_t refs;    /* atomic: users */
    uint32_t holders; /* atomic: of this structure; all users together are one */
    LIST_ENTRY(space) all_link; /* spaces_lock (space.c) */

    struct mutex lock; /* guards the rest */
    struct area_tree areas;
    struct area *dead; /* removed areas, whose files are put when the lock is free again */
    bool populate_new; /* mlockall(MCL_FUTURE) */
    uint64_t *root; /* top-level table; only it is read without the lock */
    uint64_t cpus;  /* atomic, not under the lock: those that have it loaded */
    uint64_t total_pages, resident_pages;
    struct space_layout layout;
};

extern struct page *zero_page; /* shared by all reads of anonymous memory never written */

void space_unlock(struct space *s); /* instead of mutex_unlock() */

struct area *area_create(const struct area *model) must_check; /* a copy, with its own reference to the file */
void area_bury(struct space *s, struct area *a); /* not in the tree any more: destroyed by space_unlock() */

/* Cut areas at `address` if it is inside one.  0 or -ENOMEM. */
int space_split(struct space *s, uint64_t address) must_check;
/* Insert `model`, or let a neighbour grow.  0 or -ENOMEM. */
int space_insert(struct space *s, const struct area *model) must_check;
/* Remove all areas and pages of [start, end).  0 or -ENOMEM: nothing was removed. */
int space_clear(struct space *s, uint64_t start, uint64_t end) must_check;
/* Take the pages of [start, end) away; the areas stay. */
void space_drop_pages(struct space *s, uint64_t start, uint64_t end);
/* Join areas that touch at `address`, if they can be one. */
void space_join(struct space *s, uint64_t address);
bool space_is_mapped(struct space *s, uint64_t start, uint64_t end);

/* Rights of an area as bits of a leaf entry, write permission not included. */
uint64_t area_pte_flags(const struct area *a);

enum fault_access { FAULT_ACCESS_READ, FAULT_ACCESS_WRITE, FAULT_ACCESS_FETCH };

/* Make the page of va in area a present for that access, which the area allows.  0, -ENOMEM, -EIO, -ERANGE. */
int space_resolve(struct space *s, struct area *a, uint64_t va, bool write) must_check;
/* The area of va, after growing a stack down to it if that is allowed; NULL: none. */
struct area *space_area_for_access(struct space *s, uint64_t va);

#endif
