/*
 * open(2), openat2(2), close(2), descriptors: flags, errors, and the numbers given.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "abi_test.h"

static void creation(void)
{
    umask(022);
    show_call(open("none", O_RDONLY));
    show_call(open("a", O_RDWR | O_CREAT, 0666));
    show_call(open("a", O_RDWR | O_CREAT | O_EXCL, 0666));
    show_call(open("a/", O_RDONLY));
    show_call(open("a/b", O_RDONLY));
    show_call(open("new/", O_RDWR | O_CREAT, 0666));
    show_call(open("a/", O_RDWR | O_CREAT, 0666));
    show_call(open("none/new", O_RDWR | O_CREAT, 0666));
    show_call(open("", O_RDWR | O_CREAT, 0666));
    show_call(open(".", O_RDWR));
    show_call(open(".", O_RDONLY | O_CREAT, 0666));
    show_call(open(".", O_RDONLY | O_CREAT | O_EXCL, 0666));
    show_call(open("..", O_RDONLY | O_CREAT, 0666));
    show_call(open("/", O_WRONLY));
    show_call(open("a", O_RDONLY | O_DIRECTORY));
    show_call(open("a", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    show_call(open((char *)1, O_RDONLY));
    show_call(open((char *)-1, O_RDONLY));
    show_call(creat("b", 0600));
    show_call(open("c", O_CREAT | O_RDONLY, 0));
    show_call(open("d", O_CREAT | O_RDWR, 04777));
    struct stat st;
    stat("d", &st);
    printf("mode %o\n", st.st_mode);
    stat("c", &st);
    printf("mode %o\n", st.st_mode);
    for (int fd = 3; fd < 20; fd++)
        close(fd);
}

static void long_names(void)
{
    char name[5000];

    memset(name, 'x', sizeof name);
    name[255] = 0;
    show_call(open(name, O_RDWR | O_CREAT, 0600));
    name[255] = 'x', name[256] = 0;
    show_ok(open(name, O_RDWR | O_CREAT, 0600));
    show_ok(open(name, O_RDONLY));
    name[256] = 'x', name[4095] = 0;
    show_ok(open(name, O_RDONLY));
    name[4095] = 'x', name[4096] = 0;
    show_ok(open(name, O_RDONLY));
    for (int i = 0; i < 4094; i += 2)
        name[i] = '.', name[i + 1] = '/';
    name[4094] = 'a', name[4095] = 0;
    show_ok(open(name, O_RDONLY));
    close(3);
    close(4);
}

static void status_flags(void)
{
    static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_APPEND, O_RDONLY | O_NONBLOCK, O_RDWR | O_SYNC,
                                O_RDONLY | O_CLOEXEC, O_PATH, O_PATH | O_NOFOLLOW | O_CLOEXEC, O_RDWR | O_TRUNC | O_NOCTTY,
                                O_RDWR | O_DSYNC, O_RDONLY | O_NOATIME, O_RDONLY | 0x80000000};

    for (unsigned n = 0; n < sizeof flags / sizeof *flags; n++) {
        int fd = syscall(SYS_open, "a", flags[n], 0);
        printf("open %x: %d, getfl %x, getfd %x\n", flags[n], fd, (unsigned)fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
        close(fd);
    }
    int fd = open("a", O_RDWR);
    show_call(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_RDONLY));
    printf("getfl %x\n", (unsigned)fcntl(fd, F_GETFL));
    show_call(fcntl(fd, F_SETFL, 0));
    printf("getfl %x\n", (unsigned)fcntl(fd, F_GETFL));
    show_call(fcntl(fd, F_SETFD, FD_CLOEXEC));
    show_call(fcntl(fd, F_GETFD));
    show_call(fcntl(fd, F_SETFD, 6));
    show_call(fcntl(fd, F_GETFD));
    show_call(fcntl(fd, 9999, 0));
    show_call(fcntl(99, F_GETFD));
    close(fd);
}

static void links(void)
{
    symlink("a", "to_a");
    symlink("nowhere", "dangling");
    symlink("loop2", "loop1");
    symlink("loop1", "loop2");
    symlink("dir", "to_dir");
    mkdir("dir", 0755);
    show_call(close(open("to_a", O_RDONLY)));
    show_call(open("to_a", O_RDONLY | O_NOFOLLOW));
    show_call(close(open("to_a", O_PATH | O_NOFOLLOW)));
    show_call(open("to_a", O_RDWR | O_CREAT | O_EXCL, 0600));
    show_call(open("dangling", O_RDONLY));
    show_call(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600));
    show_call(close(open("dangling", O_RDWR | O_CREAT, 0600)));
    show_call(access("nowhere", F_OK));
    show_call(open("loop1", O_RDONLY));
    show_call(open("loop1/x", O_RDONLY));
    show_call(open("loop1", O_RDONLY | O_NOFOLLOW));
    show_call(open("to_dir", O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    show_call(close(open("to_dir/", O_RDONLY | O_NOFOLLOW)));
    show_call(close(open("to_dir/.", O_RDONLY | O_NOFOLLOW)));
    show_call(open("to_a/", O_RDONLY));
    /* forty links are followed, one more is not */
    char name[32], to[32];
    symlink("a", "chain0");
    for (int i = 1; i <= 41; i++) {
        sprintf(name, "chain%d", i);
        sprintf(to, "chain%d", i - 1);
        symlink(to, name);
    }
    show_call(close(open("chain39", O_RDONLY)));
    show_call(open("chain40", O_RDONLY));
}

