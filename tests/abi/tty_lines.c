/*
 * The line discipline in canonical mode: editing and its echo, ends of lines, translations, limits.
 */
#include "tty_test.h"

static struct pair p;

/* Type it, show the echo and what a read gets. */
static void line(const char *what, const char *text)
{
    type_and_show(&p, what, text);
    if (readable_in(p.slave, 0))
        show_read("    read", p.slave, 1000);
    else
        printf("    no line\n");
}

static void modes(const char *what, tcflag_t in_clear, tcflag_t in_set, tcflag_t local_clear, tcflag_t local_set)
{
    printf("-- %s\n", what);
    set_modes(p.slave, in_clear, in_set, local_clear, local_set);
}

static void set_character(int which, int c)
{
    struct termios t;

    tcgetattr(p.slave, &t);
    t.c_cc[which] = (cc_t)c;
    tcsetattr(p.slave, TCSANOW, &t);
}

static void fresh(void)
{
    if (p.master)
        pair_close(&p);
    p = pair_open();
}

static void show_editing(void)
{
    fresh();
    line("plain", "hello\n");
    line("two lines", "one\ntwo\n");
    show_read("    second", p.slave, 100);
    line("erase", "abc\x7f\x7fx\n");
    line("erase at the start", "\x7f\x7f\n");
    line("word", "one two  \x17x\n");
    line("words", "one two_3 four\x17\x17-\n");
    line("word of other bytes", "a+-*\x17\n");
    line("kill", "gone\x15kept\n");
    line("tab", "a\tb\x7f\x7f\x7f\n");
    line("tabs", "\t\tx\x7f\x7f\x7f\n");
    line("tab after control", "\x01\t\x7f\x7f\n");
    line("control", "a\x01\x02\x7f\x7f\x7f\n");
    line("literal", "a\x16\x03\x16\x7f\x16\n\n");
    show_arriving("    rest", p.slave, 0);
    line("literal erased", "\x16\x03\x7fz\n");
    line("reprint", "ab\x16\x01\x12z\n");
    line("delete is shown", "\x16\x7f\n");
    line("discard is data", "a\x0f\n");
    line("bell", "\x07\n");
    line("nul", "x\n"); /* NUL itself: see show_nul() */
    line("latin-1", "\xe9\x7f\n");
    line("0xff", "\xff\x7f\xff\n");
}

static void show_nul(void)
{
    fresh();
    write(p.master, "a\0b\n", 4);
    show_arriving("nul echo", p.master, ARRIVES_MS);
    show_read("nul", p.slave, 100);
    write(p.master, "\0\n", 2);
    show_arriving("nul echo", p.master, ARRIVES_MS);
    show_read("nul", p.slave, 100);
    write(p.master, "\0\x7f\n", 3);
    show_arriving("nul erased", p.master, ARRIVES_MS);
    show_read("nul", p.slave, 100);
}

static void show_utf8(void)
{
    fresh();
    modes("IUTF8", 0, IUTF8, 0, 0);
    line("two bytes", "a\xc3\xa9\x7f\n");
    line("three bytes", "a\xe2\x82\xac\x7f\n");
    line("stray continuations", "\xa9\xa9\x7fz\n");
    line("word", "a \xc3\xa9t\xc3\xa9\x17\n");
    line("word of euros", "a \xe2\x82\xac\x17\n");
    line("tab behind", "\xc3\xa9\t\x7f\x7f\n");
    line("kill", "\xc3\xa9\xc3\xa9\x15\n");
    modes("ECHOPRT", 0, 0, 0, ECHOPRT);
    line("on paper", "a\xc3\xa9\x7f\x7f\n");
    modes("without IUTF8", IUTF8, 0, ECHOPRT, 0);
    line("two bytes", "a\xc3\xa9\x7f\n");
}

static void show_echo_modes(void)
{
    fresh();
    modes("ECHOPRT", 0, 0, 0, ECHOPRT);
    line("erase", "abc\x7f\x7fz\n");
    line("erase all", "ab\x7f\x7f\x7f\n");
    line("word", "one two\x17!\n");
    line("kill", "abc\x15z\n");
    line("literal ends erasing", "ab\x7f\x16\x01\n");
    line("reprint ends erasing", "ab\x7f\x12\n");
    line("newline does not", "ab\x7f\n");
    line("next line", "c\n");
    modes("no ECHOE", 0, 0, ECHOPRT | ECHOE, 0);
    line("erase", "ab\x7f\x7f\n");
    line("word", "one two\x17\n");
    line("kill", "abc\x15\n");
    modes("no ECHOKE", 0, 0, ECHOKE, ECHOE);
    line("kill", "abc\x15\n");
    modes("no ECHOK either", 0, 0, ECHOK, 0);
    line("kill", "abc\x15\n");
    modes("ECHOKE without ECHOK", 0, 0, 0, ECHOKE);
    line("kill", "abc\x15\n");
    modes("no ECHOCTL", 0, 0, ECHOCTL, ECHOK);
    line("control", "a\x01\x7f\n");
    line("literal", "a\x16\x03z\n");
    line("tab over control", "\x01\t\x7f\n");
    modes("no ECHO", 0, 0, ECHO, ECHOCTL);
    put(p.master, "a\x7f"
                  "b\x15"
                  "c\x16\x03\x12\n");
    show_arriving("silent", p.master, NOTHING_MS);
    show_read("    read", p.slave, 100);
    modes("ECHONL", 0, 0, 0, ECHONL);
    line("newline alone", "abc\n");
}

