/*
 * The builder of extended page tables, over pages that the test counts.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "hv/ept.h"

#define ARENA_SIZE (64UL << 20)

static long pages_out, fail_after = -1, pages_most = 1L << 30;
static char *arena;
static size_t arena_used;

/* Never reused: who uses a page after giving it back is not served twice. */
void *page_alloc(unsigned order)
{
    size_t size = PAGE_SIZE << order;

    if (fail_after == 0 || pages_out + (1L << order) > pages_most)
        return NULL;
    fail_after -= fail_after > 0;
    arena_used = ALIGN_UP(arena_used, size);
    assert_true(arena_used + size <= ARENA_SIZE);
    arena_used += size;
    pages_out += 1L << order;
    return memset(arena + arena_used - size, 0xa5, size);
}

void *page_alloc_zero(void)
{
    void *p = page_alloc(0);

    return p ? memset(p, 0, PAGE_SIZE) : NULL;
}

void page_free(void *page, unsigned order)
{
    if (!page)
        return;
    pages_out -= 1L << order;
    memset(page, 0x5a, PAGE_SIZE << order);
}

static void touched_pages_are_zero_and_stay(void **state)
{
    struct ept e;
    static const uint64_t addresses[] = {0, 1, 4095, 4096, 0x1fffff, 0x200000, 0x3fffffff, 0x40000000, 0x7fffffffffULL};

    assert_int_equal(ept_create(&e, true), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        char *p = ept_touch(&e, addresses[i]);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % PAGE_SIZE, addresses[i] % PAGE_SIZE);
        assert_int_equal(*p, 0);
        assert_ptr_equal(ept_lookup(&e, addresses[i]), p);
        assert_ptr_equal(ept_touch(&e, addresses[i]), p);
    }
    assert_null(ept_lookup(&e, 0x5000));
    assert_null(ept_lookup(&e, 0x8000000000ULL));
    assert_int_equal(e.owned_pages, 7);
    assert_int_equal(pages_out, e.owned_pages + e.table_pages);
    ept_destroy(&e);
    assert_int_equal(pages_out, 0);
}

static void mapped_pages_belong_to_others(void **state)
{
    static char foreign[4096] aligned_to(4096);
    struct ept e;

    assert_int_equal(ept_create(&e, true), 0);
    assert_int_equal(ept_map(&e, 0x3000, (uintptr_t)foreign, EPT_READ, false), 0);
    assert_int_equal(ept_map(&e, 0x3000, (uintptr_t)foreign, EPT_ALL, false), -EEXIST);
    assert_ptr_equal(ept_lookup(&e, 0x3010), foreign + 0x10);
    assert_int_equal(e.owned_pages, 0);
    ept_destroy(&e);
    assert_int_equal(pages_out, 0);
}

static void runs_stop_where_something_is(void **state)
{
    static char foreign[4096] aligned_to(4096);
    struct ept e;

    assert_int_equal(ept_create(&e, true), 0);
    assert_int_equal(ept_map(&e, 0x5000, (uintptr_t)foreign, EPT_READ, false), 0);
    assert_int_equal(ept_touch_run(&e, 0x2000, 16), 3);
    assert_non_null(ept_lookup(&e, 0x4000));
    assert_int_equal(ept_touch_run(&e, 0x2000, 16), 1); /* backed already: tried again */
    assert_int_equal(ept_touch_run(&e, 0x5000, 16), 1);
    assert_int_equal(ept_touch_run(&e, 0x1fe000, 16), 2); /* the end of a table */
    assert_null(ept_lookup(&e, 0x200000));
    assert_int_equal(e.owned_pages, 5);
    fail_after = 2;
    assert_int_equal(ept_touch_run(&e, 0x8000, 16), 2);
    assert_int_equal(ept_touch_run(&e, 0xa000, 16), 0);
    fail_after = -1;
    ept_destroy(&e);
    assert_int_equal(pages_out, 0);
}

#define REGION 0x200000ULL

static void fill(struct ept *e, uint64_t from, unsigned pages)
{
    unsigned n;

    for (unsigned done = 0; done < pages; done += n) {
        n = ept_touch_run(e, from + done * PAGE_SIZE, MIN(16u, pages - done));
        assert_true(n > 0);
    }
}

static void count_pages(void *context, uint64_t gpa, uint64_t hpa, uint64_t permissions)
{
    ++*(unsigned *)context;
    assert_int_equal(permissions, EPT_ALL);
}

static void dense_regions_become_one_entry(void **state)
{
    unsigned seen = 0;
    struct ept e;

    assert_int_equal(ept_create(&e, true), 0);
    fill(&e, REGION, 511);
    char *first = ept_lookup(&e, REGION);
    first[5] = 'x';
    assert_int_equal(e.large_entries, 0);
    fill(&e, REGION + 511 * PAGE_SIZE, 1);
    assert_int_equal(e.large_entries, 1);
    assert_int_equal(e.owned_pages, 512);
    for (uint64_t at = 0; at < REGION; at += PAGE_SIZE) {
        char *p = ept_lookup(&e, REGION + at + 5);
        assert_ptr_equal(p, first + at + 5);
        assert_int_equal(*p, at ? 0 : 'x');
        assert_ptr_equal(ept_touch(&e, REGION + at + 5), p);
    }
    assert_int_equal(ept_touch_run(&e, REGION, 16), 1);
    assert_int_equal(ept_map(&e, REGION + 0x7000, 0, EPT_ALL, false), -EEXIST);
    ept_visit(&e, count_pages, &seen);
    assert_int_equal(seen, 512);
    assert_null(ept_lookup(&e, 2 * REGION));
    ept_destroy(&e);
    assert_int_equal(pages_out, 0);
}

