/*
 * Packet mode (ioctl_tty(2), TIOCPKT): what the master is told beside the data.
 */
#include "tty_test.h"

static struct pair p;

static void show_packets(const char *what)
{
    char buffer[256];

    usleep(20000);
    for (int i = 0; i < 8; i++) {
        struct pollfd f = {.fd = p.master, .events = POLLIN | POLLPRI};
        if (poll(&f, 1, i ? 0 : NOTHING_MS) <= 0) {
            printf("%s: no more\n", what);
            return;
        }
        long n = read(p.master, buffer, sizeof buffer);
        printf("%s%s, ", what, f.revents & POLLPRI ? ", priority" : "");
        if (n <= 0)
            printf("errno %d\n", errno);
        else if (buffer[0])
            printf("%ld byte: %#x\n", n, (unsigned char)buffer[0]);
        else
            show_bytes("data", buffer + 1, n - 1);
        if (n < 0)
            return;
    }
}

static void set_local(tcflag_t clear, tcflag_t set)
{
    set_modes(p.slave, 0, 0, clear, set);
}

int main(void)
{
    struct termios t;
    int on = 1, off = 0, value = 7;
    char c;

    setvbuf(stdout, NULL, _IOLBF, 0);
    p = pair_open();
    put(p.master, "\x13");
    usleep(20000);
    put(p.master, "\x11");
    usleep(20000);
    show_call(ioctl(p.master, TIOCGPKT, &value));
    show("packet mode", value);
    show_call(ioctl(p.master, TIOCPKT, &on));
    show_call(ioctl(p.master, TIOCGPKT, &value));
    show("packet mode", value);
    show_packets("what was before");
    put(p.slave, "text\n");
    show_packets("data");
    put(p.slave, "text");
    usleep(20000);
    show_read("one byte", p.master, 1);
    show_packets("rest");
    show_call(ioctl(p.master, FIONREAD, &value));
    put(p.slave, "12345");
    usleep(20000);
    show_read("three bytes", p.master, 3);
    show_call(ioctl(p.master, FIONREAD, &value));
    show("left", value);
    show_packets("rest");
    put(p.master, "echo\n");
    show_packets("echo");
    show_read("slave", p.slave, 100);
    put(p.master, "\x13");
    show_packets("stop");
    put(p.master, "\x11");
    show_packets("start");
    put(p.master, "\x13");
    usleep(20000);
    put(p.master, "\x11");
    show_packets("stop and start");
    show_call(tcflow(p.slave, TCOOFF));
    show_call(tcflow(p.slave, TCOON));
    show_packets("by call");
    show_call(tcflush(p.slave, TCIFLUSH));
    show_packets("input flushed");
    show_call(tcflush(p.slave, TCOFLUSH));
    show_packets("output flushed");
    show_call(tcflush(p.slave, TCIOFLUSH));
    show_packets("both");
    put(p.master, "ab\x03");
    show_packets("interrupt");
    tcgetattr(p.slave, &t);
    t.c_iflag &= ~IXON;
    tcsetattr(p.slave, TCSANOW, &t);
    show_packets("no IXON");
    t.c_iflag |= IXON;
    tcsetattr(p.slave, TCSANOW, &t);
    show_packets("IXON");
    t.c_cc[VSTOP] = 'x';
    tcsetattr(p.slave, TCSANOW, &t);
    show_packets("another VSTOP");
    t.c_cc[VSTOP] = 023;
    tcsetattr(p.slave, TCSANOW, &t);
    show_packets("the usual one");
    tcsetattr(p.slave, TCSANOW, &t);
    show_packets("no change");
    tcsetattr(p.slave, TCSAFLUSH, &t);
    show_packets("TCSAFLUSH");
    set_local(0, EXTPROC);
    show_packets("EXTPROC");
    set_local(ECHO, 0);
    show_packets("EXTPROC stays");
    set_local(EXTPROC, 0);
    show_packets("EXTPROC goes");
    set_local(0, ECHO);
    show_packets("no more of it");
    put(p.slave, "data");
    tcflush(p.slave, TCIFLUSH);
    show_packets("news before data");
    tcflush(p.slave, TCIFLUSH);
    show_read("no room", p.master, 0);
    show_packets("news stay");
    show_call(ioctl(p.master, TIOCPKT, &off));
    put(p.slave, "plain");
    tcflush(p.slave, TCIFLUSH);
    show_arriving("off", p.master, ARRIVES_MS);
    show_call(ioctl(p.master, TIOCPKT, &on));
    show_packets("on again");
    show_call(ioctl(p.master, TIOCPKT, &on));
    show_call(ioctl(p.slave, TIOCPKT, &on));
    fcntl(p.master, F_SETFL, O_RDWR | O_NONBLOCK);
    show_call(read(p.master, &c, 1));
    tcflush(p.slave, TCIFLUSH);
    close(p.slave);
    show_packets("slave closed");
    close(p.master);
    return 0;
}
