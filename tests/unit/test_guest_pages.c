/*
 * The guest kernel's page and object allocators on the host.  "Physical" memory is a buffer; the array of struct page
 * is filled with garbage first, since the allocator must never look at an entry that was not carved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest_kernel/core/pages.h"
#include "lib/log.h"

#define BLOCK (PAGE_SIZE << PAGE_ORDER_MAX)
#define RAM_SIZE (8 * BLOCK)
#define RAM_PAGES (RAM_SIZE / PAGE_SIZE)

static char *ram; /* aligned as the direct map is */
static struct page *map;

noreturn void panic(const char *fmt, ...)
{
    fprintf(stderr, "panic: %s\n", fmt);
    abort();
}

void *phys_to_virt(uint64_t phys)
{
    assert_true(phys < RAM_SIZE);
    return ram + phys;
}

uint64_t virt_to_phys(const void *direct_map_address)
{
    return (uint64_t)((const char *)direct_map_address - ram);
}

/* Two ranges that are not aligned to anything but pages, with a hole. */
#define FIRST_START (3 * PAGE_SIZE)
#define FIRST_END (RAM_SIZE / 2 - 5 * PAGE_SIZE)
#define SECOND_START (RAM_SIZE / 2 + 7 * PAGE_SIZE)
#define SECOND_END (RAM_SIZE - PAGE_SIZE)

static int set_up(void **state)
{
    ram = aligned_alloc(BLOCK, RAM_SIZE);
    map = malloc(RAM_PAGES * sizeof *map);
    memset(map, 0xa5, RAM_PAGES * sizeof *map);
    pages_init(map, false);
    pages_add_range(FIRST_START, FIRST_END);
    pages_add_range(SECOND_START, SECOND_END);
    return 0;
}

static int tear_down(void **state)
{
    free(map);
    free(ram);
    return 0;
}

static struct memory_stats stats(void)
{
    struct memory_stats s;

    memory_stats(&s);
    return s;
}

static bool in_ranges(uint64_t phys, uint64_t size)
{
    return (phys >= FIRST_START && phys + size <= FIRST_END) || (phys >= SECOND_START && phys + size <= SECOND_END);
}

static void every_page_is_given_once(void **state)
{
    uint64_t total = stats().total_pages, n = 0;
    struct page *p, **all = calloc(total, sizeof *all);
    uint8_t *seen = calloc(RAM_PAGES, 1);

    assert_int_equal(total, (FIRST_END - FIRST_START + SECOND_END - SECOND_START) / PAGE_SIZE);
    while ((p = page_alloc(0))) {
        uint64_t phys = page_phys(p);

        assert_true(in_ranges(phys, PAGE_SIZE));
        assert_false(seen[phys / PAGE_SIZE]++);
        assert_int_equal(p->refs, 1);
        all[n++] = p;
    }
    assert_int_equal(n, total);
    assert_int_equal(stats().free_pages, 0);
    for (uint64_t i = 0; i < n; i++)
        page_put(all[(i * 7919) % n]); /* the count has no factor 7919 */
    assert_int_equal(stats().free_pages, total);
    /* All has merged: the largest blocks can be had again. */
    unsigned large = 0;

    while ((p = page_alloc(PAGE_ORDER_MAX)))
        large++;
    assert_int_equal(large, 4); /* two whole aligned ones in each range */
    free(all);
    free(seen);
}

static void boot_touches_little(void **state)
{
    struct page *p = page_alloc(0), *q = page_alloc(0);

    assert_int_equal(page_phys(p), FIRST_START);
    assert_int_equal(page_phys(q), FIRST_START + PAGE_SIZE); /* in order: a host backs runs */
    assert_true(stats().touched_pages <= 16);
    for (uint64_t i = FIRST_START / PAGE_SIZE + 16; i < RAM_PAGES; i++)
        assert_int_equal(map[i].refs, 0xa5a5a5a5);
    page_put(p);
    page_put(q);
}

/* The last pages are not for programs; a large block is split into single pages, which come back together. */
static void programs_leave_a_reserve(void **state)
{
    struct page *first = NULL, *p;
    uint64_t taken = 0;

    while ((p = page_alloc_user(0))) {
        p->owner = first;
        first = p;
        taken++;
    }
    uint64_t left = stats().free_pages;

    assert_true(memory_is_low());
    assert_true(left >= 64 && left < 256);
    p = page_alloc(0);
    assert_non_null(p);
    page_put(p);
    while ((p = first)) {
        first = p->owner;
        page_put(p);
    }
    assert_int_equal(stats().free_pages, left + taken);
    p = page_alloc_user(9);
    assert_non_null(p);
    page_split(p);
    for (int i = 0; i < 512; i++)
        page_put(p + i);
    assert_int_equal(stats().free_pages, left + taken);
    p = page_alloc_user(9);
    assert_non_null(p);
    page_put(p);
}