static void unfinished_blocks_are_given_back(void **state)
{
    struct ept e;

    assert_int_equal(ept_create(&e, true), 0);
    for (uint64_t region = 1; region < 6; region++)
        fill(&e, region * REGION, 100);
    fill(&e, 4 * REGION + 100 * PAGE_SIZE, 412); /* one of those that are still open */
    assert_int_equal(e.large_entries, 1);
    fill(&e, REGION + 100 * PAGE_SIZE, 412); /* one that gave way: page by page */
    assert_int_equal(e.large_entries, 1);
    assert_int_equal(e.owned_pages, 4 * 100 + 512 + 412 - 100 + 100);
    ept_destroy(&e);
    assert_int_equal(pages_out, 0);

    assert_int_equal(ept_create(&e, false), 0);
    fill(&e, 0, 512);
    assert_int_equal(e.large_entries, 0);
    assert_non_null(ept_lookup(&e, REGION - 1));
    ept_destroy(&e);
    assert_int_equal(pages_out, 0);
}

/* What is held in advance does not make a sandbox run out of memory. */
static void blocks_give_way_to_pages(void **state)
{
    struct ept e;

    assert_int_equal(ept_create(&e, true), 0);
    fill(&e, REGION, 16);
    assert_non_null(ept_touch(&e, 0));
    pages_most = pages_out;
    for (uint64_t page = 1; page < 400; page++)
        assert_non_null(ept_touch(&e, page * PAGE_SIZE));
    assert_non_null(ept_lookup(&e, REGION + 15 * PAGE_SIZE));
    assert_null(ept_lookup(&e, REGION + 16 * PAGE_SIZE));
    for (uint64_t page = 400; page < 512; page++)
        if (!ept_touch(&e, page * PAGE_SIZE))
            break;
    assert_true(pages_out <= pages_most);
    pages_most = 1L << 30;
    ept_destroy(&e);
    assert_int_equal(pages_out, 0);
}

/* A page that is somebody else's lies in the way. */
static void foreign_pages_stay(void **state)
{
    static char foreign[4096] aligned_to(4096);
    struct ept e;

    assert_int_equal(ept_create(&e, true), 0);
    assert_int_equal(ept_map(&e, REGION + 0x9000, (uintptr_t)foreign, EPT_ALL, false), 0);
    fill(&e, REGION, 512);
    assert_int_equal(e.large_entries, 0);
    assert_ptr_equal(ept_lookup(&e, REGION + 0x9000), foreign);
    ept_destroy(&e);
    assert_int_equal(pages_out, 0);
}

static void the_pointer_says_what_the_cpu_needs(void **state)
{
    struct ept e;

    assert_int_equal(ept_create(&e, true), 0);
    assert_int_equal(ept_pointer(&e, false), (uintptr_t)e.root | 0x1e);
    assert_int_equal(ept_pointer(&e, true), (uintptr_t)e.root | 0x5e);
    ept_destroy(&e);
}

static void every_allocation_may_fail(void **state)
{
    for (long n = 0; n < 5; n++) {
        struct ept e = {0};
        fail_after = n;
        if (ept_create(&e, true) == 0) {
            assert_null(ept_touch(&e, 0x12345000));
            assert_null(ept_lookup(&e, 0x12345000));
        }
        ept_destroy(&e);
        assert_int_equal(pages_out, 0);
    }
    for (long n = 4; n < 7; n++) { /* the tables are made; then no block, or no page for a table that is replaced */
        struct ept e = {0};
        fail_after = n;
        assert_int_equal(ept_create(&e, true), 0);
        for (uint64_t page = 0; page < 512; page += 16)
            assert_int_equal(ept_touch_run(&e, page * PAGE_SIZE, 16), n > 4 ? 16 : 0);
        assert_int_equal(e.large_entries, n == 6);
        ept_destroy(&e);
        assert_int_equal(pages_out, 0);
    }
    fail_after = -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(touched_pages_are_zero_and_stay),     cmocka_unit_test(mapped_pages_belong_to_others),
        cmocka_unit_test(runs_stop_where_something_is),        cmocka_unit_test(dense_regions_become_one_entry),
        cmocka_unit_test(unfinished_blocks_are_given_back),    cmocka_unit_test(blocks_give_way_to_pages), cmocka_unit_test(foreign_pages_stay),
        cmocka_unit_test(the_pointer_says_what_the_cpu_needs), cmocka_unit_test(every_allocation_may_fail),
    };

    arena = aligned_alloc(ARENA_SIZE, ARENA_SIZE);
    assert_non_null(arena);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
