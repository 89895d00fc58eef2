/*
 * Forgetting translations.  A page may only be given away after every CPU that could have its translation has dropped
 * it: a gather collects pages that lost their entries, and puts them after the flush.
 */
#ifndef GUEST_KERNEL_CORE_TLB_H
#define GUEST_KERNEL_CORE_TLB_H

#include "guest_kernel/core/alloc.h"
#include "lib/compiler.h"

struct space;

/* All CPUs drop translations of [start, end) of s.  The space's lock is held, no spinlock is. */
void tlb_flush_range(struct space *s, uint64_t start, uint64_t end);

/*
 * This CPU drops its translation of one page of the current task's space.  Enough where an entry gained rights: another
 * CPU that has the old one faults once more.
 */
void tlb_flush_here(uint64_t va);

/* All CPUs drop translations of the kernel's half.  No spinlock is held. */
void tlb_flush_kernel(void);

#define TLB_GATHER_MAX 64 /* each flush interrupts other CPUs */
#define TLB_GATHER_TABLES_MAX 8

struct tlb_gather {
    struct space *space;
    uint64_t start, end; /* of what changed since the last flush; start >= end: nothing */
    unsigned count, table_count;
    struct page *pages[TLB_GATHER_MAX];
    struct page *tables[TLB_GATHER_TABLES_MAX];
};

void tlb_gather_init(struct tlb_gather *g, struct space *s);
void tlb_gather_note(struct tlb_gather *g, uint64_t va);  /* an entry lost rights */
void tlb_gather_add(struct tlb_gather *g, struct page *p); /* takes over the reference */
void tlb_gather_add_table(struct tlb_gather *g, struct page *p); /* an empty page table */
void tlb_gather_finish(struct tlb_gather *g);

#endif
