/*
 * Who may do what: modes, owners, groups, sticky directories, umask, set-id bits.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "abi_test.h"

static void show_mode(const char *name)
{
    struct stat st;

    if (lstat(name, &st))
        printf("%s: errno %d\n", name, errno);
    else
        printf("%s: mode %o uid %d gid %d\n", name, st.st_mode, st.st_uid, st.st_gid);
}

static void make(const char *name, int mode, int uid, int gid)
{
    close(open(name, O_CREAT | O_RDWR, 0600));
    chown(name, uid, gid);
    chmod(name, mode);
}

/* The same questions as another user, in a child. */
static void as_user(int uid, int gid, void (*ask)(void))
{
    int status;
    gid_t more[] = {500};

    printf("-- as %d:%d\n", uid, gid);
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        setgroups(1, more);
        setresgid(gid, gid, gid);
        setresuid(uid, uid, uid);
        ask();
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
}

static void opens(void)
{
    static const char *names[] = {"o700", "o070", "o007", "o644", "g500", "none", "exec_only", "dir/in", "closed/in", "listed"};

    for (unsigned n = 0; n < sizeof names / sizeof *names; n++) {
        int r = open(names[n], O_RDONLY), re = r < 0 ? errno : 0;
        int w = open(names[n], O_WRONLY), we = w < 0 ? errno : 0;
        int a = access(names[n], R_OK) ? errno : 0, b = access(names[n], W_OK) ? errno : 0;
        int c = access(names[n], X_OK) ? errno : 0, d = access(names[n], F_OK) ? errno : 0;
        printf("%s: open r %d w %d access r %d w %d x %d f %d\n", names[n], re, we, a, b, c, d);
        close(r), close(w);
    }
    show_ok(access("o644", 8));
    show_ok(faccessat(AT_FDCWD, "o700", R_OK, AT_EACCESS));
    show_ok(syscall(SYS_faccessat2, AT_FDCWD, "o700", R_OK, 0x4000));
}

static void changes(void)
{
    show_ok(chmod("o700", 0777));
    show_ok(chmod("mine", 02755));
    show_mode("mine");
    show_ok(chmod("grouped", 02755));
    show_mode("grouped");
    show_ok(chown("mine", 1000, -1));
    show_ok(chown("mine", 1001, -1));
    show_ok(chown("mine", -1, 500));
    show_ok(chown("mine", -1, 501));
    show_mode("mine");
    show_ok(chown("o700", -1, -1));
    show_ok(lchown("o700", 5, 5));
    show_ok(mkdir("x", 0755));
    show_ok(mkdir("open/x", 0755));
    show_ok(unlink("o644"));
    show_ok(unlink("open/theirs"));
    show_ok(unlink("sticky/theirs"));
    show_ok(rename("sticky/theirs", "open/stolen"));
    show_ok(unlink("sticky/mine"));
    show_ok(rmdir("sticky/dir"));
    show_ok(rename("open/theirs2", "sticky/y"));
    show_ok(link("o700", "open/l"));
    show_ok(symlink("q", "open/s"));
    show_ok(truncate("o700", 0));
    show_ok(truncate("o644", 0));
    show_ok(chdir("closed"));
    show_ok(chdir("listed"));
    show_ok(mknod("open/dev", S_IFCHR | 0666, 0x103));
    show_ok(mknod("open/fifo", S_IFIFO | 0666, 0));
    show_ok(chroot("."));
    show_ok(open("o644", O_RDONLY | O_NOATIME));
    show_ok(open("mine", O_RDONLY | O_NOATIME));
    show_ok(utimensat(AT_FDCWD, "o644", NULL, 0));
    struct timespec t[2] = {{1, 0}, {2, 0}};
    show_ok(utimensat(AT_FDCWD, "o644", t, 0));
    show_ok(utimensat(AT_FDCWD, "w666", NULL, 0));
    show_ok(utimensat(AT_FDCWD, "w666", t, 0));
    show_ok(utimensat(AT_FDCWD, "mine", t, 0));
    int fd = open("setuid", O_WRONLY);
    show_ok(write(fd, "x", 1));
    show_mode("setuid");
}

static void modes(void)
{
    umask(0);
    show("umask", umask(077));
    make("m", 07777, 0, 0);
    show_mode("m");
    show_ok(chown("m", 5, 6));
    show_mode("m");
    show_ok(chmod("m", 0170000 | 02644));
    show_ok(chown("m", 0, 0));
    show_mode("m");
    show_ok(fchmodat(AT_FDCWD, "m", 0600, 0));
    int fd = open("m", O_RDONLY);
    show_ok(fchmod(fd, 0123));
    show_ok(fchown(fd, 7, 8));
    show_ok(fchmod(99, 0));
    show_mode("m");
    show("umask", umask(01777));
    show("umask", umask(022));
    mkdir("sg", 0755);
    chown("sg", 0, 77);
    chmod("sg", 02755);
    close(open("sg/f", O_CREAT | O_RDWR, 0644));
    mkdir("sg/d", 0755);
    show_mode("sg/f"), show_mode("sg/d");
    symlink("m", "l");
    show_ok(lchown("l", 3, 4));
    show_mode("l");
    show_ok(fchownat(AT_FDCWD, "l", 9, 9, 0));
    show_mode("l"), show_mode("m");
    show_ok(fchownat(fd, "", 10, 10, AT_EMPTY_PATH));
    show_ok(fchownat(AT_FDCWD, "m", 10, 10, 0x8000));
    show_mode("m");
    close(fd);
}

