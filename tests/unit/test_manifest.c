/*
 * Manifests: what is accepted and what it means, what is refused and where, and streams with names in front.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/manifest.h"
#include "tools/session.h"

/* The parser's results live as long as the launcher. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

static const struct run_options defaults = {.memory = MiB(192), .cpus = 1, .workdir = "/"};

static const char *parse(struct manifest *m, const char *text)
{
    char *copy = strndup(text, strlen(text));
    const char *wrong = manifest_parse(m, copy, strlen(copy), "m.ini", &defaults);

    free(copy); /* nothing may point into it */
    return wrong;
}

static void words_are_split_as_in_a_shell(void **state)
{
    static const char *const want[] = {"a", "b c", "d'e", "f\"g", "", "h i", "\\n", "jk", NULL};
    char **words = manifest_words(" a 'b c' \"d'e\" 'f\"g' ''\t\"h\" \"\"  ");
    size_t i;

    assert_string_equal(words[5], "h");
    assert_string_equal(words[6], "");
    assert_null(words[7]);
    words = manifest_words("a 'b c' \"d'e\" f\\\"g '' h\\ i \"\\n\" j'k'");
    for (i = 0; want[i]; i++)
        assert_string_equal(words[i], want[i]);
    assert_null(words[i]);
    assert_null(manifest_words("a 'b"));
    assert_null(manifest_words("\"a\\\""));
    assert_null(manifest_words("   ")[0]);
}

static void sections_hold_what_they_say(void **state)
{
    struct manifest m;

    assert_null(parse(&m, "# two\n\n[one]\n  argv = /bin/busybox sh -c 'echo hi' \r\nmemory=64M\nadd = /a\nadd = /b\n"
                          "env = A = b\nweight = 7\ncap=150\ndeny = getppid\ndeny=mkdir=EACCES\ntrace = stream\ncpus = 4\n"
                          "[two-2.x_]\nkind = kernel\nkernel = vmlinux\ninitrd = i\ncmdline = a=b  # c\ntrap = off"));
    assert_int_equal(m.count, 2);
    struct manifest_section *s = &m.sections[0];
    assert_string_equal(s->name, "one");
    assert_int_equal(s->line, 3);
    assert_string_equal(s->options.program[3], "echo hi");
    assert_null(s->options.program[4]);
    assert_null(s->options.executable);
    assert_int_equal(s->options.memory, MiB(64));
    assert_string_equal(s->options.added.items[1], "/b");
    assert_string_equal(s->options.environment.items[0], "A = b");
    assert_string_equal(s->options.denied.items[1], "83:13");
    assert_int_equal(s->weight, 7);
    assert_int_equal(s->cap, 150);
    assert_int_equal(s->options.cpus, 4);
    assert_string_equal(trace_mode(&s->options), "stream");
    s++;
    assert_string_equal(s->name, "two-2.x_");
    assert_true(s->is_kernel);
    assert_string_equal(s->cmdline, "a=b  # c");
    assert_int_equal(s->options.memory, MiB(192));
    assert_int_equal(s->weight, 100);
    assert_string_equal(trace_mode(&s->options), "off");
    assert_int_equal(s->options.denied.count, 0);
}