static void show_extended(void)
{
    fresh();
    modes("no IEXTEN", 0, 0, IEXTEN, 0);
    line("all data", "a\x16\x17\x12\n");
    set_character(VEOL2, ';');
    line("EOL2", "a;b\n");
    modes("IEXTEN", 0, 0, 0, IEXTEN);
    line("EOL2", "a;b\n");
    show_arriving("    rest", p.slave, 0);
    set_character(VEOL, '.');
    line("EOL", "a.b\n");
    show_arriving("    rest", p.slave, 0);
    line("EOL at once", ".\n");
    show_arriving("    rest", p.slave, 0);
    set_character(VERASE, 'X');
    set_character(VKILL, 0);
    line("other erase, no kill", "abXc\x7f\x15\n");
    set_character(VERASE, 0);
    write(p.master, "a\0X\n", 4);
    show_arriving("no erase", p.master, ARRIVES_MS);
    show_read("    read", p.slave, 100);
    set_character(VERASE, '\n');
    line("newline erases", "ab\n\n");
    set_character(VERASE, 'e');
    set_character(VWERASE, 'e');
    line("erase before word", "one two"
                              "e!\n");
}

static void show_ends(void)
{
    fresh();
    put(p.master, "\x04");
    show_call(readable_in(p.slave, ARRIVES_MS));
    show_read("end of file", p.slave, 100);
    put(p.master, "part\x04");
    usleep(20000);
    show_read("part", p.slave, 100);
    put(p.master, "full\x04");
    usleep(20000);
    show_read("exactly full", p.slave, 4);
    show_call(readable_in(p.slave, NOTHING_MS));
    put(p.master, "a\x04\x04"
                  "b\n");
    usleep(20000);
    show_read("a", p.slave, 100);
    show_read("end", p.slave, 100);
    show_read("b", p.slave, 100);
    put(p.master, "longer line\n");
    usleep(20000);
    show_read("first", p.slave, 3);
    show_read("second", p.slave, 3);
    show_read("rest", p.slave, 100);
    put(p.master, "one\ntwo\x04three");
    usleep(20000);
    int n = -1;
    show_call(ioctl(p.slave, FIONREAD, &n));
    show("FIONREAD", n);
    show_read("one", p.slave, 100);
    ioctl(p.slave, FIONREAD, &n);
    show("FIONREAD", n);
    show_read("two", p.slave, 100);
    ioctl(p.slave, FIONREAD, &n);
    show("FIONREAD", n);
    put(p.master, "\x04");
    show_call(readable_in(p.slave, ARRIVES_MS));
    show_read("three", p.slave, 100);
    set_character(VEOF, 0);
    put(p.master, "\x04\n");
    usleep(20000);
    show_read("no VEOF", p.slave, 100);
}

static void show_translations(void)
{
    fresh();
    line("return", "a\rb\r");
    show_arriving("    rest", p.slave, 0);
    modes("no ICRNL", ICRNL, 0, 0, 0);
    line("return is data", "a\rb\n");
    modes("INLCR", 0, INLCR, 0, 0);
    line("newline is data", "a\nb\x04");
    modes("INLCR and ICRNL", 0, ICRNL, 0, 0);
    line("swapped", "a\nb\r");
    modes("IGNCR", INLCR, IGNCR, 0, 0);
    line("no returns", "a\rb\n");
    modes("ISTRIP", IGNCR, ISTRIP, 0, 0);
    line("seven bits", "\xe1\xe2\x8a");
    modes("IUCLC", ISTRIP, IUCLC, 0, 0);
    line("lower case", "ABz[\xc9\xd7\n");
    modes("IUCLC, no IEXTEN", 0, 0, IEXTEN, 0);
    line("as it is", "AB\n");
    modes("PARMRK", IUCLC, PARMRK, 0, IEXTEN);
    line("doubled", "a\xff"
                    "b\xff\xff\n");
    line("erased by one", "a\xff\x7f\n");
    modes("PARMRK and ISTRIP", 0, ISTRIP, 0, 0);
    line("stripped", "\xff\n");
    modes("all of them", 0, IGNBRK | BRKINT | IGNPAR | INPCK | IMAXBEL, 0, XCASE | FLUSHO | PENDIN);
    line("no effect", "abc\n");
}

