/*
 * The lock-order checker: it says nothing about good orders and panics at each kind of bad one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/spinlock.h"

uint32_t test_cpu;
uint64_t test_flags;

static jmp_buf on_panic;
static bool panic_expected;
static struct lock_held_list mutexes;

noreturn void panic(const char *fmt, ...)
{
    if (!panic_expected) {
        fprintf(stderr, "panic: %s\n", fmt);
        abort();
    }
    longjmp(on_panic, 1);
}

int log_level;

void log_line(enum log_level level, const char *fmt, ...)
{
}

struct lock_held_list *lock_check_mutexes(void)
{
    return &mutexes;
}

/* Runs the statement, which must panic; what it held is given back by the next CPU's fresh list. */
#define expect_panic(statement)                                                                                        \
    do {                                                                                                               \
        panic_expected = true;                                                                                         \
        if (!setjmp(on_panic)) {                                                                                       \
            statement;                                                                                                 \
            fail_msg("no panic: " #statement);                                                                         \
        }                                                                                                              \
        panic_expected = false;                                                                                        \
        test_cpu++;                                                                                                    \
        test_flags = 0;                                                                                                \
        mutexes.count = 0;                                                                                             \
    } while (0)

static struct spinlock make(uint64_t class)
{
    return (struct spinlock){.class = {class * 64}};
}

static void take_both(struct spinlock *first, struct spinlock *second)
{
    spin_lock(first);
    spin_lock(second);
    spin_unlock(second);
    spin_unlock(first);
}

static void one_order_is_good_the_other_is_not(void **state)
{
    struct spinlock a = make(1), b = make(2), other_a = make(1);

    take_both(&a, &b);
    take_both(&a, &b);
    take_both(&a, &other_a); /* of one class: not judged */
    expect_panic(take_both(&b, &other_a));
}

static void an_order_over_a_third_is_seen(void **state)
{
    struct spinlock a = make(11), b = make(12), c = make(13), d = make(14);

    take_both(&a, &b);
    take_both(&b, &c);
    take_both(&c, &d);
    take_both(&a, &d);
    expect_panic(take_both(&d, &a));
}

static void locks_of_interrupts_are_taken_with_interrupts_off(void **state)
{
    struct spinlock a = make(21), b = make(22);

    test_flags = RFLAGS_IF;
    uint64_t flags = spin_lock_irqsave(&a);
    spin_unlock_irqrestore(&a, flags);
    assert_int_equal(test_flags, RFLAGS_IF);
    test_flags = 0;
    lock_check_interrupt(true);
    spin_lock(&a);
    spin_unlock(&a);
    lock_check_interrupt(false);
    test_flags = RFLAGS_IF;
    expect_panic(spin_lock(&a));

    test_flags = RFLAGS_IF;
    spin_lock(&b);
    spin_unlock(&b);
    test_flags = 0;
    lock_check_interrupt(true);
    expect_panic(spin_lock(&b));
}

static void mutexes_come_before_spinlocks(void **state)
{
    struct lock_class m = {31 * 64}, n = {32 * 64};
    struct spinlock a = make(33);
    int first = 0, second = 0;

    lock_check_mutex(&mutexes, &first, &m, lock_site(), true);
    spin_lock(&a);
    spin_unlock(&a);
    lock_check_mutex(&mutexes, &second, &n, lock_site(), true);
    lock_check_mutex_release(&mutexes, &first);
    lock_check_mutex_release(&mutexes, &second);
    assert_int_equal(mutexes.count, 0);

    lock_check_mutex(&mutexes, &second, &n, lock_site(), true);
    lock_check_mutex(&mutexes, &first, &m, lock_site(), false); /* tried, not waited for */
    mutexes.count = 1;
    expect_panic(lock_check_mutex(&mutexes, &first, &m, lock_site(), true));
    spin_lock(&a);
    expect_panic(lock_check_mutex(&mutexes, &first, &m, lock_site(), true));
}

static void nobody_sleeps_under_a_spinlock(void **state)
{
    struct spinlock a = make(41);

    lock_check_none(NULL);
    spin_lock(&a);
    lock_check_none(&a);
    expect_panic(lock_check_none(NULL));
    expect_panic(spin_unlock(&a)); /* not held on this CPU */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_order_is_good_the_other_is_not),
        cmocka_unit_test(an_order_over_a_third_is_seen),
        cmocka_unit_test(locks_of_interrupts_are_taken_with_interrupts_off),
        cmocka_unit_test(mutexes_come_before_spinlocks),
        cmocka_unit_test(nobody_sleeps_under_a_spinlock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
