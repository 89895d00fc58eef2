/*
 * See tlb.h.  Intel SDM vol. 3 section 4.10.  There are no process-context identifiers: a CPU that has another address
 * space loaded has no translation of this one.  Those that have it loaded (space.cpus) are interrupted.
 */
#include "guest_kernel/core/tlb.h"

#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/ipi.h"
#include "guest_kernel/core/space_inner.h"

#define SINGLE_PAGES_MAX 16 /* beyond it, one flush of everything is cheaper */

struct flush {
    struct space *space;
    uint64_t start, end;
};

/* Any context, interrupts off on other CPUs. */
static void flush_here(void *argument)
{
    const struct flush *f = argument;

    if (this_cpu()->loaded_space != f->space)
        return;
    if ((f->end - f->start) / PAGE_SIZE > SINGLE_PAGES_MAX) {
        cr3_write(cr3_read());
        return;
    }
    for (uint64_t va = f->start; va < f->end; va += PAGE_SIZE)
        tlb_flush_page(va);
}

void tlb_flush_range(struct space *s, uint64_t start, uint64_t end)
{
    struct flush f = {s, start, end};

    flush_here(&f);
    if (cpu_count == 1)
        return;
    /* Pairs with the read-modify-write in space_load(): we see that CPU, or it sees the tables as they are now. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    ipi_call(__atomic_load_n(&s->cpus, __ATOMIC_RELAXED), flush_here, &f);
}

void tlb_flush_here(uint64_t va)
{
    tlb_flush_page(va);
}

static void flush_all_here(void *unused)
{
    cr4_write(cr4_read() & ~CR4_PGE); /* global translations too: SDM 4.10.4.1 */
    cr4_write(cr4_read() | CR4_PGE);
}

void tlb_flush_kernel(void)
{
    flush_all_here(NULL);
    ipi_call(UINT64_MAX, flush_all_here, NULL);
}

void tlb_gather_init(struct tlb_gather *g, struct space *s)
{
    g->space = s;
    g->start = UINT64_MAX;
    g->end = 0;
    g->count = g->table_count = 0;
}

void tlb_gather_note(struct tlb_gather *g, uint64_t va)
{
    g->start = MIN(g->start, va);
    g->end = MAX(g->end, va + PAGE_SIZE);
}

void tlb_gather_finish(struct tlb_gather *g)
{
    if (g->start < g->end)
        tlb_flush_range(g->space, g->start, g->end);
    for (unsigned i = 0; i < g->count; i++)
        page_put(g->pages[i]);
    for (unsigned i = 0; i < g->table_count; i++)
        page_free_zeroed(g->tables[i]);
    tlb_gather_init(g, g->space);
}

void tlb_gather_add(struct tlb_gather *g, struct page *p)
{
    if (g->count == TLB_GATHER_MAX)
        tlb_gather_finish(g);
    g->pages[g->count++] = p;
}

/* Translations of upper levels are cached too: a flush of everything. */
void tlb_gather_add_table(struct tlb_gather *g, struct page *p)
{
    if (g->table_count == TLB_GATHER_TABLES_MAX)
        tlb_gather_finish(g);
    g->start = 0;
    g->end = USER_END;
    g->tables[g->table_count++] = p;
}
