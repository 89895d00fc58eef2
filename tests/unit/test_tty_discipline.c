/*
 * The line discipline: editing, echo, signals, raw mode, output processing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/signal.h>

#include "guest_kernel/tty_discipline.h"
#include "lib/string.h"

static struct tty_discipline d;

static struct recorder {
    struct tty_sink sink;
    char text[8192];
    size_t used;
} screen;

static void record(struct tty_sink *sink, char c)
{
    struct recorder *r = container_of(sink, struct recorder, sink);

    if (r->used < sizeof(r->text) - 1)
        r->text[r->used++] = c;
    r->text[r->used] = '\0';
}

static int fresh(void **state)
{
    tty_discipline_init(&d);
    memset(&screen, 0, sizeof(screen));
    screen.sink.put = record;
    return 0;
}

/* Types text; the last signal that came of it. */
static int type(const char *text)
{
    int last = 0;

    for (; *text; text++) {
        int signal = tty_discipline_input(&d, (uint8_t)*text, &screen.sink);
        if (signal)
            last = signal;
    }
    return last;
}

static void expect_read(size_t room, const char *expected)
{
    char buffer[128];
    size_t n = tty_discipline_read(&d, buffer, room);

    assert_int_equal(n, strlen(expected));
    assert_memory_equal(buffer, expected, n);
}

static void expect_screen(const char *expected)
{
    assert_string_equal(screen.text, expected);
    screen.used = 0;
    screen.text[0] = '\0';
}

static void set_local(tcflag_t clear, tcflag_t set)
{
    struct termios t = d.termios;

    t.c_lflag = (t.c_lflag & ~clear) | set;
    tty_discipline_set(&d, &t);
}

static void lines(void **state)
{
    type("hel");
    assert_false(tty_discipline_can_read(&d, 1));
    type("lo\rsecond\n");
    assert_true(tty_discipline_can_read(&d, 1));
    assert_int_equal(tty_discipline_available(&d), 13);
    expect_screen("hello\r\nsecond\r\n");
    expect_read(100, "hello\n");
    expect_read(3, "sec");
    expect_read(100, "ond\n");
    assert_false(tty_discipline_can_read(&d, 1));
}

static void editing(void **state)
{
    type("abc\x7f\x7fx\n");
    expect_screen("abc\b \b\b \bx\r\n");
    expect_read(100, "ax\n");
    type("one two\x17three\n"); /* VWERASE */
    expect_read(100, "one three\n");
    type("gone\x15kept\n"); /* VKILL */
    expect_read(100, "kept\n");
    screen.used = 0;
    type("\x7f\x17\x15\n"); /* nothing to erase */
    expect_screen("\r\n");
    expect_read(100, "\n");
}

static void erasing_wide_things(void **state)
{
    type("\xc3\xa9\x7f"); /* one character of two bytes, one column */
    expect_screen("\xc3\xa9\b \b");
    type("a\t\x7f"); /* a tab from column 1 to 8 */
    assert_int_equal(screen.used, 2 + 7 * 3);
    screen.used = 0;
    type("\x01\x7f"); /* shown as ^A */
    expect_screen("^A\b \b\b \b");
    type("\n");
    expect_read(100, "a\n");
}

static void end_of_file(void **state)
{
    type("\x04");
    assert_true(tty_discipline_can_read(&d, 1));
    expect_read(100, "");
    assert_false(tty_discipline_can_read(&d, 1));
    type("part\x04");
    expect_read(100, "part");
    assert_false(tty_discipline_can_read(&d, 1));
    type("full\x04");
    expect_read(4, "full"); /* the end of file must not come as an empty line of its own */
    assert_false(tty_discipline_can_read(&d, 1));
}

static void signals(void **state)
{
    type("typed");
    assert_int_equal(type("\x03"), SIGINT);
    expect_screen("typed^C");
    type("\n");
    expect_read(100, "\n"); /* what was typed before is gone */
    assert_int_equal(type("\x1c"), SIGQUIT);
    assert_int_equal(type("\x1a"), SIGTSTP);
    set_local(ISIG, 0);
    assert_int_equal(type("\x03\n"), 0);
    expect_read(100, "\x03\n");
    set_local(0, ISIG | NOFLSH);
    type("kept");
    assert_int_equal(type("\x03"), SIGINT);
    type("\n");
    expect_read(100, "kept\n");
}

static void literal_next(void **state)
{
    assert_int_equal(type("\x16\x03\x16\x7f\n"), 0);
    expect_read(100, "\x03\x7f\n");
}

static void raw_mode(void **state)
{
    set_local(ICANON | ECHO, 0);
    type("ab");
    assert_true(tty_discipline_can_read(&d, 2));
    assert_false(tty_discipline_can_read(&d, 3));
    type("\x7f\x04");
    expect_read(100, "ab\x7f\x04");
    expect_screen("");
}

static void from_lines_to_raw(void **state)
{
    type("unfinished");
    assert_false(tty_discipline_can_read(&d, 1));
    set_local(ICANON, 0);
    expect_read(100, "unfinished");
}

static void overlong_line(void **state)
{
    char buffer[TTY_INPUT_SIZE + 10];

    for (unsigned i = 0; i < TTY_INPUT_SIZE + 100; i++)
        type("x");
    type("\n");
    assert_true(tty_discipline_can_read(&d, 1));
    size_t n = tty_discipline_read(&d, buffer, sizeof(buffer));
    assert_int_equal(n, TTY_INPUT_SIZE);
    assert_int_equal(buffer[n - 1], '\n');
}

static void flow_control(void **state)
{
    type("\x13");
    assert_true(d.stopped);
    type("\x11");
    assert_false(d.stopped);
    type("\n");
    expect_read(100, "\n");
}

static void output_processing(void **state)
{
    for (const char *s = "a\tb\n"; *s; s++)
        tty_discipline_output(&d, *s, &screen.sink);
    expect_screen("a\tb\r\n");
    struct termios t = d.termios;
    t.c_oflag |= XTABS;
    tty_discipline_set(&d, &t);
    for (const char *s = "ab\tc"; *s; s++)
        tty_discipline_output(&d, *s, &screen.sink);
    expect_screen("ab      c");
    t.c_oflag = 0;
    tty_discipline_set(&d, &t);
    tty_discipline_output(&d, '\n', &screen.sink);
    expect_screen("\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(lines, fresh),
        cmocka_unit_test_setup(editing, fresh),
        cmocka_unit_test_setup(erasing_wide_things, fresh),
        cmocka_unit_test_setup(end_of_file, fresh),
        cmocka_unit_test_setup(signals, fresh),
        cmocka_unit_test_setup(literal_next, fresh),
        cmocka_unit_test_setup(raw_mode, fresh),
        cmocka_unit_test_setup(from_lines_to_raw, fresh),
        cmocka_unit_test_setup(overlong_line, fresh),
        cmocka_unit_test_setup(flow_control, fresh),
        cmocka_unit_test_setup(output_processing, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
