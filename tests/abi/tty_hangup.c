/*
 * Hanging up: vhangup(2), TIOCVHANGUP, the master's closing; what the session hears, what files do afterwards.
 */
#include "tty_test.h"

static struct pair p;
static int report; /* where children in other groups write to */

static volatile sig_atomic_t hups, conts;

static void note(int signal)
{
    if (signal == SIGHUP)
        hups++;
    else
        conts++;
}

static void watch(void)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};

    sigaction(SIGHUP, &action, NULL);
    sigaction(SIGCONT, &action, NULL);
}

static void show_dead(const char *what, int fd)
{
    struct pollfd f = {.fd = fd, .events = POLLIN | POLLOUT};
    struct termios t;
    pid_t group = 0;
    int n;
    char c;

    printf("%s\n", what);
    show_call(read(fd, &c, 1));
    show_call(write(fd, "x", 1));
    show_call(poll(&f, 1, 0));
    printf("events: %#x\n", f.revents);
    show_call(tcgetattr(fd, &t));
    show_call(ioctl(fd, TIOCGPGRP, &group));
    show_call(ioctl(fd, TIOCSPGRP, &group));
    show_call(ioctl(fd, TIOCSCTTY, 0));
    show_call(ioctl(fd, FIONREAD, &n));
    show_call(isatty(fd));
    show_call(lseek(fd, 0, SEEK_SET));
}

/* In the foreground, and a reader that sleeps. */
static void member(const char *who, bool reads)
{
    long n = 0;
    char c;

    watch();
    write(report, "r", 1);
    errno = 0;
    if (reads)
        n = read(p.slave, &c, 1);
    int error = errno;
    usleep(reads ? 100000 : 300000); /* who hung up speaks first */
    if (reads)
        printf("%s: sleeping read %ld, errno %d\n", who, n, error);
    printf("%s: %d HUP, %d CONT, /dev/tty %s\n", who, (int)hups, (int)conts,
           open("/dev/tty", O_RDWR) < 0 ? "gone" : "there");
    child_exit(0);
}

enum way { BY_VHANGUP, BY_IOCTL, BY_MASTER };

static void hang_up(enum way way)
{
    if (way == BY_VHANGUP)
        show_call(vhangup());
    else if (way == BY_IOCTL)
        show_call(ioctl(p.slave, TIOCVHANGUP));
    else
        show_call(close(p.master));
}

static void session(enum way way)
{
    int ready[2], own;
    char c;

    pipe(ready);
    report = ready[1];
    ioctl(p.slave, TIOCSCTTY, 0);
    signal(SIGTTOU, SIG_IGN);
    own = open("/dev/tty", O_RDWR);
    pid_t foreground = fork_clean();
    if (!foreground) {
        setpgid(0, 0);
        while (tcgetpgrp(p.slave) != getpid())
            usleep(1000);
        if (way == BY_MASTER)
            close(p.master);
        member("foreground", true);
    }
    setpgid(foreground, foreground);
    tcsetpgrp(p.slave, foreground);
    read(ready[0], &c, 1);
    pid_t background = fork_clean();
    if (!background) {
        setpgid(0, 0);
        if (way == BY_MASTER)
            close(p.master);
        usleep(20000);
        member("background", false);
    }
    read(ready[0], &c, 1);
    usleep(20000);
    watch();
    put(p.slave, "unread");
    put(p.master, "also unread, and no line");
    usleep(20000);
    hang_up(way);
    printf("leader: %d HUP, %d CONT\n", (int)hups, (int)conts);
    show_dead("the slave", p.slave);
    show_dead("/dev/tty", own);
    show_call(open("/dev/tty", O_RDWR));
    waitpid(foreground, NULL, 0);
    waitpid(background, NULL, 0);
    if (way == BY_MASTER)
        return;
    /* The pair goes on: whoever opens it has a fresh terminal. */
    show_arriving("the master", p.master, NOTHING_MS);
    int again = SHOW(open(ptsname(p.master), O_RDWR)) >= 0 ? 100 : -1;
    show_call(open("/dev/tty", O_RDWR) >= 0);
    (void)again;
}

static void run(const char *what, enum way way, tcflag_t settings)
{
    int status;

    printf("-- %s\n", what);
    p = pair_open();
    set_modes(p.slave, 0, 0, settings, 0);
    pid_t child = fork_clean();
    if (!child) {
        alarm(20);
        setvbuf(stdout, NULL, _IOLBF, 0);
        setsid();
        session(way);
        child_exit(0);
    }
    if (way == BY_MASTER)
        close(p.master);
    waitpid(child, &status, 0);
    show_status(what, status);
    if (way != BY_MASTER)
        close(p.master);
    close(p.slave);
}

/* A leader that was hung up and then ends: the group that was in the foreground hears again, to end too. */
static void show_later_exit(void)
{
    int status, ready[2];
    char c;

    printf("-- leader ends after the hang-up\n");
    p = pair_open();
    pipe(ready);
    pid_t leader = fork_clean();
    if (!leader) {
        setsid();
        ioctl(p.slave, TIOCSCTTY, 0);
        signal(SIGTTOU, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        pid_t child = fork_clean();
        if (!child) {
            setpgid(0, 0);
            watch();
            write(ready[1], "r", 1);
            usleep(300000);
            printf("foreground: %d HUP, %d CONT\n", (int)hups, (int)conts);
            child_exit(0);
        }
        setpgid(child, child);
        tcsetpgrp(p.slave, child);
        read(ready[0], &c, 1);
        show_call(ioctl(p.slave, TIOCVHANGUP));
        usleep(50000);
        child_exit(0);
    }
    waitpid(leader, &status, 0);
    usleep(400000);
    pair_close(&p);
}

static void show_settings_after(void)
{
    struct termios t;

    printf("-- settings after a hang-up\n");
    p = pair_open();
    set_raw(p.slave, 7, 7);
    show_call(ioctl(p.slave, TIOCVHANGUP));
    int again = open(ptsname(p.master), O_RDWR | O_NOCTTY);
    show_call(tcgetattr(again, &t));
    printf("%o %o %o %o %d\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_cc[VMIN]);
    put(p.master, "works\n");
    show_call(readable_in(again, ARRIVES_MS));
    show_read("again", again, 100);
    show_read("the dead one", p.slave, 100);
    close(again);
    show_arriving("the master, echo", p.master, ARRIVES_MS);
    close(p.slave);
    show_read("the master", p.master, 100);
    close(p.master);
}

static void show_unprivileged(void)
{
    int status;

    printf("-- without privilege\n");
    p = pair_open();
    pid_t child = fork_clean();
    if (!child) {
        setvbuf(stdout, NULL, _IOLBF, 0);
        setsid();
        ioctl(p.slave, TIOCSCTTY, 0);
        setuid(1000);
        show_call(vhangup());
        show_call(ioctl(p.slave, TIOCVHANGUP));
        show_call(write(p.slave, "x", 1));
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_call(vhangup());
    pair_close(&p);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    int status;
    pid_t child = fork_clean();

    if (!child) {
        setsid();
        run("vhangup", BY_VHANGUP, 0);
        run("TIOCVHANGUP", BY_IOCTL, 0);
        run("the master closes", BY_MASTER, 0);
        run("the master closes, raw", BY_MASTER, ICANON);
        show_later_exit();
        show_settings_after();
        show_unprivileged();
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_status("all", status);
    return 0;
}
