/*
 * See hv/paging.h.  hv/boot/entry.S made the top-level tables; the first 4 GiB of the direct map use the static page
 * directories here, so that boot can map RAM before it can allocate.
 */
#include "hv/paging.h"

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "hv/cpu.h"
#include "lib/log.h"
#include "lib/spinlock.h"

#define PTE_PRESENT BIT(0)
#define PTE_WRITE BIT(1)
#define PTE_WRITE_THROUGH BIT(3)
#define PTE_UNCACHED BIT(4)
#define PTE_LARGE BIT(7)
#define PTE_GLOBAL BIT(8)
#define PTE_NX BIT(63)
#define PTE_ADDRESS 0x000ffffffffff000ULL
#define RAM_BITS (PTE_PRESENT | PTE_WRITE | PTE_GLOBAL | PTE_NX)

#define LARGE_PAGE MiB(2)
#define HUGE_PAGE GiB(1)
#define ENTRIES 512u
#define STATIC_GIB 4u

#define IMAGE_BASE 0xffffffff80000000ULL
#define IMAGE_PHYS MiB(2)
#define WINDOW_BASE 0xffffffffc0000000ULL
#define WINDOW_TABLES 8u /* of 2 MiB each */

extern uint64_t boot_pml4[], boot_pdpt_low[], boot_pdpt_direct[], boot_pdpt_high[], boot_pd_image[], boot_pt_image[], boot_pt_direct[];
extern const char image_start[], image_rodata[], image_data[], image_end[], boot_stack_guard[];

static uint64_t direct_pd[STATIC_GIB][ENTRIES] aligned_to(4096);

/* The window: allocated upwards, never freed. */
static struct spinlock window_lock = SPINLOCK_INIT;
static uint64_t window_next = WINDOW_BASE; /* window_lock */
static uint64_t *window_pd;                /* window_lock */

static uint64_t image_phys(const void *p)
{
    return (uintptr_t)p - IMAGE_BASE;
}

static uint64_t page_bits(uint64_t va)
{
    if (va < (uintptr_t)image_rodata)
        return PTE_PRESENT;
    if (va < (uintptr_t)image_data)
        return PTE_PRESENT | PTE_NX;
    if (va == (uintptr_t)boot_stack_guard)
        return 0;
    return PTE_PRESENT | PTE_WRITE | PTE_NX;
}

/* The image and its alias in the direct map, page by page: writable or executable, never both, by neither address. */
static void image_protect(void)
{
    unsigned pages = ((uintptr_t)image_end - (uintptr_t)image_start) / PAGE_SIZE;

    for (unsigned i = 0; i < ENTRIES; i++) {
        uint64_t offset = (uint64_t)i * PAGE_SIZE;
        uint64_t bits = i < pages ? page_bits((uintptr_t)image_start + offset) : 0;
        boot_pt_image[i] = bits ? (IMAGE_PHYS + offset) | bits | PTE_GLOBAL : 0;
        boot_pt_direct[i] = (IMAGE_PHYS + offset) | PTE_NX | PTE_GLOBAL | PTE_PRESENT |
                            (i < pages && !(bits & PTE_WRITE) ? 0 : PTE_WRITE);
    }
}

void paging_init(void)
{
    for (unsigned i = 0; i < STATIC_GIB; i++)
        boot_pdpt_direct[i] = image_phys(direct_pd[i]) | PTE_PRESENT | PTE_WRITE;
    image_protect();
    direct_pd[0][IMAGE_PHYS / LARGE_PAGE] = image_phys(boot_pt_direct) | PTE_PRESENT | PTE_WRITE;
    boot_pd_image[IMAGE_PHYS / LARGE_PAGE] = image_phys(boot_pt_image) | PTE_PRESENT | PTE_WRITE;
    boot_pml4[0] = 0;
    cr4_write(cr4_read() & ~CR4_PGE); /* flushes global entries too */
    cr4_write(cr4_read() | CR4_PGE);
}

void paging_low_map(bool on)
{
    boot_pd_image[0] = on ? PTE_PRESENT | PTE_WRITE | PTE_LARGE : 0;
    boot_pml4[0] = on ? image_phys(boot_pdpt_low) | PTE_PRESENT | PTE_WRITE : 0;
    cr3_write(cr3_read());
}

static bool has_huge_pages(void)
{
    return cpuid_count(0x80000001, 0).edx & BIT(26);
}