static void path_descriptors(void)
{
    char buf[8];
    int fd = open("a", O_PATH), dir = open("dir", O_PATH | O_DIRECTORY), link = open("to_a", O_PATH | O_NOFOLLOW);
    struct stat st;

    show_call(read(fd, buf, 1));
    show_call(write(fd, buf, 1));
    show_call(lseek(fd, 0, SEEK_SET));
    show_call(fchmod(fd, 0600));
    show_call(fchown(fd, 0, 0));
    show_call(ftruncate(fd, 0));
    show_call(fcntl(fd, F_SETFL, 0));
    show_call(fstat(fd, &st));
    show_call(fstat(link, &st));
    printf("link mode %o size %ld\n", st.st_mode, (long)st.st_size);
    memset(buf, 0, sizeof buf);
    show_call(readlinkat(link, "", buf, sizeof buf));
    printf("%s\n", buf);
    show_call(readlinkat(fd, "", buf, sizeof buf));
    show_call(openat(dir, "f", O_CREAT | O_RDWR, 0600));
    show_call(openat(fd, "f", O_RDONLY));
    show_call(openat(99, "f", O_RDONLY));
    show_call(close(openat(99, "/", O_RDONLY)));
    show_call(fchdir(dir));
    show_call(access("f", F_OK));
    show_call(chdir(".."));
    show_call(fchdir(fd));
    show_call(close(dup(fd)));
    show_call(ioctl(fd, 0, 0));
    show_call(fsync(fd));
    for (int n = 3; n < 20; n++)
        close(n);
}

static void numbers(void)
{
    struct rlimit limit = {64, 1024}, old;

    show_call(open("a", O_RDONLY));
    show_call(dup(3));
    show_call(dup2(3, 7));
    show_call(dup(3));
    show_call(dup(3));
    show_call(dup(3));
    show_call(dup2(3, 3));
    show_call(dup2(99, 99));
    show_call(dup2(3, -1));
    show_call(dup3(3, 3, 0));
    show_call(dup3(3, 20, O_CLOEXEC));
    show_call(fcntl(20, F_GETFD));
    show_call(dup3(3, 20, 1));
    show_call(fcntl(3, F_DUPFD, 10));
    show_call(fcntl(3, F_DUPFD, 10));
    show_call(fcntl(3, F_DUPFD_CLOEXEC, 30));
    show_call(fcntl(30, F_GETFD));
    show_call(fcntl(3, F_DUPFD, -1));
    show_call(close(5));
    show_call(close(5));
    show_call(close(-1));
    show_call(dup(3));
    getrlimit(RLIMIT_NOFILE, &old);
    setrlimit(RLIMIT_NOFILE, &limit);
    show_call(fcntl(3, F_DUPFD, 64));
    show_call(dup2(3, 64));
    show_call(dup2(3, 63));
    int last = 0;
    while ((errno = 0, last = dup(3)) >= 0)
        continue;
    printf("full: errno %d\n", errno);
    show_call(open("unmade", O_CREAT | O_RDWR, 0600));
    show_call(access("unmade", F_OK));
    show_call(close(40));
    show_call(open("a", O_RDONLY));
    int fds[2];
    show_call(close(41));
    show_call(pipe(fds));
    show_call(dup(3));
    show_call(syscall(SYS_close_range, 10, 50, 0));
    show_call(dup(3));
    show_call(syscall(SYS_close_range, 5, 4, 0));
    show_call(syscall(SYS_close_range, 4, ~0u, 4));
    show_call(fcntl(63, F_GETFD));
    show_call(syscall(SYS_close_range, 4, ~0u, 8));
    show_call(syscall(SYS_close_range, 3, ~0u, 0));
    show_call(fcntl(63, F_GETFD));
    limit.rlim_cur = 1024;
    setrlimit(RLIMIT_NOFILE, &limit);
    int fd = open("a", O_RDONLY);
    int highest = fd;
    while ((last = dup(fd)) >= 0)
        highest = last;
    printf("highest %d\n", highest);
    close(700);
    close(130);
    show_call(dup(fd));
    show_call(dup(fd));
    show_call(syscall(SYS_close_range, 3, ~0u, 0));
}