static void show_changing(void)
{
    fresh();
    put(p.master, "unfinished");
    show_arriving("echo", p.master, ARRIVES_MS);
    modes("to raw", 0, 0, ICANON, 0);
    show_call(readable_in(p.slave, ARRIVES_MS));
    show_read("bytes", p.slave, 4);
    modes("to lines", 0, 0, 0, ICANON);
    show_call(readable_in(p.slave, ARRIVES_MS));
    show_read("as a line", p.slave, 100);
    put(p.master, "one\ntwo\n");
    show_arriving("echo", p.master, ARRIVES_MS);
    modes("to raw", 0, 0, ICANON, 0);
    show_read("both", p.slave, 100);
    modes("to lines, empty", 0, 0, 0, ICANON);
    put(p.master, "part");
    show_arriving("echo", p.master, ARRIVES_MS);
    struct termios t;
    tcgetattr(p.slave, &t);
    show_call(tcsetattr(p.slave, TCSANOW, &t));
    put(p.master, "y\n");
    show_arriving("echo", p.master, ARRIVES_MS);
    show_read("no change, no break", p.slave, 100);
    put(p.master, "flushed");
    show_arriving("echo", p.master, ARRIVES_MS);
    show_call(tcflush(p.slave, TCIFLUSH));
    put(p.master, "kept\n");
    show_arriving("echo", p.master, ARRIVES_MS);
    show_read("after a flush", p.slave, 100);
    put(p.master, "flushed\n");
    show_arriving("echo", p.master, ARRIVES_MS);
    show_call(tcsetattr(p.slave, TCSAFLUSH, &t));
    put(p.master, "kept\n");
    show_arriving("echo", p.master, ARRIVES_MS);
    show_read("after TCSAFLUSH", p.slave, 100);
    put(p.master, "a\x7f\x16");
    show_arriving("echo", p.master, ARRIVES_MS);
    tcflush(p.slave, TCIFLUSH);
    put(p.master, "\x03\n");
    show_arriving("a flush keeps the literal", p.master, ARRIVES_MS);
    show_read("read", p.slave, 100);
}

static void show_extproc(void)
{
    fresh();
    modes("EXTPROC", 0, 0, 0, EXTPROC);
    put(p.master, "a\x7f\x03\r");
    show_call(readable_in(p.slave, ARRIVES_MS));
    show_arriving("no echo", p.master, NOTHING_MS);
    int n;
    ioctl(p.slave, FIONREAD, &n);
    show("FIONREAD", n);
    show_read("all", p.slave, 100);
    put(p.master, "\x04");
    show_call(readable_in(p.slave, ARRIVES_MS));
    show_read("end of file", p.slave, 100);
    put(p.master, "a\x04");
    usleep(20000);
    show_read("as data", p.slave, 100);
    modes("no EXTPROC", 0, 0, EXTPROC, 0);
    line("again", "a\x7f"
                  "b\n");
}

/* A line holds 4095 bytes; what comes beyond takes the place of the last, so that the line can still be ended. */
static void show_overflow(void)
{
    char big[6000], back[8192];

    fresh();
    modes("no ECHO", 0, 0, ECHO, 0);
    memset(big, 'x', sizeof big);
    memcpy(big + 4090, "0123456789", 10);
    long n = write(p.master, big, 5000);
    show("typed", n);
    usleep(50000);
    show_call(readable_in(p.slave, NOTHING_MS));
    put(p.master, "YZ\n");
    show_call(readable_in(p.slave, ARRIVES_MS));
    n = read(p.slave, back, sizeof back);
    show("line", n);
    show_bytes("its end", back + n - 10, 10);
    n = write(p.master, big, 4096);
    show("typed", n);
    usleep(50000);
    put(p.master, "\x7f\x7f!\n");
    show_call(readable_in(p.slave, ARRIVES_MS));
    n = read(p.slave, back, sizeof back);
    show("line", n);
    show_bytes("its end", back + n - 10, 10);
    /* Several lines fill the queue: the rest waits. */
    for (int i = 0; i < 60; i++) {
        memset(big, 'a' + i % 26, 99);
        big[99] = '\n';
        if (write(p.master, big, 100) != 100)
            printf("short\n");
    }
    usleep(50000);
    int there;
    ioctl(p.slave, FIONREAD, &there);
    show("FIONREAD", there);
    long total = 0, lines = 0;
    while (readable_in(p.slave, ARRIVES_MS / 10) && (n = read(p.slave, back, sizeof back)) > 0) {
        total += n;
        lines += n == 100 && back[99] == '\n' && back[0] == 'a' + lines % 26;
    }
    show("all", total);
    show("whole lines", lines);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    show_editing();
    show_nul();
    show_utf8();
    show_echo_modes();
    show_extended();
    show_ends();
    show_translations();
    show_changing();
    show_extproc();
    show_overflow();
    return 0;
}
