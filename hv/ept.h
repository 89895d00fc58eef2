/*
 * Extended page tables (SDM vol. 3, 29.3): four levels, accessed and dirty bits on.  One root per VM.  Permissions are
 * ANDed over the levels, so a clone can share lower tables by removing write permission near the top.  One lock a VM, a
 * leaf but for the page allocator's: several vCPUs touch pages at once.
 *
 * Memory is backed page by page.  A guest that goes through fresh memory in order gets the pages of a 2 MiB region out
 * of one block of the machine's; once all of them are in use, one 2 MiB entry takes their place, where the CPU has
 * such.  No CPU needs to be told: what it may still have cached says the same, and the table that it may still walk
 * stays as it is until the VM ends.
 */
#ifndef HV_EPT_H
#define HV_EPT_H

#include "lib/compiler.h"
#include "lib/spinlock.h"

#define EPT_READ    BIT(0)
#define EPT_WRITE   BIT(1)
#define EPT_EXECUTE BIT(2)
#define EPT_ALL     (EPT_READ | EPT_WRITE | EPT_EXECUTE)

#define EPT_RECENT 64u

/* Where a page of the guest was found lately: good while the generation stands. */
struct ept_recent {
    uint64_t page; /* guest-physical page number */
    uint64_t generation;
    char *host; /* NULL: empty */
};

/* A 2 MiB block whose pages back those of a region of the guest, each at its own place, as they are touched. */
struct ept_block {
    uint64_t region; /* gpa >> 21 */
    char *base;      /* NULL: there is none */
    unsigned used;   /* pages */
};

#define EPT_BLOCKS 2u

struct ept {
    struct spinlock lock; /* guards all below but `root` and `generation` */
    uint64_t *root;
    uint64_t last_index; /* address >> 21 of the last walk, whose table is last_table; tables only go with the VM */
    uint64_t *last_table;
    uint64_t generation; /* raised whenever a mapping changes or goes: cached translations of it die */
    uint64_t table_pages;
    bool large; /* the CPU has 2 MiB entries */
    struct ept_block blocks[EPT_BLOCKS];
    unsigned next_block;         /* whose turn it is to give way */
    struct ept_tables *replaced; /* tables that a 2 MiB entry stands for */
    uint64_t seen;               /* a page of a 2 MiB entry, as a 4 KiB entry would have it: entry_find()'s answer */
    uint64_t large_entries;
    uint64_t owned_pages; /* 4 KiB pages of guest memory that this VM owns, that is: backed on first touch */
    struct ept_recent recent[EPT_RECENT]; /* by page number; for ept_touch */
};

int ept_create(struct ept *e, bool large) must_check;           /* 0 or -ENOMEM; large: the CPU has 2 MiB entries */
void ept_destroy(struct ept *e);                                /* frees the tables and the pages it owns */
uint64_t ept_pointer(const struct ept *e, bool accessed_dirty); /* for the VMCS */

/* Map one 4 KiB page; `owned` pages are freed with the VM.  0, -ENOMEM, or -EEXIST if something is mapped there. */
int ept_map(struct ept *e, uint64_t gpa, uint64_t hpa, uint64_t permissions, bool owned) must_check;
/* Tells `see` of every page that is mapped, by ascending address, with the lock held; hpa and permissions (EPT_*). */
typedef void ept_see(void *context, uint64_t gpa, uint64_t hpa, uint64_t permissions);
void ept_visit(struct ept *e, ept_see *see, void *context);
/* The host's address (direct map) of the mapped byte, or NULL. */
void *ept_lookup(struct ept *e, uint64_t gpa);
/* As ept_lookup, and backs the page with a zeroed one if nothing is there; NULL: no memory. */
void *ept_touch(struct ept *e, uint64_t gpa) must_check;
/*
 * Backs up to `pages` pages from gpa's on, as far as nothing is there yet and within 2 MiB: how many, 0 if there is no
 * memory for the first.
 */
unsigned ept_touch_run(struct ept *e, uint64_t gpa, unsigned pages) must_check;

#endif