static void unnamed(void)
{
    struct stat st;
    int fd = open(".", O_TMPFILE | O_RDWR, 0640);

    printf("tmpfile %d\n", fd);
    fstat(fd, &st);
    printf("mode %o links %ld\n", st.st_mode, (long)st.st_nlink);
    show_call(write(fd, "hidden", 6));
    char path[64];
    sprintf(path, "/proc/self/fd/%d", fd);
    show_call(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
    stat("named", &st);
    printf("size %ld links %ld\n", (long)st.st_size, (long)st.st_nlink);
    close(fd);
    show_call(open(".", O_TMPFILE | O_RDONLY, 0600));
    show_call(open("a", O_TMPFILE | O_RDWR, 0600));
    show_call(open(".", (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600));
    fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0640);
    sprintf(path, "/proc/self/fd/%d", fd);
    show_call(linkat(AT_FDCWD, path, AT_FDCWD, "named2", AT_SYMLINK_FOLLOW));
    close(fd);
}

static void how(const char *path, unsigned long long flags, unsigned long long mode, unsigned long long resolve)
{
    struct open_how h = {flags, mode, resolve};
    int fd = syscall(SYS_openat2, AT_FDCWD, path, &h, sizeof h);

    printf("openat2 %s %llx %llo %llx: %s %d\n", path, flags, mode, resolve, fd < 0 ? "errno" : "fd", fd < 0 ? errno : fd);
    if (fd >= 0)
        close(fd);
}

static void openat2_cases(void)
{
    struct {
        struct open_how h;
        long more;
    } longer = {{O_RDONLY, 0, 0}, 0};

    how("a", O_RDONLY, 0, 0);
    how("a", O_RDONLY, 0600, 0);
    how("a2", O_RDWR | O_CREAT, 010600, 0);
    how("a2", O_RDWR | O_CREAT, 0600, 0);
    how("a", O_RDONLY | 1ull << 40, 0, 0);
    how("a", O_PATH | O_RDWR, 0, 0);
    how("to_a", O_RDONLY, 0, RESOLVE_NO_SYMLINKS);
    how("to_dir/f", O_RDONLY, 0, RESOLVE_NO_SYMLINKS);
    how("dir/f", O_RDONLY, 0, RESOLVE_NO_SYMLINKS);
    how("/proc/self/fd/0", O_PATH, 0, RESOLVE_NO_MAGICLINKS);
    how("../x", O_RDONLY, 0, RESOLVE_BENEATH);
    how("..", O_RDONLY, 0, RESOLVE_BENEATH);
    how("dir/..", O_RDONLY, 0, RESOLVE_BENEATH);
    how("dir/../..", O_RDONLY, 0, RESOLVE_BENEATH);
    how("/", O_RDONLY, 0, RESOLVE_BENEATH);
    how("to_a", O_RDONLY, 0, RESOLVE_BENEATH);
    how("/a", O_RDONLY, 0, RESOLVE_IN_ROOT);
    how("../../../a", O_RDONLY, 0, RESOLVE_IN_ROOT);
    how("/proc", O_RDONLY, 0, RESOLVE_NO_XDEV);
    how("a", O_RDONLY, 0, RESOLVE_NO_XDEV);
    how("a", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT);
    how("a", O_RDONLY, 0, 0x100);
    show_call(close(syscall(SYS_openat2, AT_FDCWD, "a", &longer, sizeof longer)));
    longer.more = 1;
    show_call(syscall(SYS_openat2, AT_FDCWD, "a", &longer, sizeof longer));
    show_call(syscall(SYS_openat2, AT_FDCWD, "a", &longer, 8));
}

int main(void)
{
    creation();
    long_names();
    status_flags();
    links();
    path_descriptors();
    numbers();
    unnamed();
    openat2_cases();
    return 0;
}
