/*
 * Patterns of the gate's rules, and configurations that say too much or too little.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "abi/trace_control.h"

static bool fits(const char *pattern, const char *text)
{
    return trace_pattern_fits(pattern, text, strlen(text));
}

static void patterns_are_those_of_a_shell(void **state)
{
    assert_true(fits("", ""));
    assert_true(fits("*", ""));
    assert_true(fits("/etc/*", "/etc/passwd"));
    assert_true(fits("/etc/*", "/etc/"));
    assert_false(fits("/etc/*", "/etc"));
    assert_true(fits("/e?c?x", "/etc/x"));
    assert_true(fits("*/secret/*", "/a/secret/secret/b"));
    assert_true(fits("*ab", "aab"));
    assert_false(fits("*ab", "aba"));
    assert_false(fits("a", "ab"));
    assert_false(fits("ab", "a"));
    assert_true(fits("a**b", "ab"));
}

static void addresses_are_texts(void **state)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(0x7f000001)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(443), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/a"};
    struct sockaddr_un abstract = {.sun_family = AF_UNIX, .sun_path = "\0name"};

    assert_true(trace_pattern_fits_address("inet:127.0.0.1:80", &in, sizeof in));
    assert_true(trace_pattern_fits_address("inet:127.*", &in, sizeof in));
    assert_false(trace_pattern_fits_address("inet:*:81", &in, sizeof in));
    assert_false(trace_pattern_fits_address("inet:*", &in, 7));
    assert_true(trace_pattern_fits_address("inet6:0:0:0:0:0:0:0:1:443", &in6, sizeof in6));
    assert_false(trace_pattern_fits_address("inet:*", &in6, sizeof in6));
    assert_true(trace_pattern_fits_address("unix:/run/*", &un, sizeof un));
    assert_true(trace_pattern_fits_address("unix:@name", &abstract, 3 + 4));
    assert_false(trace_pattern_fits_address("/run/*", &un, sizeof un));
    assert_false(trace_pattern_fits_address("*", &un, sizeof un));
    assert_false(trace_pattern_fits_address("unix:*", NULL, 0));
    assert_true(trace_pattern_fits_text("/run/*", "/run/x\0rest", 11));
    assert_false(trace_pattern_fits_text("unix:*", "unix:x", 7));
}

struct small {
    struct trace_config config;
    struct trace_rule rule;
    char data[16];
};

static struct small sound(void)
{
    return (struct small){
        .config = {TRACE_CONFIG_MAGIC, TRACE_CONFIG_VERSION, 1, sizeof(struct small), 0},
        .rule = {.part = {sizeof(struct small) - sizeof(struct trace_config), TRACE_PART_RULE, 0},
                 .action = TRACE_ACT_RESULT,
                 .argument = TRACE_ANY_ARGUMENT,
                 .pattern_size = 10,
                 .result = -13,
                 .program = {.magic = TRACE_PROGRAM_MAGIC, .version = TRACE_PROGRAM_VERSION, .size = sizeof(struct trace_program)}},
        .data = "/etc/pass"};
}

static bool valid(const struct small *s)
{
    return trace_config_valid(s, sizeof *s);
}

static void what_makes_no_sense_is_refused(void **state)
{
    struct small s = sound();

    assert_true(valid(&s));
    assert_ptr_equal(trace_config_next(&s.config, NULL), &s.rule);
    assert_null(trace_config_next(&s.config, &s.rule.part));
    assert_string_equal(trace_rule_pattern(&s.rule), "/etc/pass");
    s.rule.action = TRACE_ACT_INJECT; /* too late for what is consumed */
    assert_false(valid(&s));
    s = sound();
    s.rule.result = 5; /* likewise: the call has begun */
    assert_false(valid(&s));
    for (unsigned action = TRACE_ACT_KILL; action < TRACE_ACT_COUNT; action++) {
        s = sound();
        s.rule.action = (uint8_t)action;
        assert_true(valid(&s));
    }
    s = sound();
    s.rule.signal = 9;
    assert_false(valid(&s));
    s = sound();
    s.data[9] = 'x'; /* no end */
    assert_false(valid(&s));
    s = sound();
    s.rule.pattern_size = 17;
    assert_false(valid(&s));
    s = sound();
    s.rule.program.size -= 8;
    assert_false(valid(&s));
    s = sound();
    s.config.parts = 2;
    assert_false(valid(&s));
    s = sound();
    s.rule.action = TRACE_ACT_COUNT;
    assert_false(valid(&s));
    s = sound();
    assert_false(trace_config_valid(&s, sizeof s - 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_are_those_of_a_shell),
        cmocka_unit_test(addresses_are_texts),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
