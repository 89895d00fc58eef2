/*
 * The line discipline: editing, echo, signals, raw mode, output processing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/ioctls.h>
#include <asm/signal.h>

#include "guest_kernel/tty_discipline.h"
#include "lib/string.h"

static struct tty_discipline d;

static uint8_t screen_bytes[4 * TTY_ECHO_ROOM];
static struct tty_ring screen;

static int fresh(void **state)
{
    tty_discipline_init(&d, IUTF8);
    screen = (struct tty_ring){.bytes = screen_bytes,
                               .size = sizeof(screen_bytes),
                               .kept = 4095,
                               .limit = sizeof(screen_bytes) - TTY_ECHO_ROOM};
    return 0;
}

/* Types bytes, at once; the last signal that came of it. */
static int type_bytes(const char *bytes, size_t n)
{
    int last = 0, signal;
    size_t done = 0, some;

    do {
        screen.mark = screen.head;
        some = tty_discipline_receive(&d, (const uint8_t *)bytes + done, n - done, &screen, &signal);
        done += some;
        if (signal) {
            last = signal;
            tty_discipline_signalled(&d, (uint8_t)bytes[done - 1], &screen);
        }
    } while (some && done < n);
    return last;
}

static int type(const char *text)
{
    return type_bytes(text, strlen(text));
}

static void expect_read(size_t room, const char *expected)
{
    char buffer[128];
    bool ends;
    size_t n = tty_discipline_read(&d, buffer, room, &ends);

    if (n == room && !ends)
        tty_discipline_skip_end(&d);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(buffer, expected, n);
}

static void expect_screen(const char *expected)
{
    char text[4096];
    size_t n = tty_ring_take(&screen, text, sizeof(text) - 1);

    text[n] = '\0';
    assert_string_equal(text, expected);
}

static void write_text(const char *text)
{
    assert_int_equal(tty_discipline_output(&d, (const uint8_t *)text, strlen(text), &screen), strlen(text));
}

static void set_flags(struct termios2 t)
{
    tty_discipline_set(&d, &t, &screen);
}

static void set_local(tcflag_t clear, tcflag_t set)
{
    struct termios2 t = d.termios;

    t.c_lflag = (t.c_lflag & ~clear) | set;
    set_flags(t);
}

static void set_input(tcflag_t clear, tcflag_t set)
{
    struct termios2 t = d.termios;

    t.c_iflag = (t.c_iflag & ~clear) | set;
    set_flags(t);
}

static void set_output(tcflag_t flags)
{
    struct termios2 t = d.termios;

    t.c_oflag = flags;
    set_flags(t);
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
    screen.tail = screen.head;
    type("\x7f\x17\x15\n"); /* nothing to erase */
    expect_screen("\r\n");
    expect_read(100, "\n");
}

static void erasing_wide_things(void **state)
{
    type("\xc3\xa9\x7f"); /* one character of two bytes, one column */
    expect_screen("\xc3\xa9\b \b");
    type("a\t\x7f");                    /* a tab from column 1 to 8 */
    expect_screen("a\t\b\b\b\b\b\b\b"); /* back to where the tab began, as Linux does it */
    type("\x01\x7f");                   /* shown as ^A */
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
    bool ends;
    size_t n = tty_discipline_read(&d, buffer, sizeof(buffer), &ends);
    assert_int_equal(n, TTY_INPUT_SIZE);
    assert_int_equal(buffer[n - 1], '\n');
    assert_true(ends);
    /* The last byte that fits is still erased. */
    for (unsigned i = 0; i < TTY_INPUT_SIZE + 100; i++)
        type("x");
    type("y\x7fz\n");
    n = tty_discipline_read(&d, buffer, sizeof(buffer), &ends);
    assert_int_equal(n, TTY_INPUT_SIZE);
    assert_memory_equal(buffer + n - 3, "xz\n", 3);
}

static void flow_control(void **state)
{
    type("a\x13");
    assert_true(d.stopped);
    type("b");
    assert_int_equal(tty_ring_readable(&screen), 0); /* as on Linux: echo of one typing is stopped as a whole */
    assert_int_equal(tty_ring_room(&screen), 0);
    type("\x11");
    assert_false(d.stopped);
    expect_screen("ab");
    type("\n");
    expect_read(100, "ab\n");
    type("\x13");
    set_input(0, IXANY);
    type("x");
    assert_false(d.stopped);
    screen.mark = screen.head;
    d.stopped_by_call = true;
    tty_discipline_stop(&d, &screen);
    type("\x11y");
    assert_true(d.stopped);
    d.stopped_by_call = false;
    set_input(IXON, 0);
    assert_false(d.stopped);
}

/* Raw input stops at 4095 bytes; the rest is taken once there is room. */
static void full(void **state)
{
    char many[TTY_INPUT_SIZE + 1];
    char buffer[100];
    int signal;
    bool ends;

    memset(many, 'x', sizeof(many));
    set_local(ICANON | ECHO, 0);
    assert_int_equal(tty_discipline_receive(&d, (uint8_t *)many, sizeof(many), &screen, &signal), TTY_INPUT_SIZE - 1);
    assert_false(tty_discipline_has_room(&d));
    assert_int_equal(tty_discipline_receive(&d, (uint8_t *)many, 1, &screen, &signal), 0);
    assert_int_equal(tty_discipline_read(&d, buffer, sizeof(buffer), &ends), sizeof(buffer));
    assert_int_equal(tty_discipline_receive(&d, (uint8_t *)many, sizeof(many), &screen, &signal), sizeof(buffer));
}

