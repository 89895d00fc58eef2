/*
 * The hypervisor's page and object allocators on a piece of host memory: alignment, accounts, exhaustion, injected failures.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "hv/alloc.h"

#define MEMORY MiB(8)
#define PAGES (MEMORY / PAGE_SIZE)

static int give_memory(void **state)
{
    char *memory = aligned_alloc(MiB(2), MEMORY + MiB(2));

    assert_non_null(memory);
    page_add_range((uintptr_t)memory + 1, (uintptr_t)memory + MEMORY + 1); /* rounded inwards: one page is lost */
    *state = memory;
    return 0;
}

static int take_memory(void **state)
{
    free(*state);
    return 0;
}

static uint64_t free_pages(void)
{
    struct memory_stats s;

    memory_stats(&s);
    return s.free_pages;
}

static void pages_are_aligned_and_distinct(void **state)
{
    void *taken[PAGE_ORDER_MAX + 1];
    uint64_t before = free_pages();

    assert_int_equal(before, PAGES - 1);
    for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++) {
        taken[order] = page_alloc(order);
        assert_non_null(taken[order]);
        assert_int_equal((uintptr_t)taken[order] % (PAGE_SIZE << order), 0);
        memset(taken[order], (int)order, PAGE_SIZE << order);
    }
    for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++)
        for (size_t i = 0; i < PAGE_SIZE << order; i++)
            assert_int_equal(((char *)taken[order])[i], order);
    for (unsigned order = 0; order <= PAGE_ORDER_MAX; order++)
        page_free(taken[order], order);
    assert_int_equal(free_pages(), before);
    assert_null(page_alloc(PAGE_ORDER_MAX + 1));
    page_free(NULL, 0);
}

static void memory_ends_and_comes_back(void **state)
{
    static void *taken[PAGES];
    uint64_t before = free_pages();
    size_t n = 0;

    while ((taken[n] = page_alloc(0)))
        n++;
    assert_int_equal(n, before);
    assert_int_equal(free_pages(), 0);
    assert_null(page_alloc(3));
    assert_null(mem_alloc(5000));
    while (n > 0)
        page_free(taken[--n], 0);
    assert_int_equal(free_pages(), before);
}

static void zeroed_pages_are_zero(void **state)
{
    unsigned char *p = page_alloc(0);

    memset(p, 0xff, PAGE_SIZE);
    page_free(p, 0);
    p = page_alloc_zero();
    for (size_t i = 0; i < PAGE_SIZE; i++)
        assert_int_equal(p[i], 0);
    page_free(p, 0);
}

static void objects_of_every_size(void **state)
{
    struct memory_stats before, after;

    memory_stats(&before);
    for (size_t size = 1; size < 20000; size = size * 5 / 4 + 1) {
        unsigned char *p = mem_alloc_zero(size), *q = mem_alloc(size);
        assert_non_null(p);
        assert_non_null(q);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(q, 0xff, size);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        mem_free(q);
        mem_free(p);
    }
    mem_free(NULL);
    assert_null(mem_alloc(MiB(2)));
    memory_stats(&after);
    assert_int_equal(after.objects, before.objects);
    assert_int_equal(after.free_pages + after.slab_pages, before.free_pages + before.slab_pages);
}

static void the_chosen_allocation_fails(void **state)
{
    for (unsigned n = 1; n < 5; n++) {
        alloc_fail_at(n);
        for (unsigned i = 1; i < 5; i++) {
            void *p = page_alloc(0);
            assert_int_equal(p == NULL, i == n);
            page_free(p, 0);
        }
    }
    alloc_fail_at(0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_aligned_and_distinct), cmocka_unit_test(zeroed_pages_are_zero),
        cmocka_unit_test(objects_of_every_size),          cmocka_unit_test(the_chosen_allocation_fails),
        cmocka_unit_test(memory_ends_and_comes_back),
    };

    return cmocka_run_group_tests(tests, give_memory, take_memory);
}
