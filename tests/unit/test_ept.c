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

static long pages_out, fail_after = -1;

void *page_alloc(unsigned order)
{
    if (fail_after == 0)
        return NULL;
    fail_after -= fail_after > 0;
    pages_out++;
    return aligned_alloc(PAGE_SIZE << order, PAGE_SIZE << order);
}

void *page_alloc_zero(void)
{
    void *p = page_alloc(0);

    return p ? memset(p, 0, PAGE_SIZE) : NULL;
}

void page_free(void *page, unsigned order)
{
    pages_out -= page != NULL;
    free(page);
}

static void touched_pages_are_zero_and_stay(void **state)
{
    struct ept e;
    static const uint64_t addresses[] = {0, 1, 4095, 4096, 0x1fffff, 0x200000, 0x3fffffff, 0x40000000, 0x7fffffffffULL};

    assert_int_equal(ept_create(&e), 0);
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

    assert_int_equal(ept_create(&e), 0);
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

    assert_int_equal(ept_create(&e), 0);
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

static void the_pointer_says_what_the_cpu_needs(void **state)
{
    struct ept e;

    assert_int_equal(ept_create(&e), 0);
    assert_int_equal(ept_pointer(&e, false), (uintptr_t)e.root | 0x1e);
    assert_int_equal(ept_pointer(&e, true), (uintptr_t)e.root | 0x5e);
    ept_destroy(&e);
}

static void every_allocation_may_fail(void **state)
{
    for (long n = 0; n < 5; n++) {
        struct ept e = {0};
        fail_after = n;
        if (ept_create(&e) == 0) {
            assert_null(ept_touch(&e, 0x12345000));
            assert_null(ept_lookup(&e, 0x12345000));
        }
        ept_destroy(&e);
        assert_int_equal(pages_out, 0);
    }
    fail_after = -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(touched_pages_are_zero_and_stay),
        cmocka_unit_test(mapped_pages_belong_to_others),
        cmocka_unit_test(runs_stop_where_something_is),
        cmocka_unit_test(the_pointer_says_what_the_cpu_needs),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
