/*
 * mount(2) and umount(2), with tmpfs and bind mounts.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "abi_test.h"

static void show_here(const char *name)
{
    struct stat st;
    struct statfs fs;

    show_ok(stat(name, &st));
    statfs(name, &fs);
    printf("%s: mode %o type %lx flags %lx blocks %ld\n", name, st.st_mode, (long)fs.f_type, (long)fs.f_flags & 0x1f,
           fs.f_blocks < 1000 ? (long)fs.f_blocks : 0L); /* more depends on the memory */
}

int main(void)
{
    char here[256], path[300];

    unshare(CLONE_NEWNS);
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    getcwd(here, sizeof here);
    mkdir("m", 0711), mkdir("n", 0700), mkdir("m/under", 0700);
    close(open("file", O_CREAT | O_RDWR, 0600));
    show_ok(mount("x", "none", "tmpfs", 0, NULL));
    show_ok(mount("x", "file", "tmpfs", 0, NULL));
    show_ok(mount("x", "m", "nosuchfs", 0, NULL));
    show_ok(mount("x", "m", "tmpfs", 0, "size=1m,mode=750"));
    show_here("m");
    show_ok(access("m/under", F_OK));
    show_ok(mount("x", "m", "tmpfs", 0, "bogus=1"));
    show_ok(mount("x", "m", "tmpfs", 0, "size=abc"));
    show_ok(mkdir("m/sub", 0755));
    show_ok(rename("m/sub", "sub"));
    show_ok(link("file", "m/file"));
    show_ok(rmdir("m"));
    show_ok(rename("m", "m2"));
    int fd = open("m/big", O_CREAT | O_RDWR, 0600);
    static char block[65536];
    long total = 0, n;
    while ((n = write(fd, block, sizeof block)) > 0)
        total += n;
    printf("full at %ld errno %d\n", total, errno);
    show_ok(umount("m"));
    close(fd);
    chdir("m/sub");
    show_ok(umount("../../m"));
    chdir(here);
    show_ok(mount("m/sub", "n", NULL, MS_BIND, NULL));
    close(open("n/inside", O_CREAT | O_RDWR, 0600));
    show_ok(access("m/sub/inside", F_OK));
    show_ok(umount("m"));
    show_ok(umount("n"));
    show_ok(umount("n"));
    show_ok(umount("none"));
    show_ok(umount("file"));
    show_ok(mount("x", "n", "tmpfs", MS_NODEV | MS_NOSUID | MS_NOEXEC, NULL));
    show_here("n");
    show_ok(mknod("n/null", S_IFCHR | 0666, 0x103));
    show_ok(open("n/null", O_RDONLY));
    close(open("n/x", O_CREAT | O_RDWR, 0755));
    show_ok(access("n/x", X_OK));
    show_ok(execl("n/x", "x", NULL));
    show_ok(mount(NULL, "n", NULL, MS_REMOUNT | MS_RDONLY, NULL));
    show_ok(open("n/new", O_CREAT | O_RDWR, 0600));
    show_ok(open("n/x", O_WRONLY));
    show_ok(close(open("n/x", O_RDONLY)));
    show_ok(mkdir("n/d", 0700));
    show_ok(unlink("n/x"));
    show_ok(chmod("n/x", 0700));
    show_ok(truncate("n/x", 0));
    show_ok(access("n/x", W_OK));
    show_ok(rename("n/x", "n/y"));
    fd = open("n/x", O_RDONLY);
    show_ok(umount2("n", MNT_DETACH));
    show_ok(read(fd, block, 1));
    show_ok(openat(fd, "", O_RDONLY));
    close(fd);
    show_ok(access("n/x", F_OK));
    /* one over the other; the parent of the root of a mount; a path through it */
    mount("a", "m", "tmpfs", 0, NULL), mkdir("m/a", 0700);
    mount("b", "m", "tmpfs", 0, NULL), mkdir("m/b", 0700);
    show_ok(access("m/a", F_OK));
    show_ok(access("m/b/../../m/b/..", F_OK));
    chdir("m/b");
    getcwd(path, sizeof path);
    printf("%s\n", path + strlen(here));
    chdir("../..");
    getcwd(path, sizeof path);
    printf("%s\n", path + strlen(here));
    show_ok(umount("m"));
    show_ok(access("m/a", F_OK));
    show_ok(umount("m"));
    show_ok(access("m/under", F_OK));
    /* a file can be mounted on a file */
    close(open("g", O_CREAT | O_RDWR, 0600));
    fd = open("file", O_RDWR);
    write(fd, "bound", 5);
    close(fd);
    show_ok(mount("file", "g", NULL, MS_BIND, NULL));
    show_ok(mount("file", "m", NULL, MS_BIND, NULL));
    struct stat st;
    stat("g", &st);
    show("size", st.st_size);
    show_ok(unlink("g"));
    show_ok(umount("g"));
    stat("g", &st);
    show("size", st.st_size);
    show_ok(umount2("g", 0x100));
    return 0;
}
