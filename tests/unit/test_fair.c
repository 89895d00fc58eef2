/*
 * The fair run queue on the host, with simulated tasks: shares follow weights, sleepers come back soon and without a
 * claim on the past, nobody starves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guest_kernel/core/deadline.h"
#include "guest_kernel/core/fair.h"

#define SLICE 4000000ULL

noreturn void panic(const char *fmt, ...)
{
    fprintf(stderr, "panic: %s\n", fmt);
    abort();
}

static struct task *take(struct fair_queue *q)
{
    struct task *t = fair_first(q);

    if (t)
        fair_remove(q, t);
    return t;
}

/* Let the first task run for ns; it stays ready. */
static struct task *run_one(struct fair_queue *q, uint64_t ns)
{
    struct task *t = take(q);

    fair_charge(q, t, ns);
    t->run_ns += ns;
    fair_put(q, t);
    return t;
}

static void shares_follow_weights(void **state)
{
    struct fair_queue q;
    struct task tasks[3] = {{.weight = fair_weight(0)}, {.weight = fair_weight(0)}, {.weight = fair_weight(5)}};
    uint64_t total = 0;

    fair_init(&q);
    for (unsigned i = 0; i < 3; i++)
        fair_put(&q, &tasks[i]);
    for (unsigned i = 0; i < 10000; i++, total += SLICE)
        run_one(&q, SLICE);
    uint64_t weights = tasks[0].weight * 2ULL + tasks[2].weight;

    for (unsigned i = 0; i < 3; i++) {
        uint64_t share = total * tasks[i].weight / weights;

        assert_true(tasks[i].run_ns > share - 10 * SLICE && tasks[i].run_ns < share + 10 * SLICE);
    }
}

static void weights_are_a_quarter_apart(void **state)
{
    assert_int_equal(fair_weight(0), FAIR_WEIGHT);
    for (int nice = -20; nice < 19; nice++) {
        assert_true(fair_weight(nice) > fair_weight(nice + 1));
        assert_true(fair_weight(nice) * 100 < fair_weight(nice + 1) * 140);
    }
    assert_true(fair_weight(19) > 0);
}

static void sleepers_have_little_credit(void **state)
{
    struct fair_queue q;
    struct task hog = {.weight = FAIR_WEIGHT}, sleeper = {.weight = FAIR_WEIGHT};

    fair_init(&q);
    fair_put(&q, &hog);
    for (unsigned i = 0; i < 1000; i++)
        run_one(&q, SLICE);
    fair_place(&q, &sleeper);
    fair_put(&q, &sleeper);
    assert_ptr_equal(fair_first(&q), &sleeper);
    unsigned turns = 0;

    while (fair_first(&q) == &sleeper) {
        run_one(&q, SLICE);
        turns++;
    }
    assert_int_equal(turns, 1); /* not a thousand */
}

static void yielding_goes_behind_all(void **state)
{
    struct fair_queue q;
    struct task a = {.weight = FAIR_WEIGHT}, b = {.weight = FAIR_WEIGHT, .virtual_ns = 50}, c = {.weight = FAIR_WEIGHT};

    fair_init(&q);
    fair_put(&q, &b);
    fair_put(&q, &c);
    fair_place_last(&q, &a);
    fair_put(&q, &a);
    assert_ptr_equal(take(&q), &c);
    assert_ptr_equal(take(&q), &b);
    assert_ptr_equal(take(&q), &a);
    assert_null(take(&q));
}

static void lag_survives_a_move(void **state)
{
    struct fair_queue from, to;
    struct task hog = {.weight = FAIR_WEIGHT}, behind = {.weight = FAIR_WEIGHT}, other = {.weight = FAIR_WEIGHT};

    fair_init(&from);
    fair_init(&to);
    fair_put(&from, &hog);
    fair_put(&to, &other);
    for (unsigned i = 0; i < 1000; i++)
        run_one(&from, SLICE);
    behind.virtual_ns = hog.virtual_ns + 5;
    fair_leave(&from, &behind);
    fair_enter(&to, &behind);
    fair_place(&to, &behind);
    fair_put(&to, &behind);
    assert_ptr_equal(take(&to), &other); /* 5 ns behind there too, not seconds */
    assert_int_equal(behind.virtual_ns - to.floor_ns, 5);
    /* The other way: a queue whose clock is far ahead. */
    fair_leave(&to, &other);
    fair_enter(&from, &other);
    fair_place(&from, &other);
    fair_put(&from, &other);
    assert_true(from.floor_ns - other.virtual_ns <= FAIR_CREDIT_NS || other.virtual_ns - from.floor_ns < SLICE);
}

static void ranks_come_first(void **state)
{
    struct deadline_state soon = {.due_ns = 5}, later = {.due_ns = 6};
    struct fair_queue q;
    struct task plain = {.weight = FAIR_WEIGHT}, low = {.rank = 1}, high = {.rank = 99}, peer = {.rank = 99},
                a = {.rank = RANK_DEADLINE, .deadline = &later}, b = {.rank = RANK_DEADLINE, .deadline = &soon};
    struct task *in[] = {&plain, &low, &high, &peer, &a, &b}, *order[] = {&b, &a, &high, &peer, &low};

    fair_init(&q);
    for (unsigned i = 0; i < ARRAY_SIZE(in); i++)
        fair_put(&q, in[i]);
    for (unsigned i = 0; i < ARRAY_SIZE(order); i++) {
        assert_ptr_equal(ranked_first(&q), order[i]);
        fair_remove(&q, order[i]);
    }
    assert_null(ranked_first(&q));
    assert_ptr_equal(take(&q), &plain);
}

/* Who is put back was only interrupted; who is put goes behind its equals. */
static void equals_take_turns(void **state)
{
    struct fair_queue q;
    struct task a = {.rank = 5}, b = {.rank = 5};

    fair_init(&q);
    fair_put(&q, &a);
    fair_put(&q, &b);
    fair_remove(&q, &a);
    fair_put_back(&q, &a);
    assert_ptr_equal(ranked_first(&q), &a);
    fair_remove(&q, &a);
    fair_put(&q, &a);
    assert_ptr_equal(ranked_first(&q), &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_follow_weights),
        cmocka_unit_test(weights_are_a_quarter_apart),
        cmocka_unit_test(sleepers_have_little_credit),
        cmocka_unit_test(yielding_goes_behind_all),
        cmocka_unit_test(lag_survives_a_move),
        cmocka_unit_test(ranks_come_first),
        cmocka_unit_test(equals_take_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
