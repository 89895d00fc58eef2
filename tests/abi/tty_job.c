/*
 * Job control: who owns a terminal, foreground and background, the signals of keys, orphaned groups, giving it up.
 */
#include "tty_test.h"

static struct pair p;

static volatile sig_atomic_t seen[64];

static void note(int signal)
{
    seen[signal]++;
}

static void watch(int signal, int flags)
{
    struct sigaction action = {.sa_handler = note, .sa_flags = flags};

    sigaction(signal, &action, NULL);
}

static void forget(void)
{
    memset((void *)seen, 0, sizeof seen);
}

static void show_seen(const char *what)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGHUP, "HUP"},   {SIGINT, "INT"},   {SIGQUIT, "QUIT"}, {SIGCONT, "CONT"},
                 {SIGTSTP, "TSTP"}, {SIGTTIN, "TTIN"}, {SIGTTOU, "TTOU"}, {SIGWINCH, "WINCH"}};

    printf("%s:", what);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (seen[names[i].number])
            printf(" %s", names[i].name);
    }
    printf("\n");
    forget();
}

/* Run body as the leader of a session of its own, with the slave open and p as its pair. */
static void in_session(const char *what, void (*body)(void))
{
    int status = -1;

    printf("-- %s\n", what);
    p = pair_open();
    pid_t child = fork_clean();
    if (!child) {
        alarm(20);
        setvbuf(stdout, NULL, _IOLBF, 0);
        setsid();
        body();
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_status(what, status);
    pair_close(&p);
}

static pid_t group_of(int fd)
{
    pid_t group = -7;

    if (ioctl(fd, TIOCGPGRP, &group))
        return -errno;
    return group;
}

static void show_taking(void)
{
    pid_t id = -7;
    int fd;

    show_call(open("/dev/tty", O_RDWR));
    show_call(ioctl(p.slave, TIOCGPGRP, &id));
    show_call(ioctl(p.slave, TIOCGSID, &id));
    show_call(ioctl(p.master, TIOCGPGRP, &id));
    show("group by the master", id);
    show_call(ioctl(p.master, TIOCGSID, &id));
    show_call(tcsetpgrp(p.slave, getpgrp()));
    show_call(ioctl(p.slave, TIOCNOTTY));
    fd = open(ptsname(p.master), O_RDWR | O_NOCTTY);
    show_call(open("/dev/tty", O_RDWR));
    close(fd);
    fd = open(ptsname(p.master), O_WRONLY);
    show_call(open("/dev/tty", O_RDWR));
    close(fd);
    fd = open(ptsname(p.master), O_RDONLY);
    close(fd);
    fd = SHOW(open("/dev/tty", O_RDWR)) >= 0 ? 5 : -1;
    printf("name: %s\n", ttyname(fd) ? "yes" : "no");
    show_call(ioctl(fd, TIOCGSID, &id));
    printf("session: %d\n", id == getsid(0));
    printf("group: %d %d %d\n", group_of(fd) == getpgrp(), group_of(p.slave) == getpgrp(),
           group_of(p.master) == getpgrp());
    show_call(ioctl(p.master, TIOCGSID, &id));
    printf("session by the master: %d\n", id == getsid(0));
    show_call(ioctl(p.slave, TIOCSCTTY, 0));
    show_call(ioctl(fd, TIOCSCTTY, 0));
    struct pair other = pair_open();
    show_call(ioctl(other.slave, TIOCSCTTY, 0));
    show_call(ioctl(other.slave, TIOCNOTTY));
    show_call(tcgetpgrp(other.slave));
    show_call(tcsetpgrp(other.slave, getpgrp()));
    pair_close(&other);
    show_call(tcsetpgrp(fd, -1));
    show_call(tcsetpgrp(fd, 999999));
    show_call(tcsetpgrp(fd, 1));
    show_call(ioctl(fd, TIOCSPGRP, 8));
    show_call(ioctl(fd, TIOCGPGRP, 8));
    show_call(ioctl(fd, TIOCGSID, 8));
    show_call(ioctl(p.master, TIOCNOTTY));
    /* A child that leads no group: its number stands for its session. */
    pid_t child = fork_clean();
    if (!child) {
        pause();
        _exit(0);
    }
    show_call(tcsetpgrp(fd, child));
    printf("accepted: %d\n", group_of(fd) == child);
    signal(SIGTTOU, SIG_IGN);
    show_call(tcsetpgrp(fd, getpgrp()));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(fd);
}

static void show_not_leader(void)
{
    int status;
    pid_t child = fork_clean();

    if (!child) {
        show_call(ioctl(p.slave, TIOCSCTTY, 0));
        int fd = open(ptsname(p.master), O_RDWR);
        show_call(open("/dev/tty", O_RDWR));
        close(fd);
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_call(ioctl(p.slave, TIOCSCTTY, 0));
    child = fork_clean();
    if (!child) {
        show_call(open("/dev/tty", O_RDWR) >= 0);
        show_call(ioctl(p.slave, TIOCNOTTY));
        show_call(open("/dev/tty", O_RDWR));
        show_call(ioctl(p.slave, TIOCNOTTY));
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_call(open("/dev/tty", O_RDWR) >= 0);
    /* Another session may not have it, unless it takes it by force. */
    child = fork_clean();
    if (!child) {
        setsid();
        show_call(open("/dev/tty", O_RDWR));
        show_call(ioctl(p.slave, TIOCSCTTY, 0));
        show_call(ioctl(p.slave, TIOCSCTTY, 1));
        show_call(open("/dev/tty", O_RDWR) >= 0);
        printf("mine: %d\n", group_of(p.slave) == getpgrp());
        signal(SIGHUP, SIG_IGN);
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_status("thief", status);
    show_call(open("/dev/tty", O_RDWR));
    show_call(tcgetpgrp(p.slave));
}

static void show_keys(void)
{
    static const char keys[] = "\x03\x1c\x1a";

    ioctl(p.slave, TIOCSCTTY, 0);
    watch(SIGINT, 0), watch(SIGQUIT, 0), watch(SIGTSTP, 0);
    for (int i = 0; keys[i]; i++) {
        char text[] = {'a', 'b', keys[i], 0};
        type_and_show(&p, "key", text);
        usleep(10000);
        show_seen("signals");
    }
    put(p.master, "kept\n");
    usleep(20000);
    show_read("line", p.slave, 100);
    show_arriving("echo", p.master, ARRIVES_MS);
    set_modes(p.slave, 0, 0, 0, NOFLSH);
    type_and_show(&p, "NOFLSH", "ab\x03");
    put(p.master, "c\n");
    usleep(20000);
    show_seen("signals");
    show_read("line", p.slave, 100);
    show_arriving("echo", p.master, ARRIVES_MS);
    set_modes(p.slave, 0, 0, ISIG | NOFLSH, 0);
    type_and_show(&p, "no ISIG", "a\x03\x1c\x1a\n");
    show_seen("signals");
    show_read("line", p.slave, 100);
    set_modes(p.slave, 0, 0, ECHO | ICANON, ISIG);
    put(p.master, "x\x03y");
    usleep(20000);
    show_seen("raw with ISIG");
    show_read("what came after", p.slave, 100);
    /* A reader is interrupted. */
    pid_t child = fork_clean();
    if (!child) {
        usleep(50000);
        write(p.master, "\x03", 1);
        _exit(0);
    }
    show_read("interrupted", p.slave, 100);
    waitpid(child, NULL, 0);
    show_seen("signals");
    show_call(ioctl(p.master, TIOCSIG, SIGINT));
    show_call(ioctl(p.master, TIOCSIG, SIGQUIT));
    show_call(ioctl(p.master, TIOCSIG, SIGTSTP));
    show_call(ioctl(p.master, TIOCSIG, SIGTERM));
    show_call(ioctl(p.master, TIOCSIG, 0));
    show_call(ioctl(p.slave, TIOCSIG, SIGINT));
    show_seen("TIOCSIG");
    watch(SIGWINCH, 0);
    struct winsize size = {.ws_row = 3, .ws_col = 4};
    show_call(ioctl(p.slave, TIOCSWINSZ, &size));
    show_seen("size");
    show_call(ioctl(p.slave, TIOCSWINSZ, &size));
    show_seen("same size");
    size.ws_xpixel = 9;
    show_call(ioctl(p.master, TIOCSWINSZ, &size));
    show_seen("other pixels, by the master");
}

/* A background child does something; what becomes of it. */
static void background(const char *what, void (*act)(void))
{
    int status;
    pid_t child = fork_clean();

    if (!child) {
        setpgid(0, 0);
        act();
        child_exit(0);
    }
    setpgid(child, child);
    while (waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status)) {
        show_status(what, status);
        signal(SIGTTOU, SIG_IGN);
        tcsetpgrp(p.slave, child);
        signal(SIGTTOU, SIG_DFL);
        kill(-child, SIGCONT);
    }
    show_status(what, status);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(p.slave, getpgrp());
    signal(SIGTTOU, SIG_DFL);
}

static void act_read(void)
{
    show_read("read", p.slave, 100);
}

static void act_read_ignoring(void)
{
    signal(SIGTTIN, SIG_IGN);
    show_read("read", p.slave, 100);
}

static void act_read_blocking(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTTIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    show_read("read", p.slave, 100);
}

static void act_read_catching(void)
{
    watch(SIGTTIN, 0);
    show_read("read", p.slave, 100);
    show_seen("signals");
}

static void act_read_nonblocking(void)
{
    fcntl(p.slave, F_SETFL, O_RDWR | O_NONBLOCK);
    show_read("read", p.slave, 100);
    fcntl(p.slave, F_SETFL, O_RDWR);
}

static void act_write(void)
{
    show_call(write(p.slave, "text", 4));
}

static void act_write_ignoring(void)
{
    signal(SIGTTOU, SIG_IGN);
    show_call(write(p.slave, "text", 4));
}

static void act_write_catching(void)
{
    watch(SIGTTOU, 0);
    show_call(write(p.slave, "text", 4));
    show_seen("signals");
}

static void act_settings(void)
{
    struct termios t;

    show_call(tcgetattr(p.slave, &t));
    show_call(tcsetattr(p.slave, TCSANOW, &t));
}

static void act_settings_by_master(void)
{
    struct termios t;

    tcgetattr(p.master, &t);
    show_call(tcsetattr(p.master, TCSANOW, &t));
}

static void act_flush(void)
{
    show_call(tcflush(p.slave, TCIFLUSH));
    show_call(tcflow(p.slave, TCOON));
    show_call(tcdrain(p.slave));
}

static void act_group(void)
{
    show_call(tcsetpgrp(p.slave, getpgrp()));
}

static void act_size(void)
{
    struct winsize size = {.ws_row = 8};

    show_call(ioctl(p.slave, TIOCSWINSZ, &size));
    show_call(ioctl(p.slave, TIOCGWINSZ, &size));
    show_call(tcgetpgrp(p.slave) > 0);
    show_call(ioctl(p.slave, TIOCSTI, "x"));
}

static void show_background(void)
{
    ioctl(p.slave, TIOCSCTTY, 0);
    put(p.master, "line\nline\nline\nline\n");
    show_arriving("echo", p.master, ARRIVES_MS);
    background("reads", act_read);
    background("reads, ignoring", act_read_ignoring);
    background("reads, blocking", act_read_blocking);
    background("reads, catching", act_read_catching);
    background("reads without waiting", act_read_nonblocking);
    background("writes", act_write);
    set_modes(p.slave, 0, 0, 0, TOSTOP);
    background("writes, TOSTOP", act_write);
    background("writes, TOSTOP, ignoring", act_write_ignoring);
    background("writes, TOSTOP, catching", act_write_catching);
    background("changes settings", act_settings);
    background("changes settings by the master", act_settings_by_master);
    background("flushes", act_flush);
    background("takes the foreground", act_group);
    background("size and more", act_size);
}

/* The parent of the group is gone: nobody could continue it. */
static void show_orphan(void)
{
    int status, ends[2];

    ioctl(p.slave, TIOCSCTTY, 0);
    set_modes(p.slave, 0, 0, 0, TOSTOP);
    pipe(ends);
    pid_t child = fork_clean();
    if (!child) {
        setpgid(0, 0);
        if (!fork()) {
            close(ends[0]);
            while (getppid() != 1)
                usleep(1000);
            show_read("read", p.slave, 100);
            show_call(write(p.slave, "text", 4));
            struct termios t;
            tcgetattr(p.slave, &t);
            show_call(tcsetattr(p.slave, TCSANOW, &t));
            show_call(tcsetpgrp(p.slave, getpgrp()));
            signal(SIGTTOU, SIG_IGN);
            show_call(write(p.slave, "text", 4));
            raise(SIGTTIN);
            raise(SIGTSTP);
            printf("not stopped\n");
            child_exit(0);
        }
        _exit(0);
    }
    setpgid(child, child);
    close(ends[1]);
    waitpid(child, &status, 0);
    char c;
    while (read(ends[0], &c, 1) > 0)
        ;
}

/* A leader that gives the terminal up, or ends: what its foreground group hears. */
static void child_in_foreground(int told, int done)
{
    char c;

    watch(SIGHUP, SA_RESTART), watch(SIGCONT, SA_RESTART);
    write(told, "", 1);
    while (read(done, &c, 1) > 0)
        ;
    usleep(20000);
    show_seen("foreground");
    show_call(open("/dev/tty", O_RDWR));
    show_call(write(p.slave, "x", 1));
    show_call(tcgetpgrp(p.slave));
    child_exit(0);
}

static void leave(bool by_exit)
{
    int told[2], done[2];
    char c;

    ioctl(p.slave, TIOCSCTTY, 0);
    signal(SIGTTOU, SIG_IGN);
    pipe(told);
    pipe(done);
    pid_t child = fork_clean();
    if (!child) {
        setpgid(0, 0);
        close(done[1]);
        child_in_foreground(told[1], done[0]);
    }
    setpgid(child, child);
    read(told[0], &c, 1);
    tcsetpgrp(p.slave, child);
    watch(SIGHUP, 0), watch(SIGCONT, 0);
    if (by_exit) {
        close(told[1]);
        child_exit(0);
    }
    show_call(ioctl(p.slave, TIOCNOTTY));
    show_seen("leader");
    show_call(open("/dev/tty", O_RDWR));
    close(done[1]);
    waitpid(child, NULL, 0);
    show_call(ioctl(p.slave, TIOCSCTTY, 0));
}

static void show_giving_up(void)
{
    leave(false);
}

static void show_leader_exits(void)
{
    leave(true);
}

/* setsid(2) leaves the terminal; the number in /proc follows. */
static void show_numbers(void)
{
    char text[512], *rest;
    int tty, group, fd = open("/proc/self/stat", O_RDONLY);

    ioctl(p.slave, TIOCSCTTY, 0);
    text[pread(fd, text, sizeof text - 1, 0)] = 0;
    rest = strrchr(text, ')');
    sscanf(rest, ") %*c %*d %*d %*d %d %d", &tty, &group);
    printf("tty: %d, group: %d\n", tty >> 8, group == getpgrp());
    close(fd);
    int status;
    pid_t child = fork_clean();
    if (!child) {
        setsid();
        fd = open("/proc/self/stat", O_RDONLY);
        text[pread(fd, text, sizeof text - 1, 0)] = 0;
        rest = strrchr(text, ')');
        sscanf(rest, ") %*c %*d %*d %*d %d %d", &tty, &group);
        printf("tty: %d, group: %d\n", tty, group);
        show_call(open("/dev/tty", O_RDWR));
        child_exit(0);
    }
    waitpid(child, &status, 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGHUP, SIG_DFL);
    in_session("taking it", show_taking);
    in_session("who leads no session", show_not_leader);
    in_session("keys", show_keys);
    in_session("background", show_background);
    in_session("orphans", show_orphan);
    in_session("giving it up", show_giving_up);
    in_session("leader exits", show_leader_exits);
    usleep(200000); /* the last child of it writes without us waiting */
    in_session("numbers", show_numbers);
    return 0;
}
