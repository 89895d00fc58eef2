/*
 * Demand paging and copy-on-write.  A page is writable in a private area only if it is the area's own (PTE_OWN) and this
 * entry is its one reference; a write to any other makes a copy first.
 */
#include "guest_kernel/core/space_fault.h"

#include <asm-generic/errno.h>
#include <asm/siginfo.h>
#include <asm/signal.h>
#include <linux/resource.h>

#include "guest_kernel/core/space_inner.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/core/trap.h"
#include "lib/string.h"

#define AROUND_PAGES 16u /* a power of two: mapped with a page of a file, as by Linux */

uint64_t area_pte_flags(const struct area *a)
{
    uint64_t flags = PTE_USER | PTE_ACCESSED;

    flags |= a->prot & (PROT_READ | PROT_WRITE | PROT_EXEC) ? PTE_PRESENT : PTE_HELD;
    return a->prot & PROT_EXEC ? flags : flags | PTE_NX;
}

static bool area_is_writable_now(const struct area *a)
{
    return a->prot & PROT_WRITE;
}

static uint64_t file_index(const struct area *a, uint64_t va)
{
    return (a->file_offset + (va - a->start)) >> PAGE_SHIFT;
}

/* A private copy of p for writing (of zeros if p is the zero page): one reference; NULL: no memory. */
static struct page *page_copy(struct page *p)
{
    struct page *copy = p == zero_page ? page_alloc_user_zero() : page_alloc_user(0);

    if (copy && p != zero_page)
        memcpy(page_address(copy), page_address(p), PAGE_SIZE);
    return copy;
}

static void page_drop(struct page *p)
{
    if (p != zero_page)
        page_put(p);
}

/* Of a private mapping: the page is its own, and may be written if the area may be. */
static uint64_t own_value(const struct area *a, const struct page *p)
{
    return page_phys(p) | area_pte_flags(a) | PTE_OWN | PTE_DIRTY | (area_is_writable_now(a) ? PTE_WRITE : 0);
}

/* Of a page of the file: written to only by shared mappings. */
static uint64_t file_value(const struct area *a, const struct page *p)
{
    uint64_t value = page_phys(p) | area_pte_flags(a) | (a->file->shmem ? PTE_SHMEM : 0);

    return (a->flags & MAP_SHARED) && area_is_writable_now(a) ? value | PTE_WRITE : value;
}

/* The neighbours that are in memory come along with a page that is read: programs run on, and data is read in order. */
static void map_around(struct space *s, const struct area *a, uint64_t va, uint64_t *entry)
{
    uint64_t window = ALIGN_DOWN(va, AROUND_PAGES * PAGE_SIZE);
    uint64_t start = MAX(window, a->start), end = MIN(window + AROUND_PAGES * PAGE_SIZE, a->end);
    unsigned count = (unsigned)((end - start) >> PAGE_SHIFT);
    struct page *pages[AROUND_PAGES];

    entry -= (va - start) >> PAGE_SHIFT; /* the window does not leave the table */
    a->file->ops->get_cached(a->file, file_index(a, start), count, pages);
    for (unsigned i = 0; i < count; i++) {
        if (!pages[i])
            continue;
        if (entry[i]) {
            page_drop(pages[i]);
            continue;
        }
        uint64_t value = file_value(a, pages[i]);

        page_table_set(&entry[i], value);
        space_count_pages(s, value, 1);
    }
}

static int resolve_file(struct space *s, struct area *a, uint64_t va, bool write, uint64_t *entry)
{
    struct page *p;
    uint64_t value;
    if (!write && a->file->ops->get_cached && !(a->flags & SPACE_MAP_RANDOM))
        map_around(s, a, va, entry);
    if (*entry)
        return 0;
    int error = a->file->ops->get_page(a->file, file_index(a, va), &p);

    if (error)
        return error;
    if (write && !(a->flags & MAP_SHARED)) {
        struct page *copy = page_copy(p);

        page_drop(p);
        if (!copy)
            return -ENOMEM;
        value = own_value(a, copy);
    } else {
        value = file_value(a, p) | (write ? PTE_DIRTY : 0);
    }
    page_table_set(entry, value);
    space_count_pages(s, value, 1);
    return 0;
}

static int resolve_absent(struct space *s, struct area *a, uint64_t va, bool write, uint64_t *entry)
{
    if (a->file)
        return resolve_file(s, a, va, write, entry);
    if (!write) {
        page_table_set(entry, page_phys(zero_page) | area_pte_flags(a));
        return 0;
    }
    struct page *p = page_alloc_user_zero();

    if (unlikely(!p))
        return -ENOMEM;
    page_table_set(entry, own_value(a, p));
    s->counts.resident[RESIDENT_OWN]++;
    return 0;
}

