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
    struct page_table pages;
    uint64_t cpus; /* atomic, not under the lock: those that have it loaded */
    struct space_counts counts;
    uint64_t large_pages;     /* large leaves */
    uint32_t new_flags;       /* mlockall(MCL_FUTURE): of areas to come */
    uint32_t barriers;        /* atomic, not under the lock: registrations of membarrier(2) */
    bool no_large;            /* prctl(PR_SET_THP_DISABLE) */
    struct space_layout layout;
};

extern struct page *zero_page; /* what reads of anonymous memory never written find; mappings of it are not counted */

void space_unlock(struct space *s); /* instead of mutex_unlock() */

struct area *area_create(const struct area *model) must_check; /* a copy, with its own reference to the file */
void area_bury(struct space *s, struct area *a); /* not in the tree any more: destroyed by space_unlock() */

static inline uint64_t area_pages(const struct area *a)
{
    return (a->end - a->start) >> PAGE_SHIFT;
}

static inline bool area_is_accessible(const struct area *a)
{
    return a->prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

/* Cut areas at `address` if it is inside one, and a large leaf there.  0 or -ENOMEM. */
int space_split(struct space *s, uint64_t address) must_check;
/* The large leaf alone: pages may be taken away up to there or from there on.  0 or -ENOMEM. */
int space_split_large(struct space *s, uint64_t address) must_check;
/* Insert `model`, or let a neighbour grow; counts it.  0 or -ENOMEM. */
int space_insert(struct space *s, const struct area *model) must_check;
/* Remove all areas and pages of [start, end).  0 or -ENOMEM: nothing was removed. */
int space_clear(struct space *s, uint64_t start, uint64_t end) must_check;
/* Take the pages of [start, end) away; the areas stay.  keep_own: only those that are the file's. */
void space_drop_pages(struct space *s, uint64_t start, uint64_t end, bool keep_own);
/* Join areas that touch at `address`, if they can be one. */
void space_join(struct space *s, uint64_t address);
/* Where mmap puts so many bytes, address 0: nowhere. */
uint64_t space_find_place(struct space *s, uint64_t size);
bool space_is_mapped(struct space *s, uint64_t start, uint64_t end);
/* [address, address + length) as whole pages; false: not a range of user space. */
bool space_range(uint64_t address, uint64_t length, uint64_t *end) must_check;

/* space_account.c: what areas count for, and the limits. */

/* So many pages of what looks like a, more or (negative) less. */
void space_account(struct space *s, const struct area *a, int64_t pages);
/* May so many pages of that kind come on top?  0 or -ENOMEM (RLIMIT_AS, RLIMIT_DATA). */
int space_admit(const struct space *s, const struct area *model, uint64_t pages) must_check;
/*
 * Promise memory for `pages` of a private writable mapping, if that counts (overcommit_memory), and note it in the flags;
 * -ENOMEM: refused.  space_account() of fewer pages takes it back.
 */
int space_charge(const struct space *s, struct area *model, uint64_t pages) must_check;
/* May there be n more areas?  0 or -ENOMEM (max_map_count). */
int space_room(const struct space *s, uint32_t n) must_check;
/* mlock(2) and relatives: may so many pages more be locked? */
bool space_may_lock(const struct space *s, uint64_t pages);

/* Kinds of resident pages. */
enum resident { RESIDENT_NONE = -1, RESIDENT_FILE, RESIDENT_OWN, RESIDENT_SHMEM };

static inline enum resident pte_kind(uint64_t entry)
{
    if (entry & PTE_OWN)
        return RESIDENT_OWN;
    if (pte_page(entry) == zero_page)
        return RESIDENT_NONE;
    return entry & PTE_SHMEM ? RESIDENT_SHMEM : RESIDENT_FILE;
}

static inline void space_count_pages(struct space *s, uint64_t entry, int64_t pages)
{
    enum resident kind = pte_kind(entry);

    if (kind != RESIDENT_NONE)
        s->counts.resident[kind] += (uint64_t)pages;
}

/* Rights of an area as bits of a leaf entry, write permission not included. */
uint64_t area_pte_flags(const struct area *a);

/* Make the page of va in area a present for that access, which the area allows.  0, -ENOMEM, -EIO, -ERANGE. */
int space_resolve(struct space *s, struct area *a, uint64_t va, bool write) must_check;
/* The area of va, after growing a stack down to it if that is allowed; NULL: none. */
struct area *space_area_for_access(struct space *s, uint64_t va);

/* space_large.c: may 2 MiB around va be one page; make them one (the directory's entry is empty).  False: not, or no memory. */
bool space_large_fault(struct space *s, const struct area *a, uint64_t va, uint64_t *directory) must_check;

#endif
