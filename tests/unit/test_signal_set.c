/*
 * Default actions and the order of delivery.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest_kernel/signal_set.h"

static void defaults(void **state)
{
    assert_int_equal(signal_default_action(SIGTERM), SIGNAL_TERMINATE);
    assert_int_equal(signal_default_action(SIGSEGV), SIGNAL_CORE);
    assert_int_equal(signal_default_action(SIGTSTP), SIGNAL_STOP);
    assert_int_equal(signal_default_action(SIGCONT), SIGNAL_CONTINUE);
    assert_int_equal(signal_default_action(SIGCHLD), SIGNAL_IGNORE);
    assert_int_equal(signal_default_action(SIGNAL_COUNT), SIGNAL_TERMINATE);
}

static void order(void **state)
{
    assert_int_equal(signal_next(0), 0);
    assert_int_equal(signal_next(SIGNAL_BIT(64)), 64);
    assert_int_equal(signal_next(SIGNAL_BIT(SIGHUP) | SIGNAL_BIT(SIGTERM)), SIGHUP);
    assert_int_equal(signal_next(SIGNAL_BIT(SIGHUP) | SIGNAL_BIT(SIGSEGV)), SIGSEGV);
    assert_int_equal(signal_next(SIGNAL_BIT(SIGILL) | SIGNAL_BIT(SIGSEGV)), SIGILL);
}

static void numbers(void **state)
{
    assert_false(signal_is_valid(0));
    assert_true(signal_is_valid(1));
    assert_true(signal_is_valid(64));
    assert_false(signal_is_valid(65));
    assert_false(signal_is_valid(-1));
    assert_true(signal_is_realtime(32));
    assert_false(signal_is_realtime(31));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults), cmocka_unit_test(order), cmocka_unit_test(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