static void output_processing(void **state)
{
    write_text("a\tb\n");
    expect_screen("a\tb\r\n");
    set_output(OPOST | ONLCR | XTABS);
    write_text("ab\tc\xc3\xa9\t|");
    expect_screen("ab      c\xc3\xa9      |");
    set_output(OPOST | OCRNL | ONOCR);
    write_text("\rx\r\n");
    expect_screen("\nx\n\n");
    set_output(OPOST | OCRNL | ONOCR | ONLRET);
    write_text("\n\rx\r\r");
    expect_screen("\nx\n");
    set_output(OPOST | OLCUC);
    write_text("Abc\x01");
    expect_screen("ABC\x01");
    set_output(0);
    write_text("\n");
    expect_screen("\n");
}

/* What does not fit is not taken, not even half of it. */
static void output_without_room(void **state)
{
    uint8_t byte = 'x';

    set_output(OPOST | ONLCR | XTABS);
    while (tty_discipline_output(&d, &byte, 1, &screen))
        ;
    assert_int_equal(tty_ring_room(&screen), 0);
    screen.tail++;
    assert_int_equal(tty_discipline_output(&d, (const uint8_t *)"\n", 1, &screen), 0);
    assert_int_equal(tty_discipline_output(&d, (const uint8_t *)"\t", 1, &screen), 0);
    assert_int_equal(tty_discipline_output(&d, (const uint8_t *)"y\n", 2, &screen), 1);
    type("echo"); /* has room of its own */
    assert_int_equal(tty_ring_used(&screen), screen.limit + 4);
}

static void erasing_on_paper(void **state)
{
    set_local(0, ECHOPRT);
    type("abc\x7f\x7fz\x7f\x7f");
    expect_screen("abc\\cb/z\\za/");
    type("\xc3\xa9\x7f\n");
    expect_screen("\xc3\xa9\\\xc3\xa9/\r\n");
    set_local(ECHOPRT | ECHOE, 0);
    type("ab\x7f");
    expect_screen("ab^?");
    set_local(ECHOKE, 0);
    type("\x15");
    expect_screen("^U\r\n");
    set_local(ECHO, ECHONL);
    type("x\x7fy\n");
    expect_screen("\r\n");
}

static void reprinting(void **state)
{
    type("a\x16\x01z\x12");
    expect_screen("a^\b^Az^R\r\na^Az");
}

static void extended_only(void **state)
{
    set_local(IEXTEN, 0);
    type("a\x16\x17\x12\n");
    expect_read(100, "a\x16\x17\x12\n");
}

static void translations(void **state)
{
    set_input(ICRNL, INLCR);
    type("a\n");
    assert_false(tty_discipline_can_read(&d, 1));
    set_input(INLCR, IGNCR);
    type("\rb\n");
    expect_read(100, "a\rb\n");
    set_input(IGNCR, ISTRIP | IUCLC);
    type("\xc1"
         "B\n");
    expect_read(100, "ab\n");
    set_input(ISTRIP | IUCLC, PARMRK);
    type("\xff\n");
    expect_read(100, "\xff\xff\n");
}

static void ends_of_lines(void **state)
{
    struct termios2 t = d.termios;

    t.c_cc[VEOL] = '.';
    t.c_cc[VEOL2] = ';';
    set_flags(t);
    type("a.b;c\n");
    expect_read(100, "a.");
    expect_read(100, "b;");
    expect_read(100, "c\n");
    set_local(IEXTEN, 0);
    type("b;c\n");
    expect_read(100, "b;c\n");
}

static void remote_editing(void **state)
{
    set_local(0, EXTPROC);
    type("a\x7f\x03");
    expect_screen("");
    assert_int_equal(tty_discipline_available(&d), 3);
    expect_read(100, "a\x7f\x03");
    type("\x04");
    assert_true(tty_discipline_can_read(&d, 1));
    expect_read(100, "");
}

/* What was echoed by the same typing is forgotten with the rest of the output. */
static void flush_by_signal(void **state)
{
    type("abc\x03");
    expect_screen("^C");
    assert_int_equal(d.news, TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE);
    type("abc");
    type("\x03");
    expect_screen("abc^C");
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
        cmocka_unit_test_setup(output_without_room, fresh),
        cmocka_unit_test_setup(erasing_on_paper, fresh),
        cmocka_unit_test_setup(reprinting, fresh),
        cmocka_unit_test_setup(extended_only, fresh),
        cmocka_unit_test_setup(translations, fresh),
        cmocka_unit_test_setup(ends_of_lines, fresh),
        cmocka_unit_test_setup(remote_editing, fresh),
        cmocka_unit_test_setup(flush_by_signal, fresh),
        cmocka_unit_test_setup(full, fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
