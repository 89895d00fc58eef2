/*
 * What a kernel has in use: objects by /proc/slabinfo, pages outside of slabs by /proc/meminfo.  For tests that look
 * for leaks in a sandbox (on Linux both change by themselves).
 */
#ifndef TESTS_ABI_KERNEL_COUNTS_H
#define TESTS_ABI_KERNEL_COUNTS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL_COUNTS_MAX 64

struct kernel_counts {
    unsigned rows;
    struct kernel_count_row {
        char name[32];
        long used;
    } row[KERNEL_COUNTS_MAX];
};

/* Pages that neither are free, nor belong to slabs, nor to stacks that wait for a task. */
static inline long kernel_count_pages(long idle_pages)
{
    char line[256];
    long total = 0, free_kb = 0, slab = 0;
    FILE *f = fopen("/proc/meminfo", "r");

    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "MemTotal: %ld", &total);
        sscanf(line, "MemFree: %ld", &free_kb);
        sscanf(line, "Slab: %ld", &slab);
    }
    if (f)
        fclose(f);
    return (total - free_kb - slab) / 4 - idle_pages;
}

static inline void kernel_count(struct kernel_counts *out)
{
    char line[256];
    long idle_pages = 0;
    FILE *f = fopen("/proc/slabinfo", "r");

    out->rows = 0;
    if (!f) {
        perror("kernel_count: /proc/slabinfo");
        exit(1);
    }
    while (fgets(line, sizeof line, f) && out->rows < KERNEL_COUNTS_MAX - 1) {
        struct kernel_count_row *r = &out->row[out->rows];
        long all, size, per_slab, pages;

        if (sscanf(line, "%31s %ld %ld %ld %ld %ld", r->name, &r->used, &all, &size, &per_slab, &pages) != 6)
            continue;
        if (strcmp(r->name, "kernel_stack") == 0)
            idle_pages = (all - r->used) * pages;
        out->rows++;
    }
    fclose(f);
    strcpy(out->row[out->rows].name, "pages");
    out->row[out->rows++].used = kernel_count_pages(idle_pages);
}

/* Is anything more than it was?  What, is printed if `out` is not NULL.  A row that is new counts from 0. */
static inline bool kernel_counts_grew(const struct kernel_counts *before, const struct kernel_counts *after, FILE *out)
{
    bool grew = false;

    for (unsigned n = 0; n < after->rows; n++) {
        long was = 0;

        for (unsigned m = 0; m < before->rows; m++)
            if (strcmp(before->row[m].name, after->row[n].name) == 0)
                was = before->row[m].used;
        if (after->row[n].used <= was)
            continue;
        grew = true;
        if (out)
            fprintf(out, " %ld of %s", after->row[n].used - was, after->row[n].name);
    }
    return grew;
}

#endif
