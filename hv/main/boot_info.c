/*
 * See hv/main/boot_info.h.
 */
#include "hv/main/boot_info.h"

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "hv/paging.h"
#include "lib/log.h"
#include "lib/pvh.h"
#include "lib/string.h"

#define E820_RAM 1
#define LOW_MEMORY MiB(1) /* left alone: firmware's tables, other CPUs' start */
#define COMMAND_LINE_MAX 4096u
#define RESERVED_MAX 8u
#define IMAGE_BASE 0xffffffff80000000ULL

struct reserved {
    uint64_t start, end;
};

struct reserved_list {
    unsigned count;
    struct reserved entry[RESERVED_MAX]; /* sorted by start */
};

extern const char image_start[], image_end[];

static void reserve(struct reserved_list *l, uint64_t start, uint64_t size)
{
    unsigned i = l->count;

    if (size == 0 || l->count == RESERVED_MAX)
        return;
    for (; i > 0 && l->entry[i - 1].start > start; i--)
        l->entry[i] = l->entry[i - 1];
    l->entry[i] = (struct reserved){start, start + size};
    l->count++;
}

/* RAM [start, end) without what is reserved. */
static void add_free(const struct reserved_list *l, uint64_t start, uint64_t end)
{
    start = MAX(start, LOW_MEMORY);
    for (unsigned i = 0; i < l->count && start < end; i++) {
        if (l->entry[i].end <= start || l->entry[i].start >= end)
            continue;
        if (l->entry[i].start > start)
            page_add_range(start, l->entry[i].start);
        start = MAX(start, l->entry[i].end);
    }
    if (start < end)
        page_add_range(start, end);
}

/* Map and look at something the loader left, whose memory may not be in the map yet. */
static const void *loader_data(uint64_t phys, uint64_t size)
{
    return paging_map_ram(phys, phys + size) ? NULL : phys_to_virt(phys);
}

static int read_module(const struct pvh_start_info *info, struct reserved_list *l, struct boot_info *out)
{
    if (info->nr_modules == 0)
        return 0;
    const struct pvh_module *m = loader_data(info->modlist_paddr, sizeof *m);
    if (!m)
        return -ENOMEM;
    out->bundle = m->paddr;
    out->bundle_size = m->size;
    reserve(l, info->modlist_paddr, sizeof *m);
    reserve(l, m->paddr, m->size);
    return loader_data(m->paddr, m->size) ? 0 : -ENOMEM;
}

static int read_command_line(const struct pvh_start_info *info, struct reserved_list *l, struct boot_info *out)
{
    out->command_line = "";
    if (!info->cmdline_paddr)
        return 0;
    const char *text = loader_data(info->cmdline_paddr, COMMAND_LINE_MAX);
    if (!text)
        return -ENOMEM;
    size_t length = strnlen(text, COMMAND_LINE_MAX);
    if (length == COMMAND_LINE_MAX)
        return -EINVAL;
    reserve(l, info->cmdline_paddr, length + 1);
    out->command_line = text;
    return 0;
}

/* Memory below 4 GiB first: mapping what lies above may need pages. */
static int add_memory(const struct pvh_memmap_entry *map, unsigned count, const struct reserved_list *l, bool high)
{
    for (unsigned i = 0; i < count; i++) {
        uint64_t start = map[i].addr, end = map[i].addr + map[i].size;
        if (map[i].type != E820_RAM || (start >= GiB(4)) != high)
            continue;
        if (paging_map_ram(start, end))
            return -ENOMEM;
        add_free(l, start, end);
    }
    return 0;
}

int boot_info_read(uint64_t start_info, struct boot_info *out)
{
    struct reserved_list l = {0};
    const struct pvh_start_info *info = loader_data(start_info, sizeof *info);

    *out = (struct boot_info){.command_line = ""};
    if (!info || info->magic != PVH_MAGIC || info->version < 1)
        return -EINVAL;
    out->rsdp = info->rsdp_paddr;
    reserve(&l, (uintptr_t)image_start - IMAGE_BASE, (uintptr_t)image_end - (uintptr_t)image_start);
    reserve(&l, start_info, sizeof *info);
    reserve(&l, info->memmap_paddr, info->memmap_entries * sizeof(struct pvh_memmap_entry));
    int error = read_command_line(info, &l, out);
    if (!error)
        error = read_module(info, &l, out);
    if (error)
        return error;
    const struct pvh_memmap_entry *map = loader_data(info->memmap_paddr, info->memmap_entries * sizeof *map);
    if (!map)
        return -ENOMEM;
    error = add_memory(map, info->memmap_entries, &l, false);
    return error ? error : add_memory(map, info->memmap_entries, &l, true);
}
