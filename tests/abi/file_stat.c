/*
 * stat, statx, access, readlink, statfs: fields, flags, errors.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/stat.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include "abi_test.h"

static void show_stat(const char *what, const struct stat *st)
{
    printf("%s: mode %o links %ld uid %d gid %d size %ld blksize %ld blocks %ld rdev %lx\n", what, st->st_mode, (long)st->st_nlink,
           st->st_uid, st->st_gid, (long)st->st_size, (long)st->st_blksize, (long)st->st_blocks, (long)st->st_rdev);
}

static void show_statx(const char *path, int flags, unsigned mask)
{
    struct statx x;
    int fd = AT_FDCWD;

    memset(&x, 0xee, sizeof x);
    long r = syscall(SYS_statx, fd, path, flags, mask, &x);
    if (r) {
        printf("statx %s %x %x: errno %d\n", path, flags, mask, errno);
        return;
    }
    printf("statx %s %x %x: mask %x mode %o links %d size %ld blocks %ld blksize %d dev ok %d times %d\n", path, flags, mask,
           x.stx_mask & 0xfff, x.stx_mode, x.stx_nlink, (long)x.stx_size, (long)x.stx_blocks, x.stx_blksize,
           x.stx_dev_major == 0, x.stx_btime.tv_sec > 1000000000 && x.stx_mtime.tv_sec > 1000000000);
}

int main(void)
{
    struct stat st, st2;
    struct statfs fs;
    char buf[10];

    int fd = open("f", O_CREAT | O_RDWR, 0640);
    write(fd, "12345", 5);
    symlink("f", "l"), symlink("none", "dangling"), mkdir("d", 0750);
    show_call(stat("f", &st));
    show_stat("f", &st);
    show_call(stat("l", &st2));
    show("same", st.st_ino == st2.st_ino && st.st_dev == st2.st_dev);
    show_call(lstat("l", &st));
    show_stat("l", &st);
    show_call(stat("dangling", &st));
    show_call(lstat("dangling", &st));
    show_call(stat("d", &st));
    show("d links", st.st_nlink);
    show_call(stat("", &st));
    show_call(stat("f/", &st));
    show_call(stat("f/x", &st));
    show_call(stat("d/", &st));
    show_call(stat("l/", &st));
    show_call(stat((char *)8, &st));
    show_call(stat("f", (void *)8));
    show_call(fstat(fd, &st));
    show_stat("fd", &st);
    show_call(fstat(99, &st));
    show_call(fstatat(AT_FDCWD, "l", &st, AT_SYMLINK_NOFOLLOW));
    show_call(fstatat(fd, "", &st, AT_EMPTY_PATH));
    show_call(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
    show("dir", S_ISDIR(st.st_mode));
    show_call(fstatat(fd, "", &st, 0));
    show_call(fstatat(fd, "x", &st, 0));
    show_call(fstatat(99, "", &st, AT_EMPTY_PATH));
    show_call(syscall(SYS_newfstatat, AT_FDCWD, "f", &st, 0x8000));
    int pipes[2];
    pipe(pipes);
    show_call(fstatat(pipes[0], "", &st, AT_EMPTY_PATH));
    show("fifo", S_ISFIFO(st.st_mode));
    show_statx("f", 0, STATX_BASIC_STATS | STATX_BTIME);
    show_statx("l", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME);
    show_statx("none", 0, STATX_BASIC_STATS);
    show_statx("f", 0x8000, STATX_BASIC_STATS);
    show_statx("f", 0x6000, STATX_BASIC_STATS);
    show_statx("f", 0x4000, STATX_BASIC_STATS | STATX_BTIME);
    show_statx("f", 0, 0x80000000);
    show_statx("", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME);
    show_call(access("f", R_OK | W_OK));
    show_call(access("f", X_OK));
    show_call(access("d", X_OK));
    show_call(access("dangling", F_OK));
    show_call(access("f", 8));
    show_call(syscall(SYS_faccessat2, AT_FDCWD, "dangling", F_OK, AT_SYMLINK_NOFOLLOW));
    show_call(syscall(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH));
    memset(buf, '#', sizeof buf);
    show_call(readlink("dangling", buf, 3));
    printf("%.5s\n", buf);
    show_call(readlink("dangling", (void *)8, 3));
    show_call(statfs(".", &fs));
    printf("type %lx bsize %ld frsize %ld namelen %ld\n", (long)fs.f_type, (long)fs.f_bsize, (long)fs.f_frsize, (long)fs.f_namelen);
    show_call(fstatfs(fd, &fs));
    show_call(statfs("none", &fs));
    show_call(fstatfs(99, &fs));
    show_call(statfs(".", (void *)8));
    int path = open("f", O_PATH);
    show_call(fstatfs(path, &fs));
    return 0;
}
