/*
 * The tree of areas against a model that is one flag per page.
 */
#include <linux/mman.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guest_kernel/core/area_tree.h"
#include "lib/log.h"

#define PAGES 2000
#define BASE 0x10000ULL

noreturn void panic(const char *fmt, ...)
{
    fprintf(stderr, "panic: %s\n", fmt);
    abort();
}

static uint64_t address(unsigned page)
{
    return BASE + page * PAGE_SIZE;
}

static struct area *owner[PAGES]; /* the model */
static struct area_tree tree = RB_INITIALIZER(&tree);

static bool model_is_free(unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        if (owner[i])
            return false;
    return true;
}

static void model_set(const struct area *a, struct area *value)
{
    for (uint64_t va = a->start; va < a->end; va += PAGE_SIZE)
        owner[(va - BASE) / PAGE_SIZE] = value;
}

/* Bytes that an area keeps free below it. */
static uint64_t guard_of(const struct area *a)
{
    return a->flags & MAP_GROWSDOWN ? STACK_GUARD_GAP : 0;
}

/* Is it free, and is what lies next above it far enough away? */
static bool model_fits(unsigned first, unsigned count)
{
    unsigned next = first + count;

    if (!model_is_free(first, count))
        return false;
    while (next < PAGES && !owner[next])
        next++;
    return next == PAGES || address(next) - address(first + count) >= guard_of(owner[next]);
}

/* The highest place that the model knows within [low, high); PAGES: none. */
static unsigned model_gap(unsigned count, unsigned low, unsigned high)
{
    for (unsigned at = high; at >= low + count; at--)
        if (model_fits(at - count, count))
            return at - count;
    return PAGES;
}

static void check_gap(void)
{
    unsigned low = (unsigned)random() % PAGES, high = low + (unsigned)random() % (PAGES - low + 1);
    unsigned count = (unsigned)random() % 60 + 1;
    unsigned expected = model_gap(count, low, high);
    uint64_t found = area_find_gap(&tree, count * PAGE_SIZE, address(low), address(high));

    assert_int_equal(found, expected == PAGES ? 0 : address(expected));
}

/* Each node tells of its subtree what is so: the largest gap in it. */
static uint64_t check_subtree(struct area *a)
{
    if (!a)
        return 0;
    const struct area *previous = area_previous(a);
    uint64_t end = previous ? previous->end : 0, guard = guard_of(a), reach = a->start > guard ? a->start - guard : 0;
    uint64_t below = MAX(check_subtree(RB_LEFT(a, node)), check_subtree(RB_RIGHT(a, node)));

    assert_int_equal(a->previous_end, end);
    assert_int_equal(a->tree_gap, MAX(below, reach > end ? reach - end : 0));
    return a->tree_gap;
}

/* Some other end or start, up to the neighbours. */
static void resize_by_chance(struct area *a)
{
    const struct area *above = area_next(a), *below = area_previous(a);
    uint64_t top = above ? above->start : address(PAGES), bottom = below ? below->end : BASE;
    uint64_t start = a->start, end = a->end;

    if (random() % 2)
        end = start + PAGE_SIZE + (uint64_t)random() % ((top - start) / PAGE_SIZE) * PAGE_SIZE;
    else
        start = bottom + (uint64_t)random() % ((end - bottom) / PAGE_SIZE) * PAGE_SIZE;
    end = MIN(end, start + 60 * PAGE_SIZE);
    model_set(a, NULL);
    area_resize(a, start, end);
    model_set(a, a);
}

static void tree_matches_the_model(void **state)
{
    srandom(3);
    for (unsigned round = 0; round < 20000; round++) {
        unsigned first = (unsigned)random() % PAGES, count = (unsigned)random() % 40 + 1;
        uint64_t va = address(first) + (unsigned)random() % PAGE_SIZE;

        assert_ptr_equal(area_at(&tree, va), owner[first]);
        if (owner[first] && random() % 2) {
            resize_by_chance(owner[first]);
        } else if (owner[first]) {
            struct area *a = owner[first];

            model_set(a, NULL);
            area_remove(&tree, a);
            free(a);
        } else if (first + count <= PAGES) {
            bool is_free = model_is_free(first, count);

            assert_int_equal(area_overlaps(&tree, address(first), address(first + count)), !is_free);
            if (is_free) {
                struct area *a = calloc(1, sizeof *a);

                a->start = address(first);
                a->end = address(first + count);
                a->flags = random() % 16 ? 0 : MAP_GROWSDOWN;
                area_insert(&tree, a);
                model_set(a, a);
            }
        }
        check_gap();
        (void)check_subtree(RB_ROOT(&tree));
    }
    struct area *a;

    while ((a = area_from(&tree, 0))) {
        area_remove(&tree, a);
        free(a);
    }
}

