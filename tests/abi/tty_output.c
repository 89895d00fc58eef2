/*
 * Output processing: the flags one by one and together, columns, stopping and starting.
 */
#include "tty_test.h"

static struct pair p;

static void set_output(tcflag_t flags)
{
    struct termios t;

    tcgetattr(p.slave, &t);
    t.c_oflag = flags;
    if (tcsetattr(p.slave, TCSANOW, &t))
        printf("tcsetattr: errno %d\n", errno);
}

static void show_written(const char *what, const char *text)
{
    put(p.slave, text);
    show_arriving(what, p.master, ARRIVES_MS);
}

static void show_flags(void)
{
    static const char text[] = "ab\tc\r\rd\ne\n\n\t\tf\b\b\tg\x01\v\f\th\xc3\xa9\tZz\r\n";
    static const tcflag_t flags[] = {
        ONLCR, OCRNL, ONOCR, ONLRET, XTABS, OLCUC, OFILL | OFDEL | NL1 | CR3 | BS1 | VT1 | FF1};
    char name[32];

    set_output(0);
    show_written("no OPOST", text);
    set_output(ONLCR | OLCUC | XTABS);
    show_written("no OPOST, others", text);
    for (unsigned set = 0; set < 1u << (sizeof flags / sizeof *flags); set++) {
        tcflag_t all = OPOST;
        for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
            all |= set & 1u << i ? flags[i] : 0;
        set_output(OPOST | ONLCR);
        put(p.slave, "\r\n");
        set_output(all);
        snprintf(name, sizeof name, "set %u", set);
        show_written(name, text);
    }
}

static void show_columns(void)
{
    set_output(OPOST | ONLCR | XTABS);
    show_written("start", "\r");
    show_written("three", "abc");
    show_written("tab", "\t|\n");
    put(p.slave, "abc");
    type_and_show(&p, "echo goes on from there", "\td\x7f\x7f\n");
    show_read("read", p.slave, 100);
    set_modes(p.slave, 0, IUTF8, 0, 0);
    show_written("UTF-8", "\xc3\xa9\xe2\x82\xac\t|\n");
    set_output(OPOST | ONLCR);
    put(p.slave, "1234567890");
    type_and_show(&p, "tab erased after a prompt", "\t\x7fx\t\x7f\n");
    show_read("read", p.slave, 100);
    set_output(0);
    put(p.slave, "12345");
    set_output(OPOST | XTABS);
    show_written("not counted without OPOST", "\t|");
    show_written("all bytes above", "\x80\x90\xa0\xb0\xd7\xf7\xff\t|\r");
    set_output(OPOST | XTABS | OLCUC);
    show_written("upper case", "aZ{\xe0\xdf\xf7\xff\t|\r");
}

