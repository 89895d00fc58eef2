/*
 * The files of /proc that tell of memory as a whole: meminfo, vmstat, slabinfo, and the settings in sys/vm (man 5
 * proc). Rows whose facts are not kept are left out.
 */
#include "fs/tmpfs.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/layout.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/core/stacks.h"
#include "guest_kernel/procfs.h"

#define STACK_PAGES ((unsigned)(KERNEL_STACK_SIZE / PAGE_SIZE))

struct row {
    const char *name;
    uint64_t pages;
};

static uint64_t stack_pages(void)
{
    uint32_t used, all;

    stack_counts(&used, &all);
    return (uint64_t)used * STACK_PAGES;
}

static int show_meminfo(struct text *t)
{
    struct memory_stats m;

    memory_stats(&m);
    uint64_t shared = tmpfs_pages(true), cached = tmpfs_pages(false) + shared;
    const struct row rows[] = {
        {"MemTotal:", m.total_pages},
        {"MemFree:", m.free_pages},
        {"MemAvailable:", m.free_pages},
        {"Buffers:", 0},
        {"Cached:", cached},
        {"SwapCached:", 0},
        {"SwapTotal:", 0},
        {"SwapFree:", 0},
        {"Dirty:", 0},
        {"Shmem:", cached},
        {"Slab:", m.slab_pages},
        {"SReclaimable:", 0},
        {"SUnreclaim:", m.slab_pages},
        {"KernelStack:", stack_pages()},
        {"CommitLimit:", commit_limit()},
        {"Committed_AS:", commit_pages()},
    };

    for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
        text_printf(t, "%-15s %8llu kB\n", rows[n].name, (unsigned long long)rows[n].pages * (PAGE_SIZE / 1024));
    return 0;
}

static int show_vmstat(struct text *t)
{
    struct memory_stats m;

    memory_stats(&m);
    uint64_t shared = tmpfs_pages(true), cached = tmpfs_pages(false) + shared;
    const struct row rows[] = {
        {"nr_free_pages", m.free_pages},
        {"nr_file_pages", cached},
        {"nr_dirty", 0},
        {"nr_writeback", 0},
        {"nr_shmem", cached},
        {"nr_slab_reclaimable", 0},
        {"nr_slab_unreclaimable", m.slab_pages},
        {"nr_kernel_stack", stack_pages() * (PAGE_SIZE / 1024)},
        {"pgpgin", 0},
        {"pgpgout", 0},
        {"pswpin", 0},
        {"pswpout", 0},
    };

    for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
        text_printf(t, "%s %llu\n", rows[n].name, (unsigned long long)rows[n].pages);
    return 0;
}

static void slab_row(struct text *t, const struct slab_info *i)
{
    text_printf(t, "%-17s %6u %6u %6u %4u %4u : tunables    0    0    0 : slabdata %6u %6u      0\n", i->name,
                i->active, i->slabs * i->per_slab, i->object_size, i->per_slab, i->slab_pages, i->slabs, i->slabs);
}

/* slabinfo(5), of version 2.1; stacks of tasks are not from a slab but are shown like objects of one. */
static int show_slabinfo(struct text *t)
{
    struct slab_info i = {
        .name = "kernel_stack", .object_size = KERNEL_STACK_SIZE, .per_slab = 1, .slab_pages = STACK_PAGES};

    text_printf(
        t, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> "
           ": tunables <limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
    stack_counts(&i.active, &i.slabs);
    slab_row(t, &i);
    for (unsigned n = 0; slab_info(n, &i); n++)
        slab_row(t, &i);
    return 0;
}

int procfs_vm_register(void)
{
    static const struct {
        const char *name;
        unsigned mode;
        int (*show)(struct text *t);
    } files[] = {{"meminfo", 0444, show_meminfo}, {"vmstat", 0444, show_vmstat}, {"slabinfo", 0400, show_slabinfo}};
    static const struct {
        const char *name;
        int *value, min, max;
    } settings[] = {
        {"sys/vm/max_map_count", &memory_settings.max_map_count, 0, INT32_MAX},
        {"sys/vm/overcommit_memory", &memory_settings.overcommit, 0, 2},
        {"sys/vm/overcommit_ratio", &memory_settings.overcommit_ratio, 0, INT32_MAX},
    };
    int error = 0;

    for (size_t n = 0; n < ARRAY_SIZE(files) && !error; n++)
        error = procfs_register(files[n].name, files[n].mode, files[n].show);
    for (size_t n = 0; n < ARRAY_SIZE(settings) && !error; n++)
        error = procfs_register_number(settings[n].name, settings[n].value, settings[n].min, settings[n].max);
    return error;
}
