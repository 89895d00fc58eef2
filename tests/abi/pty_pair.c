/*
 * Pseudoterminals: making pairs, locking, names and numbers, both ends' closing, polling, hostile arguments.
 */
#define _GNU_SOURCE
#include <sys/epoll.h>
#include <sys/sysmacros.h>

#include "tty_test.h"

#define BAD ((void *)8)

static void show_poll(const char *what, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};

    poll(&p, 1, 0);
    printf("%s:%s%s%s%s%s\n", what, p.revents & POLLIN ? " in" : "", p.revents & POLLOUT ? " out" : "",
           p.revents & POLLPRI ? " pri" : "", p.revents & POLLERR ? " err" : "", p.revents & POLLHUP ? " hup" : "");
}

static void show_making(void)
{
    char name[64], link[64];
    struct stat st;
    int value = 7;

    int m = SHOW(posix_openpt(O_RDWR | O_NOCTTY)) >= 0 ? 3 : -1;
    show_call(isatty(m));
    show_call(ioctl(m, TIOCGPTLCK, &value));
    show("locked", value);
    show_call(ptsname_r(m, name, sizeof name));
    show_call(open(name, O_RDWR | O_NOCTTY));
    show_call(grantpt(m));
    show_call(unlockpt(m));
    show_call(ioctl(m, TIOCGPTLCK, &value));
    show("locked", value);
    int s = SHOW(open(name, O_RDWR | O_NOCTTY));
    show_call(isatty(s));
    fstat(s, &st);
    printf("slave: major %u, minor is its number: %d, %s\n", major(st.st_rdev), minor(st.st_rdev) == atoi(name + 9),
           S_ISCHR(st.st_mode) ? "a device" : "no device");
    snprintf(link, sizeof link, "/proc/self/fd/%d", s);
    char target[64] = "";
    readlink(link, target, sizeof target - 1);
    printf("link names it: %d\n", !strcmp(target, name));
    char *own = ttyname(s);
    printf("ttyname: %d\n", own && !strcmp(own, name));
    fstat(m, &st);
    printf("master: %u %u\n", major(st.st_rdev), minor(st.st_rdev));
    show_call(ioctl(m, TIOCGPTN, &value));
    printf("number: %d\n", value == atoi(name + 9));
    unsigned device = 0;
    show_call(ioctl(s, TIOCGDEV, &device));
    printf("device: %d\n", device == makedev(136, value));
    show_call(lseek(m, 0, SEEK_SET));
    show_call(lseek(s, 0, SEEK_CUR));
    char c;
    show_call(pread(s, &c, 1, 0));
    show_call(open("/dev/tty", O_RDWR));
    value = 1;
    show_call(ioctl(m, TIOCSPTLCK, &value));
    show_call(open(name, O_RDWR | O_NOCTTY));
    value = 0;
    show_call(ioctl(m, TIOCSPTLCK, &value));
    show_call(ioctl(m, TIOCSPTLCK, BAD));
    show_call(ioctl(m, TIOCGPTLCK, BAD));
    show_call(ioctl(m, TIOCGPTN, BAD));
    show_call(ioctl(s, TIOCGPTN, &value));
    show_call(ioctl(s, TIOCSPTLCK, &value));
    show_call(ioctl(s, TIOCPKT, &value));
    int peer = SHOW(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0 ? s + 1 : -1;
    show("peer's descriptor flags", fcntl(peer, F_GETFD));
    printf("peer's flags: %#x\n", fcntl(peer, F_GETFL) & ~(0100000 | O_CLOEXEC));
    snprintf(link, sizeof link, "/proc/self/fd/%d", peer);
    memset(target, 0, sizeof target);
    readlink(link, target, sizeof target - 1);
    printf("peer is the slave: %d\n", !strcmp(target, name));
    show_call(ioctl(s, TIOCGPTPEER, O_RDWR));
    put(m, "x\n");
    show_read("by the peer", peer, 100);
    close(peer);
    close(s);
    close(m);
    show_call(access(name, F_OK));
}

static void show_reuse(void)
{
    struct pair a = pair_open(), b = pair_open(), c = pair_open();
    int first, second, third, again;

    ioctl(a.master, TIOCGPTN, &first);
    ioctl(b.master, TIOCGPTN, &second);
    ioctl(c.master, TIOCGPTN, &third);
    printf("lowest first: %d %d\n", second == first + 1, third == second + 1);
    pair_close(&b);
    b = pair_open();
    ioctl(b.master, TIOCGPTN, &again);
    printf("reused: %d\n", again == second);
    close(b.master);
    int m = posix_openpt(O_RDWR);
    ioctl(m, TIOCGPTN, &again);
    printf("not while the slave is open: %d\n", again == third + 1);
    close(m);
    close(b.slave);
    m = posix_openpt(O_RDWR);
    ioctl(m, TIOCGPTN, &again);
    printf("then it is: %d\n", again == second);
    close(m);
    pair_close(&a);
    pair_close(&c);
}

static void show_master_closes(void)
{
    struct pair p = pair_open();
    struct termios t;
    int group;

    put(p.slave, "to the master");
    put(p.master, "line\n");
    usleep(20000);
    close(p.master);
    show_poll("slave, master closed", p.slave);
    show_read("slave", p.slave, 100);
    show_call(write(p.slave, "x", 1));
    show_call(tcgetattr(p.slave, &t));
    show_call(ioctl(p.slave, TIOCGPGRP, &group));
    show_call(ioctl(p.slave, TIOCSPGRP, &group));
    show_call(ioctl(p.slave, FIONREAD, &group));
    show_call(ioctl(p.slave, FIONBIO, &group));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", p.slave);
    show_call(open(path, O_RDWR | O_NOCTTY));
    close(p.slave);
}

static void show_slave_closes(void)
{
    struct pair p = pair_open();
    char name[64];

    ptsname_r(p.master, name, sizeof name);
    show_poll("fresh master", p.master);
    show_poll("fresh slave", p.slave);
    put(p.slave, "last words");
    usleep(20000);
    close(p.slave);
    show_poll("master, slave closed", p.master);
    show_read("master", p.master, 4);
    show_read("master", p.master, 100);
    show_read("master", p.master, 100);
    show_poll("master, all read", p.master);
    show_call(write(p.master, "kept\n", 5));
    usleep(20000);
    show_arriving("echo without a slave", p.master, ARRIVES_MS);
    int s = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK);
    show_poll("master, slave open again", p.master);
    show_arriving("slave", s, ARRIVES_MS);
    int flags = fcntl(p.master, F_GETFL);
    fcntl(p.master, F_SETFL, flags | O_NONBLOCK);
    show_read("master, nothing there", p.master, 100);
    show_read("slave, nothing there", s, 100);
    close(s);
    show_read("master, closed again", p.master, 100);
    close(p.master);
    int m = posix_openpt(O_RDWR | O_NONBLOCK);
    show_poll("master that never had a slave", m);
    show_read("it", m, 100);
    close(m);
}