static void show_flow(void)
{
    char c;

    set_output(OPOST | ONLCR);
    fcntl(p.slave, F_SETFL, O_RDWR | O_NONBLOCK);
    put(p.master, "\x13");
    usleep(20000);
    show_call(write(p.slave, "held", 4));
    struct pollfd f = {.fd = p.slave, .events = POLLOUT};
    show_call(poll(&f, 1, 0));
    put(p.master, "echo\n");
    show_arriving("echo is held too", p.master, NOTHING_MS);
    show_read("but read", p.slave, 100);
    put(p.master, "\x11");
    show_arriving("now", p.master, ARRIVES_MS);
    show_call(poll(&f, 1, ARRIVES_MS));
    show_call(write(p.slave, "goes", 4));
    show_arriving("written", p.master, ARRIVES_MS);
    put(p.master, "ab\x13"
                  "cd\x11"
                  "ef\x13");
    usleep(20000);
    put(p.master, "\x11");
    show_arriving("one typing", p.master, ARRIVES_MS);
    put(p.master, "\x13\x03");
    show_arriving("a signal starts it", p.master, ARRIVES_MS);

    show_call(tcflow(p.slave, TCOOFF));
    show_call(write(p.slave, "held", 4));
    put(p.master, "\x11");
    usleep(20000);
    show_call(write(p.slave, "still", 5));
    show_call(tcflow(p.slave, TCOON));
    show_call(write(p.slave, "not", 3));
    show_arriving("written", p.master, ARRIVES_MS);
    put(p.master, "\x13");
    usleep(20000);
    show_call(tcflow(p.slave, TCOON));
    show_call(write(p.slave, "x", 1));
    show_call(tcflow(p.slave, TCOOFF));
    show_call(tcflow(p.slave, TCOON));
    show_call(write(p.slave, "x", 1));
    show_arriving("started", p.master, ARRIVES_MS);
    show_call(tcflow(p.slave, TCIOFF));
    show_call(tcflow(p.slave, TCION));
    show_arriving("flow characters", p.master, ARRIVES_MS);
    show_call(ioctl(p.slave, TCXONC, 7));
    show_call(ioctl(p.slave, TCXONC, -1));

    put(p.master, "\x13");
    usleep(20000);
    set_modes(p.slave, IXON, 0, 0, 0);
    show_call(write(p.slave, "x", 1));
    show_arriving("no IXON starts it", p.master, ARRIVES_MS);
    put(p.master, "\x13\x11\n");
    usleep(20000);
    show_read("data then", p.slave, 100);
    show_arriving("echo", p.master, ARRIVES_MS);
    set_modes(p.slave, 0, IXON | IXANY, 0, 0);
    put(p.master, "\x13");
    usleep(20000);
    show_call(write(p.slave, "x", 1));
    put(p.master, "a\n");
    usleep(20000);
    show_call(write(p.slave, "y", 1));
    show_arriving("any starts it", p.master, ARRIVES_MS);
    show_read("and is read", p.slave, 100);
    set_modes(p.slave, IXANY, IXOFF, 0, 0);
    show_call(write(p.slave, "z", 1));
    show_arriving("IXOFF", p.master, ARRIVES_MS);
    show_call(read(p.slave, &c, 1));
    fcntl(p.slave, F_SETFL, O_RDWR);
}

/* A writer sleeps while output is stopped. */
static void show_sleeping_writer(void)
{
    int status;

    show_call(tcflow(p.slave, TCOOFF));
    pid_t child = fork_clean();
    if (!child) {
        alarm(10);
        put(p.slave, "late");
        _exit(3);
    }
    usleep(50000);
    show_call(waitpid(child, &status, WNOHANG));
    show_call(tcflow(p.slave, TCOON));
    waitpid(child, &status, 0);
    show_status("writer", status);
    show_arriving("written", p.master, ARRIVES_MS);
}

static void show_queues(void)
{
    int n = 7;

    put(p.slave, "abc");
    usleep(20000);
    show_call(ioctl(p.slave, TIOCOUTQ, &n));
    show("TIOCOUTQ", n);
    show_call(ioctl(p.master, FIONREAD, &n));
    show("FIONREAD of the master", n);
    show_call(ioctl(p.master, TIOCOUTQ, &n));
    show("TIOCOUTQ of the master", n);
    show_call(tcflush(p.slave, TCOFLUSH));
    show_arriving("has left already", p.master, ARRIVES_MS);
    put(p.slave, "abc");
    usleep(20000);
    show_call(tcflush(p.master, TCIFLUSH));
    show_arriving("flushed", p.master, NOTHING_MS);
    put(p.slave, "abc");
    usleep(20000);
    show_call(tcflush(p.master, TCOFLUSH));
    show_arriving("not flushed", p.master, ARRIVES_MS);
    show_call(ioctl(p.slave, TCFLSH, 3));
    show_call(ioctl(p.slave, TCFLSH, -1));
    show_call(ioctl(p.master, TCFLSH, 3));
    show_call(tcdrain(p.slave));
    show_call(tcdrain(p.master));
    show_call(tcsendbreak(p.slave, 0));
    show_call(ioctl(p.slave, TCSBRK, 1));
    show_call(ioctl(p.slave, TCSBRKP, 1));
    show_call(ioctl(p.slave, TIOCSBRK, 0));
    show_call(ioctl(p.slave, TIOCCBRK, 0));
    show_call(ioctl(p.master, TIOCSBRK, 0));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    p = pair_open();
    show_flags();
    show_columns();
    pair_close(&p);
    p = pair_open();
    show_flow();
    show_sleeping_writer();
    show_queues();
    pair_close(&p);
    return 0;
}
