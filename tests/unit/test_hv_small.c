/*
 * Regions: sorted, disjoint, found by any address inside; and the words of the hypervisor's command line.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include <asm-generic/errno.h>

#include "hv/main/options.h"
#include "hv/region.h"
#include "lib/log.h"

static struct region region(uint64_t first, uint64_t size)
{
    return (struct region){.first = first, .size = size};
}

static int add(struct region_table *t, uint64_t first, uint64_t size)
{
    struct region r = region(first, size);

    return region_add(t, &r);
}

static void regions_are_found(void **state)
{
    struct region_table t = {0};

    assert_int_equal(add(&t, 100, 10), 0);
    assert_int_equal(add(&t, 300, 1), 0);
    assert_int_equal(add(&t, 200, 50), 0);
    assert_int_equal(add(&t, 0, 100), 0);
    assert_int_equal(add(&t, UINT64_MAX - 4095, 4096), 0);
    assert_int_equal(region_find(&t, 109, 1)->first, 100);
    assert_int_equal(region_find(&t, 0, 8)->first, 0);
    assert_int_equal(region_find(&t, 249, 1)->first, 200);
    assert_int_equal(region_find(&t, UINT64_MAX, 1)->first, UINT64_MAX - 4095);
    assert_null(region_find(&t, 109, 2));
    assert_null(region_find(&t, 110, 1));
    assert_null(region_find(&t, 250, 4));
    assert_null(region_find(&t, 301, 1));
    region_remove(&t, 200);
    region_remove(&t, 201);
    assert_null(region_find(&t, 210, 1));
    assert_int_equal(t.count, 4);
}

static void bad_regions_are_refused(void **state)
{
    struct region_table t = {0};

    assert_int_equal(add(&t, 5, 0), -EINVAL);
    assert_int_equal(add(&t, UINT64_MAX, 2), -EINVAL);
    assert_int_equal(add(&t, 100, 10), 0);
    assert_int_equal(add(&t, 109, 1), -EEXIST);
    assert_int_equal(add(&t, 90, 11), -EEXIST);
    assert_int_equal(add(&t, 0, 1000), -EEXIST);
    for (unsigned i = 1; i < REGIONS_MAX; i++)
        assert_int_equal(add(&t, 1000 + i, 1), 0);
    assert_int_equal(add(&t, 5000, 1), -ENOSPC);
}

static void options_are_read(void **state)
{
    static struct options o;

    assert_int_equal(options_parse("", &o), 0);
    assert_true(o.sandbox.exits.trap && o.sandbox.exits.trace == TRACE_RING && !*o.sandbox.command_line);
    assert_int_equal(options_parse("memory=1048576 trap=0  trace=stream last=1 stats=1 toggle=7 failalloc=9 tty=1 "
                                   "loglevel=3 deny=39:1,57:end,511:4095 -- quiet a=b -- c",
                                   &o), 0);
    assert_true(o.sandbox.memory == 1048576 && !o.sandbox.exits.trap && o.sandbox.exits.trace == TRACE_STREAM && o.sandbox.last && o.sandbox.exits.stats);
    assert_true(o.sandbox.exits.toggle == 7 && o.fail_allocation == 9 && o.tty && o.log_level == LOG_DEBUG);
    assert_true(o.sandbox.exits.policy[39] == 1 && o.sandbox.exits.policy[57] == POLICY_END && o.sandbox.exits.policy[511] == 4095);
    assert_string_equal(o.sandbox.command_line, "quiet a=b -- c");
}

static void bad_options_are_refused(void **state)
{
    static const char *const bad[] = {"nonsense",     "memory=",      "memory=x",   "trap=2",      "trace=loud", "deny=39",
                                      "deny=512:1",   "deny=39:0",    "deny=39:4096", "deny=39:ending", "deny=:1",
                                      "loglevel=9", "toggle=4294967296", "=", "deny=1:2:3"};
    static struct options o;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (options_parse(bad[i], &o) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions_are_found),
        cmocka_unit_test(bad_regions_are_refused),
        cmocka_unit_test(options_are_read),
        cmocka_unit_test(bad_options_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