static void reader_of_master(int fd)
{
    char c;

    alarm(10);
    while (read(fd, &c, 1) > 0)
        ;
    printf("reader of the master ends with errno %d\n", errno);
    child_exit(0);
}

static void reader_of_slave(int fd)
{
    char c;

    alarm(10);
    show_call(read(fd, &c, 1));
    show_call(read(fd, &c, 1));
    child_exit(0);
}

/* Who sleeps in a read hears of the other end's closing. */
static void show_wakeups(void)
{
    struct pair p = pair_open();
    int status;

    pid_t child = fork_clean();
    if (!child) {
        close(p.slave);
        reader_of_master(p.master);
    }
    usleep(20000);
    close(p.slave);
    waitpid(child, &status, 0);
    show_status("reader of the master", status);
    close(p.master);

    p = pair_open();
    child = fork_clean();
    if (!child) {
        close(p.master);
        reader_of_slave(p.slave);
    }
    usleep(20000);
    close(p.master);
    waitpid(child, &status, 0);
    show_status("reader of the slave", status);
    close(p.slave);
}

static void show_epoll(void)
{
    struct pair p = pair_open();
    struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u32 = 1};
    int set = epoll_create1(0);

    show_call(epoll_ctl(set, EPOLL_CTL_ADD, p.master, &e));
    e.data.u32 = 2;
    show_call(epoll_ctl(set, EPOLL_CTL_ADD, p.slave, &e));
    show_call(epoll_wait(set, &e, 1, 0));
    put(p.slave, "a");
    show_call(epoll_wait(set, &e, 1, ARRIVES_MS));
    show("end", e.data.u32);
    show_call(epoll_wait(set, &e, 1, 0));
    put(p.slave, "b");
    show_call(epoll_wait(set, &e, 1, ARRIVES_MS));
    show_arriving("master", p.master, ARRIVES_MS);
    set_modes(p.slave, 0, 0, ECHO, 0);
    put(p.master, "no line yet");
    show_call(epoll_wait(set, &e, 1, NOTHING_MS));
    put(p.master, "\n");
    show_call(epoll_wait(set, &e, 1, ARRIVES_MS));
    show("end", e.data.u32);
    close(set);
    pair_close(&p);
}

static void show_hostile(void)
{
    struct pair p = pair_open();
    char *edge = page_edge();

    show_call(write(p.master, BAD, 5));
    show_call(write(p.slave, BAD, 5));
    memcpy(edge - 3, "ab\n", 3);
    show_call(write(p.master, edge - 3, 6));
    show_call(write(p.slave, edge - 3, 6));
    show_arriving("slave", p.slave, NOTHING_MS);
    show_arriving("master", p.master, NOTHING_MS);
    put(p.master, "12345\n");
    show_call(readable_in(p.slave, ARRIVES_MS));
    show_call(read(p.slave, BAD, 3));
    put(p.master, "67\n");
    usleep(20000);
    show_arriving("echo", p.master, ARRIVES_MS);
    show_call(read(p.slave, NULL, 0));
    show_call(write(p.slave, NULL, 0));
    show_call(read(p.master, NULL, 0));
    show_call(write(p.master, NULL, 0));
    show_call(open("/dev/ptmx", O_RDONLY | O_DIRECTORY));
    pair_close(&p);
    show_call(posix_openpt(O_RDONLY) >= 0);
}

/* Reading and writing leave their times, a few seconds exact: not the moment of each key. */
static void show_times(void)
{
    struct pair p = pair_open();
    struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct stat st;

    show_call(futimens(p.slave, long_ago));
    put(p.slave, "text");
    fstat(p.slave, &st);
    printf("after a write: %d %d\n", st.st_atime > 1000, st.st_mtime > 1000);
    put(p.master, "line\n");
    readable_in(p.slave, ARRIVES_MS);
    show_read("line", p.slave, 100);
    fstat(p.slave, &st);
    printf("after a read: %d %d\n", st.st_atime > 1000, st.st_mtime > 1000);
    printf("whole seconds: %d\n", st.st_mtim.tv_nsec == 0);
    pair_close(&p);
}

int main(void)
{
    /* Without a controlling terminal, whoever starts us. */
    int status;
    pid_t child = fork_clean();

    if (!child) {
        setvbuf(stdout, NULL, _IOLBF, 0);
        setsid();
        show_making();
        show_reuse();
        show_master_closes();
        show_slave_closes();
        show_wakeups();
        show_epoll();
        show_hostile();
        show_times();
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_status("all", status);
    return 0;
}