static void stacks_keep_their_gap(void **state)
{
    struct area_tree t = RB_INITIALIZER(&t);
    struct area stack = {.start = GiB(1), .end = GiB(1) + PAGE_SIZE, .flags = MAP_GROWSDOWN};

    area_insert(&t, &stack);
    assert_false(area_overlaps(&t, GiB(1) - PAGE_SIZE, GiB(1)));
    assert_true(area_overlaps_with_gaps(&t, GiB(1) - PAGE_SIZE, GiB(1)));
    assert_true(area_overlaps_with_gaps(&t, GiB(1) - STACK_GUARD_GAP, GiB(1) - STACK_GUARD_GAP + PAGE_SIZE));
    assert_false(area_overlaps_with_gaps(&t, GiB(1) - STACK_GUARD_GAP - PAGE_SIZE, GiB(1) - STACK_GUARD_GAP));
    assert_int_equal(area_find_gap(&t, PAGE_SIZE, BASE, GiB(1)), GiB(1) - STACK_GUARD_GAP - PAGE_SIZE);
}

/* Gaps of more than a tebibyte are all the same to the tree, but not to who looks for one. */
static void great_holes_are_told_apart(void **state)
{
    const uint64_t TiB = GiB(1024);
    struct area_tree t = RB_INITIALIZER(&t);
    struct area areas[] = {{.start = 5 * TiB}, {.start = 15 * TiB}, {.start = 18 * TiB}, {.start = 20 * TiB}};

    for (size_t n = 0; n < ARRAY_SIZE(areas); n++) {
        areas[n].end = areas[n].start + PAGE_SIZE;
        area_insert(&t, &areas[n]);
    }
    assert_int_equal(area_find_gap(&t, PAGE_SIZE, BASE, 20 * TiB), 20 * TiB - PAGE_SIZE);
    assert_int_equal(area_find_gap(&t, 2 * TiB, BASE, 21 * TiB), 16 * TiB);
    assert_int_equal(area_find_gap(&t, 3 * TiB, BASE, 21 * TiB), 12 * TiB);
    assert_int_equal(area_find_gap(&t, 9 * TiB, BASE, 21 * TiB), 6 * TiB);
    assert_int_equal(area_find_gap(&t, 9 * TiB, BASE, 14 * TiB), 0);
    assert_int_equal(area_find_gap(&t, 4 * TiB, BASE, 8 * TiB), TiB);
    assert_int_equal(area_find_gap(&t, 10 * TiB, BASE, 21 * TiB), 0);
}

static void neighbours_join_when_alike(void **state)
{
    struct space_file file = {NULL};
    struct area a = {.start = BASE, .end = BASE + PAGE_SIZE, .prot = 3, .flags = MAP_PRIVATE};
    struct area b = {.start = BASE + PAGE_SIZE, .end = BASE + 2 * PAGE_SIZE, .prot = 3, .flags = MAP_PRIVATE};

    assert_true(area_can_join(&a, &b));
    b.prot = 1;
    assert_false(area_can_join(&a, &b));
    b.prot = 3;
    a.file = b.file = &file;
    assert_false(area_can_join(&a, &b)); /* both at offset 0 */
    b.file_offset = PAGE_SIZE;
    assert_true(area_can_join(&a, &b));
    b.start += PAGE_SIZE;
    assert_false(area_can_join(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_matches_the_model),
        cmocka_unit_test(stacks_keep_their_gap),
        cmocka_unit_test(great_holes_are_told_apart),
        cmocka_unit_test(neighbours_join_when_alike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
