/*
 * See paging.h.  The tables of the image and of the direct map below 4 GiB are static; tables of the VMAP region are
 * allocated and never freed.  `vmap_lock` guards the VMAP tables; a leaf but for the page allocator's lock.
 */
#include "guest_kernel/core/paging.h"

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/cpu.h"
#include "guest_kernel/core/layout.h"
#include "guest_kernel/core/pages.h"
#include "lib/spinlock.h"
#include "lib/string.h"

/* boot.S */
extern uint64_t kernel_pml4[], ap_pml4[], boot_pdpt[], kernel_pd[], direct_pdpt[], direct_pd[], vmap_pdpt[];
extern char boot_stack_guard[];
/* kernel.lds */
extern char image_start[], text_start[], rodata_start[], data_start[], image_end[];

#define STATIC_GIB 4 /* of the direct map, whose page directories are static */

static uint64_t image_pt[TABLE_ENTRIES] aligned_to(4096);
static uint64_t direct_pt[TABLE_ENTRIES] aligned_to(4096); /* of the first 2 MiB */
static uint64_t direct_more_pds[STATIC_GIB - 1][TABLE_ENTRIES] aligned_to(4096);

static struct spinlock vmap_lock = SPINLOCK_INIT;

void *phys_to_virt(uint64_t phys)
{
    return (void *)(DIRECT_BASE + phys);
}

uint64_t virt_to_phys(const void *direct_map_address)
{
    uint64_t va = (uintptr_t)direct_map_address;

    assert(va >= DIRECT_BASE && va < DIRECT_BASE + DIRECT_SIZE);
    return va - DIRECT_BASE;
}

static uint64_t image_phys(const void *symbol)
{
    return (uintptr_t)symbol - KERNEL_BASE;
}

static uint64_t image_page_flags(uint64_t va)
{
    if (va == (uintptr_t)boot_stack_guard)
        return 0;
    if (va < (uintptr_t)rodata_start)
        return PTE_KERNEL_TEXT;
    return va < (uintptr_t)data_start ? PTE_KERNEL_RODATA : PTE_KERNEL_DATA;
}

void paging_init_image(void)
{
    for (uint64_t va = (uintptr_t)image_start; va < (uintptr_t)image_end; va += PAGE_SIZE) {
        uint64_t flags = image_page_flags(va);

        image_pt[TABLE_INDEX(va, 0)] = flags ? (va - KERNEL_BASE) | flags : 0;
    }
    for (uint64_t phys = 0; phys < IMAGE_PHYS_END; phys += PAGE_SIZE) {
        bool read_only = phys >= IMAGE_PHYS && phys < image_phys(data_start);

        direct_pt[phys >> PAGE_SHIFT] = phys | (read_only ? PTE_KERNEL_RODATA : PTE_KERNEL_DATA);
    }
    kernel_pd[0] = image_phys(image_pt) | PTE_TABLE;
    direct_pd[0] = image_phys(direct_pt) | PTE_TABLE;
    kernel_pml4[0] = 0;
    /* Global entries too: the mappings of boot are global-free, but be exact. */
    cr4_write(cr4_read() & ~CR4_PGE);
    cr4_write(cr4_read() | CR4_PGE);
}

/* The page directory for a GiB of the direct map; NULL: no memory. */
static uint64_t *direct_directory(uint64_t gib)
{
    if (!(direct_pdpt[gib] & PTE_PRESENT)) {
        uint64_t phys;

        if (gib < STATIC_GIB) {
            phys = image_phys(direct_more_pds[gib - 1]);
        } else {
            struct page *p = page_alloc_zero();

            if (!p)
                return NULL;
            phys = page_phys(p);
        }
        direct_pdpt[gib] = phys | PTE_TABLE;
    }
    return phys_to_virt(direct_pdpt[gib] & PTE_ADDRESS);
}

bool paging_map_direct(uint64_t start, uint64_t end)
{
    uint64_t at = ALIGN_DOWN(start, MiB(2));

    while (at < end) {
        uint64_t gib = at >> 30;

        if (gib >= STATIC_GIB && cpu_features.pages_1g && IS_ALIGNED(at, GiB(1)) && end - at >= GiB(1)) {
            direct_pdpt[gib] = at | PTE_KERNEL_DATA | PTE_LARGE;
            at += GiB(1);
            continue;
        }
        uint64_t *pd = direct_directory(gib);

        if (!pd)
            return false;
        uint64_t *entry = &pd[TABLE_INDEX(at, 1)];

        if (!(*entry & PTE_PRESENT))
            *entry = at | PTE_KERNEL_DATA | PTE_LARGE;
        at += MiB(2);
    }
    return true;
}

uint64_t paging_kernel_root(void)
{
    return image_phys(kernel_pml4);
}

void paging_copy_kernel_slots(uint64_t *pml4)
{
    pml4[DIRECT_SLOT] = kernel_pml4[DIRECT_SLOT];
    pml4[VMAP_SLOT] = kernel_pml4[VMAP_SLOT];
    pml4[KERNEL_SLOT] = kernel_pml4[KERNEL_SLOT];
}

void paging_trampoline(uint64_t low_page, bool on)
{
    paging_copy_kernel_slots(ap_pml4);
    ap_pml4[0] = on ? image_phys(boot_pdpt) | PTE_TABLE : 0;
    image_pt[TABLE_INDEX(low_page, 0)] = on ? low_page | PTE_KERNEL_TEXT : 0;
}

/* The entry of va's page, with tables made as needed; NULL: no memory. */
static uint64_t *vmap_entry(uint64_t va, bool create)
{
    uint64_t *table = vmap_pdpt;

    for (int level = 2; level > 0; level--) {
        uint64_t *entry = &table[TABLE_INDEX(va, level)];

        if (!(*entry & PTE_PRESENT)) {
            struct page *p = create ? page_alloc_quiet(0) : NULL;

            if (!p)
                return NULL;
            memset(page_address(p), 0, PAGE_SIZE);
            *entry = page_phys(p) | PTE_TABLE;
        }
        table = phys_to_virt(*entry & PTE_ADDRESS);
    }
    return &table[TABLE_INDEX(va, 0)];
}

bool kernel_map_page(uint64_t va, uint64_t phys, uint64_t pte_flags)
{
    uint64_t flags = spin_lock_irqsave(&vmap_lock);
    uint64_t *entry = vmap_entry(va, true);

    if (entry) {
        assert(!(*entry & PTE_PRESENT));
        *entry = phys | pte_flags;
    }
    spin_unlock_irqrestore(&vmap_lock, flags);
    return entry;
}

uint64_t kernel_unmap_page(uint64_t va)
{
    uint64_t flags = spin_lock_irqsave(&vmap_lock);
    uint64_t *entry = vmap_entry(va, false);

    assert(entry && (*entry & PTE_PRESENT));
    uint64_t phys = *entry & PTE_ADDRESS;

    *entry = 0;
    spin_unlock_irqrestore(&vmap_lock, flags);
    return phys;
}