/* The page directory for `phys`, above the static ones; NULL: no memory. */
static uint64_t *direct_directory(uint64_t phys)
{
    uint64_t *entry = &boot_pdpt_direct[phys / HUGE_PAGE];

    if (phys < STATIC_GIB * HUGE_PAGE)
        return direct_pd[phys / HUGE_PAGE];
    if (*entry & PTE_LARGE)
        return NULL;
    if (!*entry) {
        void *table = page_alloc_zero();
        if (!table)
            return NULL;
        *entry = virt_to_phys(table) | PTE_PRESENT | PTE_WRITE;
    }
    return phys_to_virt(*entry & PTE_ADDRESS);
}

int paging_map_ram(uint64_t start, uint64_t end)
{
    end = MIN(end, ENTRIES * HUGE_PAGE);
    for (uint64_t at = ALIGN_DOWN(start, LARGE_PAGE); at < end; at += LARGE_PAGE) {
        if (at >= STATIC_GIB * HUGE_PAGE && IS_ALIGNED(at, HUGE_PAGE) && end - at >= HUGE_PAGE && has_huge_pages()) {
            boot_pdpt_direct[at / HUGE_PAGE] = at | RAM_BITS | PTE_LARGE;
            at += HUGE_PAGE - LARGE_PAGE;
            continue;
        }
        uint64_t *pd = direct_directory(at);
        if (!pd)
            return -ENOMEM;
        uint64_t *entry = &pd[at / LARGE_PAGE % ENTRIES];
        if (!*entry)
            *entry = at | RAM_BITS | PTE_LARGE;
    }
    return 0;
}

/* The entry for a page of the window, its tables made; NULL: no memory or no room. */
static uint64_t *window_entry(uint64_t va)
{
    uint64_t offset = va - WINDOW_BASE;

    assert_held(&window_lock);
    if (offset >= WINDOW_TABLES * LARGE_PAGE)
        return NULL;
    if (!window_pd) {
        window_pd = page_alloc_zero();
        if (!window_pd)
            return NULL;
        boot_pdpt_high[511] = virt_to_phys(window_pd) | PTE_PRESENT | PTE_WRITE;
    }
    uint64_t *slot = &window_pd[offset / LARGE_PAGE];
    if (!*slot) {
        void *table = page_alloc_zero();
        if (!table)
            return NULL;
        *slot = virt_to_phys(table) | PTE_PRESENT | PTE_WRITE;
    }
    return (uint64_t *)phys_to_virt(*slot & PTE_ADDRESS) + offset / PAGE_SIZE % ENTRIES;
}

/* Map `pages` pages at the window's next address; phys ~0: allocate each.  0 or the address. */
static uint64_t window_map(uint64_t phys, unsigned pages, uint64_t bits)
{
    uint64_t start = window_next;

    for (unsigned i = 0; i < pages; i++) {
        uint64_t *entry = window_entry(start + i * PAGE_SIZE);
        if (!entry)
            return 0;
        if (phys == ~0ULL) {
            void *page = page_alloc(0);
            if (!page)
                return 0;
            *entry = virt_to_phys(page) | bits;
        } else {
            *entry = (phys + i * PAGE_SIZE) | bits;
        }
        window_next = start + (i + 1) * PAGE_SIZE;
    }
    return start;
}

volatile void *mmio_map(uint64_t phys, size_t size)
{
    uint64_t offset = phys % PAGE_SIZE;
    unsigned pages = (unsigned)((offset + size + PAGE_SIZE - 1) / PAGE_SIZE);
    uint64_t flags = spin_lock_irqsave(&window_lock);
    uint64_t va = window_map(phys - offset, pages, PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_UNCACHED | PTE_WRITE_THROUGH);

    spin_unlock_irqrestore(&window_lock, flags);
    return va ? (volatile void *)(va + offset) : NULL;
}

void *stack_create(unsigned pages)
{
    uint64_t flags = spin_lock_irqsave(&window_lock);

    window_next += PAGE_SIZE; /* the guard */
    uint64_t va = window_map(~0ULL, pages, PTE_PRESENT | PTE_WRITE | PTE_NX | PTE_GLOBAL);
    spin_unlock_irqrestore(&window_lock, flags);
    return va ? (void *)(va + pages * PAGE_SIZE) : NULL;
}