static void times(void)
{
    struct timespec t[2] = {{1000000000, 123456789}, {-5, 0}};
    struct stat st;

    close(open("t", O_CREAT | O_RDWR, 0600));
    t[1].tv_sec = 2000000000;
    show_ok(utimensat(AT_FDCWD, "t", t, 0));
    stat("t", &st);
    printf("%ld.%ld %ld.%ld\n", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    t[0].tv_nsec = UTIME_OMIT, t[1].tv_nsec = 5;
    show_ok(utimensat(AT_FDCWD, "t", t, 0));
    stat("t", &st);
    printf("%ld.%ld %ld.%ld\n", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    t[1].tv_nsec = 1000000000;
    show_ok(utimensat(AT_FDCWD, "t", t, 0));
    t[0].tv_nsec = t[1].tv_nsec = UTIME_OMIT;
    show_ok(utimensat(AT_FDCWD, "none", t, 0));
    t[0].tv_nsec = UTIME_NOW, t[1].tv_nsec = UTIME_NOW;
    show_ok(utimensat(AT_FDCWD, "none", t, 0));
    show_ok(utimensat(AT_FDCWD, "t", t, 0x8000));
    int fd = open("t", O_RDONLY);
    show_ok(syscall(SYS_utimensat, fd, NULL, NULL, 0));
    show_ok(syscall(SYS_utimensat, fd, NULL, NULL, AT_SYMLINK_NOFOLLOW));
    show_ok(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0));
    long u[2] = {11, 22};
    show_ok(syscall(SYS_utime, "t", u));
    stat("t", &st);
    printf("%ld %ld\n", st.st_atim.tv_sec, st.st_mtim.tv_sec);
    long tv[4] = {33, 500000, 44, 999999};
    show_ok(syscall(SYS_utimes, "t", tv));
    stat("t", &st);
    printf("%ld.%ld %ld.%ld\n", st.st_atim.tv_sec, st.st_atim.tv_nsec, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    tv[3] = 1000000;
    show_ok(syscall(SYS_utimes, "t", tv));
    show_ok(syscall(SYS_futimesat, AT_FDCWD, "t", NULL));
    symlink("t", "tl");
    t[0] = t[1] = (struct timespec){77, 0};
    show_ok(utimensat(AT_FDCWD, "tl", t, AT_SYMLINK_NOFOLLOW));
    lstat("tl", &st);
    printf("%ld\n", st.st_mtim.tv_sec);
    /* what moves which time */
    char c;
    t[0] = t[1] = (struct timespec){100, 0};
    utimensat(AT_FDCWD, "t", t, 0);
    fd = open("t", O_RDWR);
    write(fd, "x", 1);
    fstat(fd, &st);
    printf("after write: atime old %d mtime old %d\n", st.st_atim.tv_sec == 100, st.st_mtim.tv_sec == 100);
    utimensat(AT_FDCWD, "t", t, 0);
    pread(fd, &c, 1, 0);
    fstat(fd, &st);
    printf("after read: atime old %d mtime old %d\n", st.st_atim.tv_sec == 100, st.st_mtim.tv_sec == 100);
    utimensat(AT_FDCWD, "t", t, 0);
    ftruncate(fd, 0);
    fstat(fd, &st);
    printf("after truncate: mtime old %d\n", st.st_mtim.tv_sec == 100);
    mkdir("td", 0755);
    utimensat(AT_FDCWD, "td", t, 0);
    close(open("td/x", O_CREAT | O_RDWR, 0600));
    stat("td", &st);
    printf("after create: dir mtime old %d\n", st.st_mtim.tv_sec == 100);
}

int main(void)
{
    umask(022);
    chmod(".", 0755);
    make("o700", 0700, 0, 0), make("o070", 0070, 1000, 500), make("o007", 0007, 1000, 500), make("o644", 0644, 0, 0);
    make("g500", 0640, 0, 500), make("exec_only", 0111, 0, 0), make("mine", 0600, 1000, 1000);
    make("grouped", 0600, 1000, 7), make("w666", 0666, 0, 0), make("setuid", 06777, 0, 0);
    mkdir("dir", 0755), make("dir/in", 0644, 0, 0);
    mkdir("closed", 0755), make("closed/in", 0644, 0, 0), chmod("closed", 0700);
    mkdir("listed", 0755), chmod("listed", 0744);
    mkdir("open", 0755), make("open/theirs", 0600, 0, 0), make("open/theirs2", 0600, 0, 0), chmod("open", 0777);
    mkdir("sticky", 0755), make("sticky/theirs", 0666, 0, 0), make("sticky/mine", 0666, 1000, 1000);
    mkdir("sticky/dir", 0777), chmod("sticky", 01777);
    opens();
    as_user(1000, 1000, opens);
    as_user(2000, 500, opens);
    as_user(2000, 2000, opens);
    as_user(1000, 1000, changes);
    modes();
    times();
    return 0;
}
