/*
 * Reading without lines: VMIN and VTIME in all four cases, with O_NONBLOCK, polling and signals.
 */
#include <sys/time.h>

#include "tty_test.h"

static struct pair p;

/* It is at least and, generously, at most so long: a busy machine must not matter. */
static void timed_read(const char *what, size_t room, long least_ms, long most_ms)
{
    char buffer[100];
    long before = now_ms(), n = read(p.slave, buffer, room), took = now_ms() - before;

    show_bytes(what, buffer, n);
    printf("    %s\n", took < least_ms ? "TOO SOON" : took > most_ms ? "TOO LATE" : "in time");
}

/* A child that types pieces with pauses before them. */
static pid_t typist(int pause_ms, const char *const *pieces)
{
    pid_t child = fork_clean();

    if (child)
        return child;
    for (; *pieces; pieces++) {
        usleep((useconds_t)pause_ms * 1000);
        write(p.master, *pieces, strlen(*pieces));
    }
    _exit(0);
}

static void with_typist(const char *what, int least, int time, int pause_ms, const char *const *pieces, size_t room,
                        long least_ms)
{
    int status;

    set_raw(p.slave, least, time);
    pid_t child = typist(pause_ms, pieces);
    timed_read(what, room, least_ms, 10000);
    waitpid(child, &status, 0);
    usleep(20000);
    tcflush(p.slave, TCIFLUSH);
}

static void show_cases(void)
{
    static const char *const one[] = {"a", NULL}, *const three[] = {"a", "b", "c", NULL},
                             *const many[] = {"abcdef", NULL};

    set_raw(p.slave, 0, 0);
    timed_read("0 0, nothing", 10, 0, 1000);
    with_typist("1 0", 1, 0, 30, one, 10, 25);
    with_typist("1 0, many", 1, 0, 30, many, 4, 25);
    with_typist("3 0", 3, 0, 30, three, 10, 85);
    with_typist("3 0, little room", 3, 0, 30, three, 2, 55);
    with_typist("10 0, room for 3", 10, 0, 30, three, 3, 85);
    set_raw(p.slave, 0, 3);
    timed_read("0 3, nothing", 10, 290, 5000);
    with_typist("0 90, one", 0, 90, 30, one, 10, 25);
    with_typist("0 90, many", 0, 90, 30, many, 10, 25);
    with_typist("9 8, three: the gap ends it", 9, 8, 30, three, 10, 850);
    with_typist("2 90", 2, 90, 30, three, 10, 55);
    with_typist("2 2, slowly", 2, 2, 700, three, 10, 890);
}

static void show_ready(void)
{
    set_raw(p.slave, 3, 0);
    put(p.master, "ab");
    show_call(readable_in(p.slave, NOTHING_MS));
    put(p.master, "c");
    show_call(readable_in(p.slave, ARRIVES_MS));
    show_read("three", p.slave, 10);
    set_raw(p.slave, 3, 5);
    put(p.master, "a");
    show_call(readable_in(p.slave, ARRIVES_MS));
    show_read("with VTIME", p.slave, 1);
    set_raw(p.slave, 0, 0);
    show_call(readable_in(p.slave, NOTHING_MS));
    put(p.master, "a");
    show_call(readable_in(p.slave, ARRIVES_MS));
    show_read("0 0", p.slave, 10);
    set_raw(p.slave, 200, 0);
    put(p.master, "some");
    usleep(20000);
    int n = 0;
    ioctl(p.slave, FIONREAD, &n);
    show("FIONREAD", n);
    tcflush(p.slave, TCIFLUSH);
}

static void show_nonblocking(void)
{
    fcntl(p.slave, F_SETFL, O_RDWR | O_NONBLOCK);
    set_raw(p.slave, 0, 0);
    show_read("0 0", p.slave, 10);
    set_raw(p.slave, 0, 5);
    show_read("0 5", p.slave, 10);
    set_raw(p.slave, 1, 0);
    show_read("1 0", p.slave, 10);
    set_raw(p.slave, 5, 5);
    show_read("5 5", p.slave, 10);
    put(p.master, "ab");
    usleep(20000);
    show_read("5 5, two there", p.slave, 10);
    show_read("nothing left", p.slave, 10);
    set_modes(p.slave, 0, 0, 0, ICANON);
    put(p.master, "part");
    usleep(20000);
    show_read("no line", p.slave, 10);
    put(p.master, "\n");
    usleep(20000);
    show_read("line", p.slave, 10);
    fcntl(p.slave, F_SETFL, O_RDWR);
}

static void on_alarm(int signal)
{
    (void)signal;
}

static void show_interrupted(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval soon = {.it_value.tv_usec = 100000};

    sigaction(SIGALRM, &action, NULL);
    set_raw(p.slave, 5, 0);
    setitimer(ITIMER_REAL, &soon, NULL);
    show_read("nothing there", p.slave, 10);
    put(p.master, "ab");
    usleep(20000);
    setitimer(ITIMER_REAL, &soon, NULL);
    show_read("two of five there", p.slave, 10);
    usleep(20000);
    set_raw(p.slave, 1, 0);
    int n = 0;
    ioctl(p.slave, FIONREAD, &n);
    show("left", n);
}

/* All bytes go through, both ways. */
static void show_all_bytes(void)
{
    char all[256], back[256];
    long n = 0;

    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    set_raw(p.slave, 1, 0);
    show_call(write(p.master, all, 256));
    while (n < 256 && readable_in(p.slave, ARRIVES_MS))
        n += read(p.slave, back + n, (size_t)(256 - n));
    printf("typed: %d\n", n == 256 && !memcmp(all, back, 256));
    n = 0;
    show_call(write(p.slave, all, 256));
    while (n < 256 && readable_in(p.master, ARRIVES_MS))
        n += read(p.master, back + n, (size_t)(256 - n));
    printf("written: %d\n", n == 256 && !memcmp(all, back, 256));
    set_modes(p.slave, 0, 0, 0, ECHO);
    show_call(write(p.master, all, 256));
    show_arriving("echo", p.master, ARRIVES_MS);
    tcflush(p.slave, TCIFLUSH);
    set_modes(p.slave, 0, 0, 0, ECHOCTL);
    show_call(write(p.master, all, 256));
    show_arriving("echo with ECHOCTL", p.master, ARRIVES_MS);
    tcflush(p.slave, TCIFLUSH);
    set_modes(p.slave, 0, ICRNL | IXON, 0, ISIG | IEXTEN);
    show_call(write(p.master, "a\rb\x16\x7f\x15\n", 7));
    show_arriving("echo", p.master, ARRIVES_MS);
    show_read("read", p.slave, 100);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    p = pair_open();
    show_cases();
    show_ready();
    show_nonblocking();
    show_interrupted();
    show_all_bytes();
    pair_close(&p);
    return 0;
}
