/*
 * The parser of the init spec: what it takes, what it refuses and how it names it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest_kernel/init_spec.h"
#include "lib/string.h"

#define SPEC(text) text, sizeof(text) /* the literal's own NUL ends the last field */

static void whole_spec(void **state)
{
    struct init_spec s;
    size_t at = 0;

    assert_int_equal(init_spec_parse(SPEC("arg=sh\0arg=-c\0arg=\0env=A=1\0env=B=\0exe=/bin/sh\0cwd=/tmp\0uid=5\0gid=6\0"
                                          "stdio=tty\0rows=24\0columns=80\0hostname=box"), &s), 0);
    assert_int_equal(s.arg_count, 3);
    assert_int_equal(s.env_count, 2);
    assert_string_equal(s.exe, "/bin/sh");
    assert_string_equal(s.cwd, "/tmp");
    assert_string_equal(s.hostname, "box");
    assert_int_equal(s.uid, 5);
    assert_int_equal(s.gid, 6);
    assert_int_equal(s.rows, 24);
    assert_int_equal(s.columns, 80);
    assert_true(s.terminal);
    assert_false(s.joined);
    assert_string_equal(init_spec_next(&s, "arg", &at), "sh");
    assert_string_equal(init_spec_next(&s, "arg", &at), "-c");
    assert_string_equal(init_spec_next(&s, "arg", &at), "");
    assert_null(init_spec_next(&s, "arg", &at));
    at = 0;
    assert_string_equal(init_spec_next(&s, "env", &at), "A=1");
    assert_string_equal(init_spec_next(&s, "env", &at), "B=");
    assert_null(init_spec_next(&s, "env", &at));
}

static void defaults(void **state)
{
    struct init_spec s;

    assert_int_equal(init_spec_parse(SPEC("arg=/bin/true"), &s), 0);
    assert_null(s.exe);
    assert_string_equal(s.cwd, "/");
    assert_false(s.terminal);
    assert_false(s.joined);
    assert_int_equal(s.uid, 0);
    assert_null(s.bad);
    assert_int_equal(init_spec_parse(SPEC("arg=x\0stdio=joined"), &s), 0);
    assert_true(s.joined);
    assert_false(s.terminal);
}

static void refused(const char *text, size_t size, const char *bad)
{
    struct init_spec s;

    assert_true(init_spec_parse(text, size, &s) < 0);
    if (bad)
        assert_string_equal(s.bad, bad);
    else
        assert_null(s.bad);
}

static void refusals(void **state)
{
    refused("", 0, "(no arg=)");
    refused(SPEC("cwd=/"), "(no arg=)");
    refused("arg=x", 5, NULL); /* no NUL at the end */
    refused(SPEC("arg=x\0color=red"), "color=red");
    refused(SPEC("arg=x\0arg"), "arg");
    refused(SPEC("arg=x\0"), ""); /* an empty field */
    refused(SPEC("arg=x\0uid=-1"), "uid=-1");
    refused(SPEC("arg=x\0uid=4294967295"), "uid=4294967295");
    refused(SPEC("arg=x\0uid="), "uid=");
    refused(SPEC("arg=x\0rows=70000"), "rows=70000");
    refused(SPEC("arg=x\0env=NAME"), "env=NAME");
    refused(SPEC("arg=x\0env==V"), "env==V");
    refused(SPEC("arg=x\0stdio=file"), "stdio=file");
    refused(SPEC("arg=x\0exe="), "exe=");
}

static void too_many(void **state)
{
    static char text[2 * (INIT_SPEC_STRINGS_MAX + 1) * 5];
    size_t n = 0;

    for (unsigned i = 0; i <= INIT_SPEC_STRINGS_MAX; i++) {
        memcpy(text + n, "arg=", 5);
        n += 5;
    }
    refused(text, n, "arg=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_spec),
        cmocka_unit_test(defaults),
        cmocka_unit_test(refusals),
        cmocka_unit_test(too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