/* What is said to be zero comes first where zeros are wanted. */
static void zeroed_pages_are_kept(void **state)
{
    struct page *p = page_alloc_user_zero();

    page_free_zeroed(p);
    assert_ptr_equal(page_alloc_user_zero(), p);
    page_put(p);
}

static void random_orders_never_overlap(void **state)
{
    enum { LIVE = 300, ROUNDS = 200000 };
    struct page *live[LIVE] = {NULL};
    uint8_t *owner = calloc(RAM_PAGES, 1);
    uint64_t free_before = stats().free_pages;

    srandom(1);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct page **slot = &live[random() % LIVE];
        unsigned order = random() % 100 < 70 ? 0 : random() % 7;

        if (*slot) {
            memset(owner + page_phys(*slot) / PAGE_SIZE, 0, 1u << (*slot)->order);
            page_put(*slot);
            *slot = NULL;
        } else if ((*slot = page_alloc(order))) {
            uint64_t first = page_phys(*slot) / PAGE_SIZE;

            assert_true(in_ranges(page_phys(*slot), PAGE_SIZE << order));
            assert_int_equal(first % (1u << order), 0);
            for (unsigned k = 0; k < 1u << order; k++)
                assert_false(owner[first + k]++);
        }
    }
    for (unsigned i = 0; i < LIVE; i++)
        if (live[i])
            page_put(live[i]);
    assert_int_equal(stats().free_pages, free_before);
    free(owner);
}

static void adopted_pages_join_the_allocator(void **state)
{
    struct page *p = page_adopt(FIRST_END); /* in the hole */
    uint64_t free_before = stats().free_pages;

    assert_int_equal(p->refs, 1);
    page_get(p);
    page_put(p);
    assert_int_equal(stats().free_pages, free_before);
    page_put(p);
    assert_int_equal(stats().free_pages, free_before + 1);
    struct page *again = page_alloc(0);

    assert_ptr_equal(again, p);
    page_put(again);
}

static void objects_keep_their_bytes(void **state)
{
    enum { LIVE = 500, ROUNDS = 100000 };
    struct {
        unsigned char *p;
        size_t size;
        unsigned char mark;
    } live[LIVE] = {{NULL, 0, 0}};

    srandom(2);
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned n = random() % LIVE;

        if (live[n].p) {
            for (size_t k = 0; k < live[n].size; k++)
                assert_int_equal(live[n].p[k], live[n].mark);
            mem_free(live[n].p);
            live[n].p = NULL;
            continue;
        }
        live[n].size = random() % 100 < 95 ? random() % 2100 + 1 : random() % 20000 + 1;
        live[n].mark = (unsigned char)random();
        live[n].p = mem_alloc(live[n].size);
        assert_non_null(live[n].p);
        assert_int_equal((uintptr_t)live[n].p % 16, 0);
        memset(live[n].p, live[n].mark, live[n].size);
    }
    for (unsigned n = 0; n < LIVE; n++)
        mem_free(live[n].p);
    assert_true(stats().slab_pages <= 8); /* one empty slab per class stays */
    assert_int_equal(stats().free_pages + stats().slab_pages, stats().total_pages);
}

static void caches_waste_little(void **state)
{
    static const size_t sizes[] = {1, 24, 64, 100, 200, 344, 576, 700, 1100, 2688, 3000, 5000};

    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct slab_cache *c = slab_cache_create("test", sizes[i]);
        void *objects[100];
        uint64_t pages = stats().slab_pages;

        assert_non_null(c);
        for (unsigned k = 0; k < ARRAY_SIZE(objects); k++) {
            objects[k] = slab_alloc_zero(c);
            assert_non_null(objects[k]);
        }
        uint64_t used = (stats().slab_pages - pages) * PAGE_SIZE;

        assert_true(used <= ALIGN_UP(sizes[i], 16u) * ARRAY_SIZE(objects) * 8 / 7 + 8 * PAGE_SIZE);
        for (unsigned k = 0; k < ARRAY_SIZE(objects); k++)
            slab_free(c, objects[k]);
    }
}

static void the_nth_allocation_fails(void **state)
{
    alloc_fail_at(3);
    void *a = mem_alloc(100), *b = mem_alloc(5000), *c = mem_alloc(100), *d = mem_alloc(100);

    assert_non_null(a);
    assert_non_null(b);
    assert_null(c);
    assert_non_null(d);
    mem_free(a);
    mem_free(b);
    mem_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_page_is_given_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(boot_touches_little, set_up, tear_down),
        cmocka_unit_test_setup_teardown(programs_leave_a_reserve, set_up, tear_down),
        cmocka_unit_test_setup_teardown(zeroed_pages_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_orders_never_overlap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(adopted_pages_join_the_allocator, set_up, tear_down),
    };
    /* Caches live for ever, so these share one memory. */
    const struct CMUnitTest object_tests[] = {
        cmocka_unit_test(objects_keep_their_bytes),
        cmocka_unit_test(caches_waste_little),
        cmocka_unit_test(the_nth_allocation_fails),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    return failed + cmocka_run_group_tests(object_tests, set_up, tear_down);
}
