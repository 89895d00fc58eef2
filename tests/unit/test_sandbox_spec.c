/*
 * Specs of sandboxes (abi/sandbox_spec.h): what is read, and that anything else is refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <asm-generic/errno.h>

#include "hv/main/spec.h"

static struct sandbox_spec spec;
static char *text; /* of its exact size: the sanitizer guards its end */

static int parse(const char *bytes, size_t n)
{
    free(text);
    text = malloc(n ? n : 1);
    memcpy(text, bytes, n);
    return spec_parse(text, n, &spec);
}

#define PARSE(literal) parse(literal, sizeof(literal))

static void fields_are_read(void **state)
{
    assert_int_equal(PARSE("name=web-1\0kind=kernel\0kernel=bz\0initrd=rd\0cmdline=quiet a=b -- c\0memory=0x2000000\0"
                           "cpus=4\0weight=250\0cap=150\0trap=0\0trace=stream\0last=1\0deny=39:1,57:end\0toggle=9"), 0);
    assert_string_equal(spec.name, "web-1");
    assert_string_equal(spec.kernel, "bz");
    assert_string_equal(spec.initrd, "rd");
    assert_string_equal(spec.command_line, "quiet a=b -- c");
    assert_true(spec.memory == 0x2000000 && spec.cpus == 4 && spec.weight == 250 && spec.cap == 150);
    assert_true(!spec.exits.trap && spec.exits.trace == TRACE_STREAM && spec.last && spec.exits.toggle == 9);
    assert_true(spec.exits.policy[39] == 1 && spec.exits.policy[57] == POLICY_END);
}

static void there_are_defaults(void **state)
{
    assert_int_equal(PARSE("name=a"), 0);
    assert_true(spec.exits.trap && spec.cpus == 1 && spec.weight == 100 && !spec.cap && !spec.initrd && spec.memory);
    assert_string_equal(spec.kernel, "guest_kernel.elf");
}

static void anything_else_is_refused(void **state)
{
    static const char *const bad[] = {"name=", "name=a b", "name=0123456789012345678901234567890x", "kind=windows", "kernel=",
                                      "initrd=", "cpus=0", "cpus=1000", "weight=0", "weight=10001", "cap=x", "memory", "",
                                      "nothing=1", "=", "trap=2", "deny=1", "tty=1", "selftest=1", "repeat=2"};

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (parse(bad[i], strlen(bad[i]) + 1) != -EINVAL)
            fail_msg("'%s' was taken", bad[i]);
    assert_int_equal(parse("", 0), -EINVAL);
    assert_int_equal(parse("name=a", 6), -EINVAL); /* no NUL */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read),
        cmocka_unit_test(there_are_defaults),
        cmocka_unit_test(anything_else_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    free(text);
    return failed;
}
