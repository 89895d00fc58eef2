/*
 * The calls on terminals one by one: settings in their three forms, sizes, numbers, typed input, locks, wrong
 * arguments.
 */
#define termios libc_termios /* the kernel's are wanted */
#define winsize libc_winsize
#define termio  libc_termio
#include <sys/ioctl.h>
#undef termios
#undef winsize
#undef termio
#include <asm/termbits.h>
#include <linux/tty.h>
#include <poll.h>
#include <time.h>

#include "abi_test.h"

#define BAD 8UL

#ifndef TCGETS2 /* musl */
#define TCGETS2  _IOR('T', 0x2a, struct termios2)
#define TCSETS2  _IOW('T', 0x2b, struct termios2)
#define TCSETSW2 _IOW('T', 0x2c, struct termios2)
#define TCSETSF2 _IOW('T', 0x2d, struct termios2)
#endif

struct size {
    unsigned short row, column, x, y;
};

struct old_settings { /* struct termio */
    unsigned short in, out, control, local;
    unsigned char line, characters[8];
};

static int master, slave;

static void open_pair(void)
{
    master = posix_openpt(O_RDWR | O_NOCTTY);
    grantpt(master);
    unlockpt(master);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
}

static void show_settings(const char *what)
{
    struct termios2 t;

    memset(&t, 0xee, sizeof t);
    if (ioctl(slave, TCGETS2, &t)) {
        printf("%s: errno %d\n", what, errno);
        return;
    }
    printf("%s: %o %o %o %o, line %d, speeds %u %u, characters", what, t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag,
           t.c_line, t.c_ispeed, t.c_ospeed);
    for (int i = 0; i < NCCS; i++)
        printf(" %x", t.c_cc[i]);
    printf("\n");
}

static void show_forms(void)
{
    struct termios one, one_by_master;
    struct termios2 two;
    struct old_settings old;

    show_settings("fresh");
    show_call(ioctl(slave, TCGETS, &one));
    show_call(ioctl(master, TCGETS, &one_by_master));
    printf("the master's are the slave's: %d\n", !memcmp(&one, &one_by_master, sizeof one));
    show_call(ioctl(slave, TCGETA, &old));
    printf("old: %o %o %o %o, line %d, %x %x\n", old.in, old.out, old.control, old.local, old.line, old.characters[0],
           old.characters[6]);
    memset(&one, 0xff, sizeof one);
    one.c_cflag = 0xffffffff;
    one.c_line = 3;
    show_call(ioctl(slave, TCSETS, &one));
    show_settings("all bits");
    memset(&one, 0, sizeof one);
    show_call(ioctl(slave, TCSETSW, &one));
    show_settings("no bits");
    two = (struct termios2){.c_cflag = BOTHER | (BOTHER << IBSHIFT), .c_ispeed = 1234, .c_ospeed = 4321};
    show_call(ioctl(slave, TCSETS2, &two));
    show_settings("own speeds");
    two = (struct termios2){.c_cflag = BOTHER, .c_ispeed = 1234, .c_ospeed = 4321};
    show_call(ioctl(slave, TCSETSW2, &two));
    show_settings("own output speed");
    two = (struct termios2){.c_cflag = B300 | (B4000000 << IBSHIFT), .c_ispeed = 1, .c_ospeed = 2};
    show_call(ioctl(slave, TCSETSF2, &two));
    show_settings("codes");
    two.c_cflag = B1200;
    show_call(ioctl(master, TCSETS2, &two));
    show_settings("by the master");
    old = (struct old_settings){.in = 0xffff, .control = B9600, .line = 5, .characters = {1, 2, 3, 4, 5, 6, 7, 8}};
    show_call(ioctl(slave, TCSETA, &old));
    show_settings("old form");
    show_call(ioctl(slave, TCSETAW, &old));
    show_call(ioctl(slave, TCSETAF, &old));
    for (tcflag_t code = 0; code < 040; code++) {
        two.c_cflag = (code & 017) | (code & 020 ? CBAUDEX : 0);
        two.c_ospeed = two.c_ispeed = 77;
        ioctl(slave, TCSETS2, &two);
        ioctl(slave, TCGETS2, &two);
        printf("%s%u %u", code ? " " : "speeds: ", two.c_ospeed, two.c_ispeed);
    }
    printf("\n");
}

