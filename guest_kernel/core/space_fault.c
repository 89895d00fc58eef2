/*
 * Demand paging and copy-on-write.  A page is writable in a private area only if this entry is its one reference; a
 * write to any other makes a copy first.
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
    struct page *copy = p == zero_page ? page_alloc_zero() : page_alloc(0);

    if (copy && p != zero_page)
        memcpy(page_address(copy), page_address(p), PAGE_SIZE);
    return copy;
}

/* The page that a first access finds, with a reference; *writable: this entry may write to it. */
static int page_for_area(const struct area *a, uint64_t va, bool write, struct page **out, bool *writable)
{
    struct page *p;

    *writable = true;
    if (!a->file && write) {
        *out = page_alloc_zero();
        return *out ? 0 : -ENOMEM;
    }
    if (!a->file) {
        page_get(zero_page);
        *out = zero_page;
        *writable = false;
        return 0;
    }
    int error = a->file->ops->get_page(a->file, file_index(a, va), &p);

    if (error)
        return error;
    if (a->flags & MAP_SHARED) {
        *out = p;
        return 0;
    }
    *writable = write;
    *out = write ? page_copy(p) : p;
    if (write)
        page_put(p);
    return *out ? 0 : -ENOMEM;
}

static int resolve_absent(struct space *s, struct area *a, uint64_t va, bool write)
{
    struct page *p;
    bool writable;
    uint64_t *entry = page_table_make(s->root, va);

    if (!entry)
        return -ENOMEM;
    int error = page_for_area(a, va, write, &p, &writable);

    if (error)
        return error;
    uint64_t value = page_phys(p) | area_pte_flags(a);

    if (writable && area_is_writable_now(a))
        value |= PTE_WRITE | PTE_DIRTY;
    else if (write) /* a debugger's: a copy, which differs from the file */
        value |= PTE_DIRTY;
    page_table_set(entry, value);
    s->resident_pages++;
    return 0;
}

/* A write to a page that is there and was not writable; where only a debugger may write, it stays so for the program. */
static int resolve_write(struct space *s, struct area *a, uint64_t va, uint64_t *entry)
{
    struct page *p = pte_page(*entry);
    bool own = (a->flags & MAP_SHARED) ||
               (p != zero_page && __atomic_load_n(&p->refs, __ATOMIC_ACQUIRE) == 1);
    struct tlb_gather gather;

    uint64_t rights = area_is_writable_now(a) ? PTE_WRITE | PTE_DIRTY : PTE_DIRTY;

    if (own) {
        *entry |= rights;
        tlb_flush_here(va);
        return 0;
    }
    struct page *copy = page_copy(p);

    if (!copy)
        return -ENOMEM;
    *entry = page_phys(copy) | area_pte_flags(a) | rights;
    tlb_gather_init(&gather, s);
    tlb_gather_note(&gather, va);
    tlb_gather_add(&gather, p);
    tlb_gather_finish(&gather);
    return 0;
}

int space_resolve(struct space *s, struct area *a, uint64_t va, bool write)
{
    uint64_t *entry = page_table_find(s->root, va);

    va = ALIGN_DOWN(va, PAGE_SIZE);
    if (!entry || !*entry)
        return resolve_absent(s, a, va, write);
    if (write && !(*entry & PTE_WRITE))
        return resolve_write(s, a, va, entry);
    tlb_flush_here(va); /* another thread was faster, or a stale translation */
    return 0;
}

struct area *space_area_for_access(struct space *s, uint64_t va)
{
    struct area *a = area_from(&s->areas, va);

    if (!a || a->start <= va)
        return a;
    uint64_t start = ALIGN_DOWN(va, PAGE_SIZE);
    struct area *below = area_previous(a);
    bool gap = below && below->prot && !(below->flags & MAP_GROWSDOWN);
    uint64_t lowest = MAX(below ? below->end + (gap ? STACK_GUARD_GAP : 0) : 0, SPACE_MIN_ADDRESS);

    if (!(a->flags & MAP_GROWSDOWN) || start < lowest || a->end - start > task_limit(RLIMIT_STACK))
        return NULL;
    if (s->total_pages + ((a->start - start) >> PAGE_SHIFT) > task_limit(RLIMIT_AS) >> PAGE_SHIFT)
        return NULL;
    s->total_pages += (a->start - start) >> PAGE_SHIFT;
    a->start = start; /* keeps its place in the order */
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
        return (struct fault_result){SIGKILL, SI_KERNEL}; /* as Linux's out-of-memory killer ends it */
    default:
        return (struct fault_result){SIGBUS, BUS_ADRERR};
    }
}

struct fault_result space_fault(struct space *s, uint64_t address, uint64_t error)
{
    if (!s || address >= USER_END)
        return (struct fault_result){SIGSEGV, SEGV_MAPERR};
    mutex_lock(&s->lock);
    struct fault_result r = fault_locked(s, address, error);

    space_unlock(s);
    return r;
}
