/*
 * Arithmetic of execve: `#!` lines and the initial stack's order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/errno.h>

#include "guest_kernel/exec_layout.h"
#include "lib/string.h"

static void expect_line(const char *head, size_t n, const char *interpreter, const char *argument)
{
    struct script_line line;

    assert_int_equal(script_line_parse(head, n, &line), 0);
    assert_string_equal(line.interpreter, interpreter);
    assert_string_equal(line.argument, argument);
}

#define LINE(text) text, sizeof(text) - 1

static void script_lines(void **state)
{
    expect_line(LINE("#!/bin/sh\n"), "/bin/sh", "");
    expect_line(LINE("#! \t/bin/sh \t\n"), "/bin/sh", "");
    expect_line(LINE("#!/bin/sh -x  and more \t\nrest"), "/bin/sh", "-x  and more");
    expect_line(LINE("#!/bin/sh"), "/bin/sh", "");
    expect_line(LINE("#!sh\0garbage"), "sh", "");
}

static void bad_lines(void **state)
{
    static const char *const bad[] = {"", "#", "#!", "#!\n", "#!   \n", "#/bin/sh\n", "!#/bin/sh\n"};
    struct script_line line;

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(script_line_parse(bad[i], strlen(bad[i]), &line), -ENOEXEC);
}

static void long_lines(void **state)
{
    char head[SCRIPT_LINE_MAX + 50];
    struct script_line line;

    memset(head, 'x', sizeof(head));
    memcpy(head, "#!", 2);
    assert_int_equal(script_line_parse(head, sizeof(head), &line), -ENOEXEC); /* the name is cut off */
    head[10] = ' ';
    assert_int_equal(script_line_parse(head, sizeof(head), &line), 0); /* the argument may be */
    assert_int_equal(strlen(line.interpreter), 8);
    assert_int_equal(strlen(line.argument), SCRIPT_LINE_MAX - 11);
}

static void stack(void **state)
{
    for (uint64_t strings = 0; strings < 40; strings++) {
        for (uint64_t argc = 0; argc < 5; argc++) {
            struct stack_layout l = {.top = 0x7ffffffff000, .strings_size = strings, .argc = argc, .envc = 3,
                                     .aux_count = 20, .platform_size = 7};
            stack_layout_compute(&l);
            assert_int_equal(l.pointers % 16, 0);
            assert_int_equal(l.pointers_size, 8 * (1 + argc + 1 + 3 + 1 + 40));
            assert_true(l.pointers + l.pointers_size <= l.random);
            assert_true(l.random + 16 <= l.platform);
            assert_true(l.platform + l.platform_size <= l.strings);
            assert_int_equal(l.strings + strings + 8, l.top);
        }
    }
}

static void string_limits(void **state)
{
    assert_int_equal(exec_strings_limit(MiB(8)), MiB(2));
    assert_int_equal(exec_strings_limit(MiB(4)), MiB(1));
    assert_int_equal(exec_strings_limit(0), KiB(128));
    assert_int_equal(exec_strings_limit(MiB(100)), MiB(6));
    assert_int_equal(exec_strings_limit(UINT64_MAX), MiB(6));
}

static void fixed_places(void **state)
{
    assert_int_equal(layout_stack_top(NULL), 0x7ffffffff000);
    assert_int_equal(layout_mmap_top(MiB(8), NULL), 0x7ffff7fff000);
    assert_int_equal(layout_mmap_top(GiB(1), NULL), 0x7ffffffff000 - GiB(1) - MiB(1));
    assert_int_equal(layout_mmap_top(UINT64_MAX, NULL) / GiB(1), 0x7ffffffff000 / 6 / GiB(1));
    assert_int_equal(layout_program_base(4096, NULL), 0x555555554000);
    assert_int_equal(layout_program_base(MiB(2), NULL), 0x555555400000);
    assert_int_equal(layout_brk(0x601000, NULL), 0x601000);
    assert_int_equal(layout_vdso(0x7fffffffe000, 0x2000, NULL), 0);
}

static void random_places(void **state)
{
    static const struct layout_random all = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0, {0}};
    static const struct layout_random zero;
    uint64_t stack = 0x7ffffffff000 - (0x3fffffULL << 12) - 0x1000;

    assert_int_equal(layout_stack_top(&zero), 0x7ffffffff000);
    assert_int_equal(layout_stack_top(&all), stack);
    assert_int_equal(layout_stack_skew(&zero), 0);
    assert_int_equal(layout_stack_skew(&all), 8176);
    /* However they fall, the stack has its 8 MiB and the gap below it. */
    assert_true(layout_mmap_top(MiB(8), &zero) < stack - MiB(8));
    assert_int_equal(layout_mmap_top(MiB(8), &zero) - layout_mmap_top(MiB(8), &all), 0xfffffffULL << 12);
    assert_int_equal(layout_program_base(4096, &all) - layout_program_base(4096, NULL), 0xfffffffULL << 12);
    assert_true(layout_program_base(4096, &all) < layout_mmap_top(MiB(8), &all));
    assert_true(layout_brk(0x601000, &all) - 0x601000 < MiB(32));
    assert_int_equal(layout_vdso(0x7ffd00001234, 0x3000, &zero), 0x7ffd00002000);
    assert_true(layout_vdso(0x7ffd00001234, 0x3000, &all) + 0x3000 <= 0x7ffd00200000);
    assert_int_equal(layout_vdso(0x7ffd001ff000, 0x3000, &all), 0x7ffd001ff000);
    for (unsigned i = 0; i < 64; i++) {
        struct layout_random r = {.mmap = BIT(i), .program = BIT(i), .stack = BIT(i), .brk = BIT(i), .vdso = BIT(i)};
        assert_int_equal((layout_stack_top(&r) | layout_mmap_top(MiB(8), &r) | layout_program_base(4096, &r) |
                          layout_brk(0x601000, &r) | layout_vdso(0x7ffd00001234, 0x3000, &r)) % 4096, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(script_lines), cmocka_unit_test(bad_lines),     cmocka_unit_test(long_lines),
        cmocka_unit_test(stack),        cmocka_unit_test(string_limits),
        cmocka_unit_test(fixed_places), cmocka_unit_test(random_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