static void show_locks(void)
{
    struct termios locks = {.c_iflag = ICRNL, .c_lflag = ECHO | ICANON, .c_cc[VINTR] = 1}, t = {0};

    show_call(ioctl(slave, TIOCGLCKTRMIOS, &t));
    printf("none: %u %u\n", t.c_iflag, t.c_lflag);
    t.c_iflag = ICRNL;
    t.c_lflag = ECHO;
    t.c_cc[VINTR] = 9;
    ioctl(slave, TCSETS, &t);
    show_call(ioctl(slave, TIOCSLCKTRMIOS, &locks));
    t = (struct termios){.c_iflag = IXON, .c_lflag = ICANON | ISIG, .c_cc = {[VINTR] = 3, [VQUIT] = 4}};
    show_call(ioctl(slave, TCSETS, &t));
    show_settings("locked");
    show_call(ioctl(master, TIOCGLCKTRMIOS, &t));
    printf("locks: %o %o\n", t.c_iflag, t.c_lflag);
    memset(&locks, 0, sizeof locks);
    show_call(ioctl(slave, TIOCSLCKTRMIOS, &locks));
    int on = 1;
    show_call(ioctl(slave, TIOCSSOFTCAR, &on));
    on = 7;
    show_call(ioctl(slave, TIOCGSOFTCAR, &on));
    show("soft carrier", on);
    on = 0;
    show_call(ioctl(slave, TIOCSSOFTCAR, &on));
    ioctl(slave, TIOCGSOFTCAR, &on);
    show("soft carrier", on);
}

static void show_sizes(void)
{
    struct size size = {9, 9, 9, 9};

    show_call(ioctl(slave, TIOCGWINSZ, &size));
    printf("size: %u %u %u %u\n", size.row, size.column, size.x, size.y);
    size = (struct size){1, 2, 65535, 4};
    show_call(ioctl(master, TIOCSWINSZ, &size));
    memset(&size, 0, sizeof size);
    show_call(ioctl(slave, TIOCGWINSZ, &size));
    printf("size: %u %u %u %u\n", size.row, size.column, size.x, size.y);
    show_call(ioctl(slave, TIOCSWINSZ, BAD));
    show_call(ioctl(slave, TIOCGWINSZ, BAD));
    show_call(ioctl(master, TIOCGWINSZ, 0));
}

static void show_numbers(void)
{
    int n = 77;

    show_call(ioctl(slave, TIOCGETD, &n));
    show("discipline", n);
    n = N_TTY;
    show_call(ioctl(slave, TIOCSETD, &n));
    show_call(ioctl(master, TIOCSETD, &n));
    show_call(ioctl(master, TIOCGETD, &n));
    n = 30;
    show_call(ioctl(slave, TIOCSETD, &n));
    n = 31;
    show_call(ioctl(slave, TIOCSETD, &n));
    n = -1;
    show_call(ioctl(slave, TIOCSETD, &n));
    show_call(ioctl(slave, TIOCSETD, BAD));
    show_call(ioctl(slave, TIOCGETD, BAD));
    show_call(ioctl(slave, TIOCGEXCL, &n));
    show("exclusive", n);
    show_call(ioctl(slave, TIOCEXCL));
    show_call(ioctl(slave, TIOCGEXCL, &n));
    show("exclusive", n);
    int fd = SHOW(open(ptsname(master), O_RDWR | O_NOCTTY)) >= 0;
    (void)fd;
    int status;
    pid_t child = fork_clean();
    if (!child) {
        chmod(ptsname(master), 0666);
        setuid(1000);
        show_call(open(ptsname(master), O_RDWR | O_NOCTTY));
        show_call(ioctl(slave, TIOCNXCL));
        show_call(open(ptsname(master), O_RDWR | O_NOCTTY) >= 0);
        child_exit(0);
    }
    waitpid(child, &status, 0);
    unsigned device;
    show_call(ioctl(master, TIOCGDEV, &device));
    show("major", device >> 8 & 0xfff);
    show_call(ioctl(master, TIOCGDEV, BAD));
}

static bool arrives(int fd)
{
    struct pollfd f = {.fd = fd, .events = POLLIN};

    return poll(&f, 1, 1000) > 0;
}

static void show_typing(void)
{
    struct termios t;
    char text[32];
    int status;

    close(slave);
    close(master);
    open_pair();
    for (const char *s = "typed\n"; *s; s++)
        ioctl(slave, TIOCSTI, s);
    show_call(arrives(slave));
    long n = read(slave, text, sizeof text);
    printf("read: %.*s", (int)n, text);
    n = 0;
    while (n < 7 && arrives(master)) /* Linux hands it on piece by piece, when it comes to it */
        n += read(master, text, sizeof text);
    show("echo", n);
    show_call(ioctl(master, TIOCSTI, "m"));
    show_call(arrives(master));
    n = read(master, text, sizeof text);
    printf("the master reads: %.*s\n", (int)n, text);
    show_call(ioctl(slave, TIOCSTI, BAD));
    ioctl(slave, TCGETS, &t);
    /* Who is not privileged may type at his own terminal only.  (Kernels of today can forbid that too, by
     * dev.tty.legacy_tiocsti; the reference 6.1 has no such switch, and this machine's is to be at its default.) */
    pid_t child = fork_clean();
    if (!child) {
        setsid();
        setuid(1000);
        show_call(ioctl(slave, TIOCSTI, "x"));
        show_call(ioctl(slave, TIOCSCTTY, 0));
        show_call(ioctl(slave, TIOCSTI, "x"));
        show_call(ioctl(master, TIOCSTI, "x"));
        show_call(ioctl(slave, TIOCSLCKTRMIOS, &t));
        signal(SIGHUP, SIG_IGN);
        child_exit(0);
    }
    waitpid(child, &status, 0);
}