static void mistakes_are_told_with_their_line(void **state)
{
    static const char *const pairs[][2] = {
        {"", "m.ini:1: no sandbox is described"},
        {"[a]\nprogram=/x\n\nmemory = lots\n", "m.ini:4: memory = lots: not a size"},
        {"[a]\nprogram=/x\nmemory = 5 \n[b]\n", "m.ini:3: memory = 5: too little memory"},
        {"memory = 5M", "m.ini:1: a setting before"},
        {"[a\nprogram=/x", "m.ini:1: [a: a section is [name]"},
        {"[a] x\nprogram=/x", "m.ini:1: [a] x: a section is [name]"},
        {"[a/b]\n", "m.ini:1: a/b: a name is"},
        {"[]\n", "m.ini:1: a name is"},
        {"[12345678901234567890123456789012]\n", "a name is"},
        {"[a]\nprogram=/x\n[a]\n", "m.ini:3: a: there is a section"},
        {"[a]\nprogram=/x\nprogram=/y\n", "m.ini:3: program: set in line 2 already"},
        {"[a]\nprogam=/x\n", "m.ini:2: progam: there is no such key"},
        {"[a]\njust words\n", "m.ini:2: just words: neither"},
        {"[a]\nmemory=64M\n[b]\n", "m.ini:1: a: its program is not named"},
        {"[a]\nkind=kernel\n", "m.ini:1: a: its kernel is not named"},
        {"[a]\nkind=kernel\nkernel=k\nroot=/\n", "m.ini:4: root: not for kind kernel"},
        {"[a]\ninitrd=k\nprogram=/x\n", "m.ini:2: initrd: only for kind kernel"},
        {"[a]\nkind=vm\n", "m.ini:2: kind = vm: not one of"},
        {"[a]\nargv=\n", "m.ini:2: argv = : at least one word"},
        {"[a]\nargv='x\n", "m.ini:2: argv = 'x: a quote"},
        {"[a]\nprogram=/x\ncpus=33\n", "m.ini:3: cpus = 33: not a number from 1 to 32"},
        {"[a]\nprogram=/x\ncpus=-1\n", "m.ini:3: cpus = -1: not a number"},
        {"[a]\nprogram=/x\nweight=0\n", "m.ini:3: weight = 0: not a number from 1 to 10000"},
        {"[a]\nprogram=/x\ndeny=nonsense\n", "m.ini:3: deny = nonsense: there is no system call"},
        {"[a]\nprogram=/x\ntrap=off\ntrace=stream\n", "m.ini:1: a: without trapping"},
        {"[a]\nprogram=/x\nworkdir=x\n", "m.ini:3: workdir = x: not an absolute path"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        struct manifest m;
        const char *wrong = parse(&m, pairs[i][0]);
        if (!wrong || !strstr(wrong, pairs[i][1]))
            fail_msg("'%s' gave '%s', not '%s'", pairs[i][0], wrong ? wrong : "(nothing)", pairs[i][1]);
    }
    struct manifest m;
    assert_non_null(manifest_parse(&m, "[a]\0\n", 5, "m.ini", &defaults));
}

static void there_are_at_most_64(void **state)
{
    struct bytes text = {0};
    struct manifest m;

    for (int i = 0; i < 64; i++)
        bytes_append_text(&text, "[s%d]\nprogram=/x\n", i);
    assert_null(manifest_parse(&m, (char *)text.data, text.size, "m.ini", &defaults));
    assert_int_equal(m.count, 64);
    bytes_append_text(&text, "[more]\nprogram=/x\n");
    assert_string_equal(manifest_parse(&m, (char *)text.data, text.size, "m.ini", &defaults),
                        "m.ini:129: more: more than 64 sandboxes");
}

static void lines_get_their_name(void **state)
{
    struct output o = {.fd = -1};
    struct named_stream s = {.name = "n", .output = &o}, bare = {.output = &o};
    static char big[70000];

    named_stream_put(&s, "ab", 2);
    assert_int_equal(o.queue.size, 0);
    named_stream_put(&s, "c\n\nd", 4);
    named_stream_put(&bare, "<>", 2);
    named_stream_finish(&s);
    named_stream_finish(&s);
    assert_int_equal(o.queue.size, strlen("n: abc\nn: \n<>n: d\n"));
    assert_memory_equal(o.queue.data, "n: abc\nn: \n<>n: d\n", o.queue.size);
    o.queue.size = 0;
    memset(big, 'x', sizeof big);
    named_stream_put(&s, big, sizeof big);
    assert_int_equal(o.queue.size, 3 + 65536 + 1);
    named_stream_finish(&s);
    assert_int_equal(o.queue.size, sizeof big + 2 * 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_split_as_in_a_shell), cmocka_unit_test(sections_hold_what_they_say),
        cmocka_unit_test(mistakes_are_told_with_their_line), cmocka_unit_test(there_are_at_most_64),
        cmocka_unit_test(lines_get_their_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
