/*
 * See memory_map.h.  RAM below 1 MiB is left alone: firmware keeps things there.  One page of it is named to smp.c. 
 * The array of struct page is reserved at the end of the first range that has room; only entries of carved pages are
 * ever touched.
 */
#include "guest_kernel/core/memory_map.h"

#include "abi/capture.h"
#include "guest_kernel/core/layout.h"
#include "guest_kernel/core/pages.h"
#include "guest_kernel/core/paging.h"
#include "guest_kernel/core/smp.h"
#include "lib/log.h"
#include "lib/pvh.h"
#include "lib/x86.h"

#define E820_RAM 1
#define MEMORY_MIN MiB(4)
#define LOW_RAM_START PAGE_SIZE /* the first page is the real mode's */
#define LOW_RAM_END 0x9f000ULL /* EBDA and video memory lie from here on */

struct range {
    uint64_t start, end;
};

extern char image_end[];

static struct range ram[PAGE_RANGES_MAX]; /* ascending */
static unsigned ram_count;
static uint64_t ram_size, ram_top;

/* Insert in order; false: no room. */
static bool range_insert(uint64_t start, uint64_t end)
{
    unsigned i = ram_count;

    if (start >= end)
        return true;
    if (ram_count == PAGE_RANGES_MAX)
        return false;
    for (; i > 0 && ram[i - 1].start > start; i--)
        ram[i] = ram[i - 1];
    ram[i] = (struct range){start, end};
    ram_count++;
    return true;
}

void memory_map_read(const struct pvh_memmap_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t start = ALIGN_UP(entries[i].addr, PAGE_SIZE);
        uint64_t end = ALIGN_DOWN(MIN(entries[i].addr + entries[i].size, DIRECT_SIZE), PAGE_SIZE);

        if (entries[i].type != E820_RAM)
            continue;
        ram_size += entries[i].size;
        if (start < LOW_RAM_END && MIN(end, LOW_RAM_END) >= LOW_RAM_START + PAGE_SIZE && start < MIN(end, LOW_RAM_END))
            smp_set_low_page(MIN(end, LOW_RAM_END) - PAGE_SIZE);
        start = MAX(start, (uint64_t)IMAGE_PHYS);
        if (!range_insert(start, end))
            log_warn("boot: memory map too long, 0x%lx..0x%lx is left out", start, end);
        if (start < end)
            ram_top = MAX(ram_top, end);
    }
}

/* Take [start, end) out of the ranges.  A part that no longer fits the table is lost, not shared. */
static void range_reserve(uint64_t start, uint64_t end)
{
    start = ALIGN_DOWN(start, PAGE_SIZE);
    end = ALIGN_UP(end, PAGE_SIZE);
    for (unsigned i = 0; i < ram_count; i++) {
        struct range r = ram[i];

        if (end <= r.start || start >= r.end)
            continue;
        ram[i].start = r.start;
        ram[i].end = MAX(MIN(start, r.end), r.start);
        if (end < r.end && !range_insert(MAX(end, r.start), r.end))
            log_warn("boot: memory map too long, 0x%lx..0x%lx is left out", end, r.end);
    }
}

/* Where the array of struct page goes: the end of the first range below 4 GiB with room. */
static uint64_t page_array_place(void)
{
    uint64_t size = ALIGN_UP((ram_top >> PAGE_SHIFT) * sizeof(struct page), PAGE_SIZE);

    for (unsigned i = 0; i < ram_count; i++) {
        uint64_t end = MIN(ram[i].end, GiB(4));

        if (end > ram[i].start && end - ram[i].start > size + MEMORY_MIN / 4) {
            range_reserve(end - size, end);
            return end - size;
        }
    }
    panic("boot: too little memory (%lu KiB)", ram_size >> 10);
}

static void ranges_give(uint64_t from, uint64_t to)
{
    for (unsigned i = 0; i < ram_count; i++) {
        uint64_t start = MAX(ram[i].start, from);
        uint64_t end = MIN(ram[i].end, to);

        if (start >= end)
            continue;
        if (!paging_map_direct(start, end)) {
            log_warn("boot: no memory for page tables, 0x%lx..0x%lx is left out", start, end);
            continue;
        }
        pages_add_range(start, end);
    }
}

/* Does the machine promise that what was never touched is zero?  Only our own hypervisor says so. */
static bool fresh_is_zero(void)
{
    if (!(cpuid_count(1, 0).ecx & BIT(31)))
        return false;
    struct cpuid_regs r = cpuid_count(CAPTURE_CPUID_LEAF, 0);

    if (r.ebx != CAPTURE_SIGNATURE_EBX || r.ecx != CAPTURE_SIGNATURE_ECX || r.edx != CAPTURE_SIGNATURE_EDX)
        return false;
    return cpuid_count(FEATURES_CPUID_LEAF, 0).eax & FEATURE_FRESH_ZERO;
}

uint64_t memory_map_start(uint64_t initrd_phys, uint64_t initrd_size)
{
    range_reserve(IMAGE_PHYS, (uintptr_t)image_end - KERNEL_BASE);
    if (initrd_size) {
        range_reserve(initrd_phys, initrd_phys + initrd_size);
        if (!paging_map_direct(initrd_phys, initrd_phys + initrd_size))
            panic("boot: the initrd at 0x%lx is out of reach", initrd_phys);
    }
    uint64_t array = page_array_place();

    if (!paging_map_direct(array, array + (ram_top >> PAGE_SHIFT) * sizeof(struct page)))
        panic("boot: cannot map the page array");
    pages_init(phys_to_virt(array), fresh_is_zero());
    pages_add_reserved(ALIGN_UP(initrd_size, PAGE_SIZE) >> PAGE_SHIFT);
    ranges_give(0, GiB(4));
    ranges_give(GiB(4), UINT64_MAX); /* tables for these come from what was given before */
    return ram_size;
}

uint64_t memory_touched_pages(void)
{
    struct memory_stats s;

    memory_stats(&s);
    return s.touched_pages;
}