static void show_wrong(void)
{
    static const struct {
        const char *name;
        unsigned long request;
    } requests[] = {
        {"TCGETS", TCGETS},
        {"TCSETS", TCSETS},
        {"TCSETSW", TCSETSW},
        {"TCSETSF", TCSETSF},
        {"TCGETS2", TCGETS2},
        {"TCSETS2", TCSETS2},
        {"TCGETA", TCGETA},
        {"TCSETA", TCSETA},
        {"FIONREAD", FIONREAD},
        {"TIOCOUTQ", TIOCOUTQ},
        {"TIOCGPGRP", TIOCGPGRP},
        {"TIOCSPGRP", TIOCSPGRP},
        {"TIOCGSID", TIOCGSID},
        {"TIOCPKT", TIOCPKT},
        {"TIOCGPKT", TIOCGPKT},
        {"TIOCMGET", TIOCMGET},
        {"TIOCMSET", TIOCMSET},
        {"TIOCGSERIAL", TIOCGSERIAL},
        {"TIOCGICOUNT", TIOCGICOUNT},
        {"TIOCLINUX", TIOCLINUX},
        {"KDGKBTYPE", 0x4b33},
        {"KDSETMODE", 0x4b3a},
        {"VT_GETSTATE", 0x5603},
        {"SIOCGIFNAME", 0x8910},
        {"TCGETX", 0x5432},
        {"FIONBIO", FIONBIO},

        {"TIOCGEXCL", TIOCGEXCL},
        {"nothing", 0x12345678},
        {"TIOCGLCKTRMIOS", TIOCGLCKTRMIOS},
        {"TIOCSLCKTRMIOS", TIOCSLCKTRMIOS},
        {"TIOCGSOFTCAR", TIOCGSOFTCAR},
        {"TIOCSSOFTCAR", TIOCSSOFTCAR},
        {"TIOCGPTN", TIOCGPTN},
        {"TIOCGRS485", 0x542e},
        {"FIOQSIZE", 0x5460},
    };

    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        int by_slave = ioctl(slave, requests[i].request, BAD) ? errno : 0;
        int by_master = ioctl(master, requests[i].request, BAD) ? errno : 0;
        printf("%s with a bad address: %d, on the master: %d\n", requests[i].name, by_slave, by_master);
    }
    int flags = fcntl(slave, F_GETFL);
    int null = open("/dev/null", O_RDWR);
    char buffer[64];
    show_call(ioctl(null, TCGETS, buffer));
    show_call(ioctl(slave, FIOCLEX));
    show("close on exec", fcntl(slave, F_GETFD));
    show_call(fcntl(slave, F_SETFL, flags | O_NONBLOCK));
    show_call(read(slave, buffer, 1));
    show_call(fcntl(slave, F_SETFL, flags));
    show_call(syscall(SYS_ioctl, slave, TCGETS | 0xffffffff00000000UL, buffer)); /* 32 bits count */
    int fd = SHOW(open(ptsname(master), O_WRONLY | O_NOCTTY));
    show_call(read(fd, buffer, 1));
    close(fd);
    fd = SHOW(open(ptsname(master), O_RDONLY | O_NOCTTY));
    show_call(write(fd, buffer, 1));
    close(fd);
    fd = SHOW(open(ptsname(master), O_PATH));
    show_call(ioctl(fd, TCGETS, buffer));
    close(fd);
    show_call(mmap(NULL, 4096, PROT_READ, MAP_SHARED, slave, 0) != MAP_FAILED);
    show_call(ftruncate(slave, 0));
    show_call(fsync(slave));
    show_call(posix_fallocate(slave, 0, 1));
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    int status;
    pid_t child = fork_clean();

    if (!child) {
        setsid();
        open_pair();
        show_forms();
        show_locks();
        show_sizes();
        show_numbers();
        show_typing();
        show_wrong();
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_status("all", status);
    return 0;
}
