/*
 * /proc of a build with -Dfail_nth=true: fail-nth, where a task writes N to have its N-th allocation fail and reads
 * what is left of N (Linux has /proc/self/fail-nth, of each task), and fail-sites, the places where allocations have
 * failed.
 */
#include <asm/errno.h>

#include "guest_kernel/core/fail_nth.h"
#include "guest_kernel/procfs.h"
#include "lib/string.h"

static int show_left(struct text *t)
{
    text_printf(t, "%llu\n", (unsigned long long)fail_nth_left());
    return 0;
}

static int store_nth(char *value, size_t n)
{
    unsigned long long nth;

    if (n && value[n - 1] == '\n')
        value[n - 1] = '\0';
    if (string_to_u64(value, &nth))
        return -EINVAL;
    fail_nth_arm(nth);
    return 0;
}

static int show_sites(struct text *t)
{
    uint64_t chain[FAIL_SITE_DEPTH];

    for (unsigned n = 0; fail_nth_site(n, chain); n++) {
        for (unsigned i = 0; i < FAIL_SITE_DEPTH; i++)
            text_printf(t, "%s%llx", i ? " " : "", (unsigned long long)chain[i]);
        text_printf(t, "\n");
    }
    return 0;
}

int procfs_fail_nth_register(void)
{
    int error = procfs_register_writable("fail-nth", 0666, show_left, store_nth);

    return error ? error : procfs_register("fail-sites", 0444, show_sites);
}