/* A write to a page that is there and was not writable; where only a debugger may write, it stays so for the program. */
static int resolve_write(struct space *s, struct area *a, uint64_t va, uint64_t *entry)
{
    struct page *p = pte_page(*entry);
    bool own = (a->flags & MAP_SHARED) ||
               ((*entry & PTE_OWN) && __atomic_load_n(&p->refs, __ATOMIC_ACQUIRE) == 1);
    struct tlb_gather gather;

    if (own) {
        *entry |= area_is_writable_now(a) ? PTE_WRITE | PTE_DIRTY : PTE_DIRTY;
        tlb_flush_here(va);
        return 0;
    }
    struct page *copy = page_copy(p);

    if (!copy)
        return -ENOMEM;
    space_count_pages(s, *entry, -1);
    *entry = own_value(a, copy);
    s->counts.resident[RESIDENT_OWN]++;
    tlb_gather_init(&gather, s);
    tlb_gather_note(&gather, va);
    if (p != zero_page)
        tlb_gather_add(&gather, p);
    tlb_gather_finish(&gather);
    return 0;
}

int space_resolve(struct space *s, struct area *a, uint64_t va, bool write)
{
    uint64_t *entry = page_table_directory(&s->pages, va);

    va = ALIGN_DOWN(va, PAGE_SIZE);
    if (unlikely(!entry))
        return -ENOMEM;
    if (unlikely(!*entry) && write && space_large_fault(s, a, va, entry))
        return 0;
    if (likely(!pte_is_large(*entry)))
        entry = page_table_leaf(&s->pages, entry, va);
    if (unlikely(!entry))
        return -ENOMEM;
    if (!*entry)
        return resolve_absent(s, a, va, write, entry);
    if (write && !(*entry & PTE_WRITE))
        return resolve_write(s, a, va, entry);
    tlb_flush_here(va); /* another thread was faster, or a stale translation */
    return 0;
}

/* May a stack have so many pages more? */
static bool stack_may_grow(const struct space *s, struct area *a, uint64_t start, uint64_t pages)
{
    if (a->end - start > task_limit(RLIMIT_STACK) || space_admit(s, a, pages))
        return false;
    if ((a->flags & MAP_LOCKED) && !space_may_lock(s, pages))
        return false;
    return !space_charge(s, a, pages);
}

struct area *space_area_for_access(struct space *s, uint64_t va)
{
    struct area *a = area_from(&s->areas, va);

    if (likely(!a || a->start <= va))
        return a;
    uint64_t start = ALIGN_DOWN(va, PAGE_SIZE);
    struct area *below = area_previous(a);
    bool gap = below && below->prot && !(below->flags & MAP_GROWSDOWN);
    uint64_t lowest = MAX(below ? below->end + (gap ? STACK_GUARD_GAP : 0) : 0, SPACE_MIN_ADDRESS);
    uint64_t pages = (a->start - start) >> PAGE_SHIFT;

    if (!(a->flags & MAP_GROWSDOWN) || start < lowest || !stack_may_grow(s, a, start, pages))
        return NULL;
    space_account(s, a, (int64_t)pages);
    area_resize(a, start, a->end);
    return a;
}

static bool area_allows(const struct area *a, uint64_t error)
{
    if (error & FAULT_WRITE)
        return a->prot & PROT_WRITE;
    if (error & FAULT_FETCH)
        return a->prot & PROT_EXEC;
    return a->prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

static struct fault_result fault_locked(struct space *s, uint64_t address, uint64_t error)
{
    struct area *a = space_area_for_access(s, address);

    if (!a)
        return (struct fault_result){SIGSEGV, SEGV_MAPERR};
    if (!area_allows(a, error))
        return (struct fault_result){SIGSEGV, SEGV_ACCERR};
    switch (space_resolve(s, a, address, error & FAULT_WRITE)) {
    case 0:
        return (struct fault_result){0, 0};
    case -ENOMEM:
        return (struct fault_result){SIGKILL, SI_KERNEL}; /* unless memory can be had by ending another */
    default:
        return (struct fault_result){SIGBUS, BUS_ADRERR};
    }
}

struct fault_result space_fault(struct space *s, uint64_t address, uint64_t error)
{
    if (!s || address >= USER_END)
        return (struct fault_result){SIGSEGV, SEGV_MAPERR};
    for (unsigned attempt = 0;; attempt++) {
        mutex_lock(&s->lock);
        struct fault_result r = fault_locked(s, address, error);

        space_unlock(s);
        if (likely(r.signal != SIGKILL) || !task_out_of_memory(attempt))
            return r;
    }
}
