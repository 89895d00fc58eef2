/*
 * Names: mkdir, mknod, rmdir, unlink, link, symlink, rename, and what they refuse.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "abi_test.h"

static void make(const char *name)
{
    close(open(name, O_CREAT | O_RDWR, 0644));
}

static void show_links(const char *name)
{
    struct stat st;

    if (lstat(name, &st))
        printf("%s: errno %d\n", name, errno);
    else
        printf("%s: mode %o links %ld size %ld\n", name, st.st_mode, (long)st.st_nlink, (long)st.st_size);
}

static int compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void show_list(const char *dir)
{
    struct dirent **list;
    int n = scandir(dir, &list, NULL, compare);

    printf("%s:", dir);
    for (int i = 0; i < n; i++)
        printf(" %s(%d)", list[i]->d_name, list[i]->d_type);
    printf("\n");
}

static void directories(void)
{
    show_call(mkdir("d", 0755));
    show_call(mkdir("d", 0755));
    show_call(mkdir("d/", 0755));
    show_call(mkdir("slash/", 01777));
    show_call(mkdir("none/x", 0755));
    show_call(mkdir(".", 0755));
    show_call(mkdir("..", 0755));
    show_call(mkdir("/", 0755));
    show_call(mkdir("", 0755));
    show_call(mkdir("setid", 06755));
    show_links("setid");
    show_links("slash");
    show_call(mkdir("d/e", 0755));
    show_links("d");
    show_call(rmdir("d"));
    show_call(rmdir("d/e/."));
    show_call(rmdir("d/e/.."));
    show_call(rmdir("/"));
    show_call(rmdir("d/e/"));
    show_links("d");
    make("f");
    show_call(rmdir("f"));
    show_call(mkdir("f/x", 0755));
    show_call(rmdir("none"));
    show_call(unlink("d"));
    show_call(unlink("d/"));
    show_call(unlink("f/"));
    show_call(unlink("."));
    show_call(unlink("/"));
    show_call(unlink("none"));
    show_call(unlinkat(AT_FDCWD, "f", 0x1000));
    show_call(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
    show_call(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR));
    show_list(".");
    rmdir("slash");
    rmdir("setid");
}

static void dead_directories(void)
{
    char cwd[64];

    mkdir("dead", 0755);
    int fd = open("dead", O_RDONLY);
    chdir("dead");
    show_call(rmdir("../dead"));
    show_call(open("x", O_CREAT | O_RDWR, 0600));
    show_call(mkdir("x", 0755));
    show_call(open(".", O_RDONLY) > 0);
    show_call(access("..", F_OK));
    show_call(access("x", F_OK));
    show_call(syscall(SYS_getcwd, cwd, sizeof cwd));
    show_call(openat(fd, "y", O_CREAT | O_RDWR, 0600));
    show_call(syscall(SYS_getdents64, fd, cwd, sizeof cwd));
    struct stat st;
    fstat(fd, &st);
    show("links", st.st_nlink);
    chdir("..");
    close(fd);
}

static void hard_links(void)
{
    make("f");
    show_call(link("f", "g"));
    show_links("f");
    show_call(link("f", "g"));
    show_call(link("none", "h"));
    show_call(link("d", "h"));
    show_call(link(".", "h"));
    show_call(link("f", "h/"));
    show_call(link("f", "none/h"));
    symlink("f", "s");
    show_call(link("s", "s2"));
    show_links("s2");
    show_call(linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW));
    show_links("s3");
    show_call(linkat(AT_FDCWD, "s", AT_FDCWD, "s4", 0x10000));
    int fd = open("f", O_RDONLY);
    show_call(linkat(fd, "", AT_FDCWD, "s5", AT_EMPTY_PATH));
    show_call(linkat(fd, "", AT_FDCWD, "s6", 0));
    show_call(link("f", "/proc/x"));
    show_call(unlink("f"));
    show_links("g");
    unlink("g"), unlink("s3"), unlink("s5");
    show_call(linkat(fd, "", AT_FDCWD, "s7", AT_EMPTY_PATH));
    struct stat st;
    fstat(fd, &st);
    show("links", st.st_nlink);
    close(fd);
    unlink("s"), unlink("s2");
}

static void symbolic_links(void)
{
    char target[5000];

    show_call(symlink("", "e"));
    show_call(symlink("x", ""));
    show_call(symlink("x", "l"));
    show_call(symlink("x", "l"));
    show_call(symlink("x", "l/"));
    show_call(symlink("x", "m/"));
    show_call(readlink("l", target, 100));
    show_call(readlink("l", target, 0));
    show_call(readlink(".", target, 10));
    show_call(readlink("none", target, 10));
    show_call(readlink("", target, 10));
    show_call(readlink("l/", target, 10));
    memset(target, 't', sizeof target);
    target[4095] = 0;
    show_ok(symlink(target, "long"));
    show_links("long");
    show_call(readlink("long", target, 5));
    target[4095] = 't', target[4096] = 0;
    show_ok(symlink(target, "longer"));
    show_links("l");
    show_call(chmod("l", 0600));
    mkdir("real", 0755);
    make("real/f");
    symlink("real", "alias");
    show_call(unlink("alias/"));
    show_call(rmdir("alias"));
    show_call(rmdir("alias/"));
    show_call(mkdir("alias/sub", 0755));
    show_list("real");
    show_call(rename("alias/f", "alias/g"));
    show_call(mkdir("l/", 0755));
    show_call(mkdir("l", 0755));
    show_list(".");
    unlink("l"), unlink("long"), unlink("alias"), unlink("real/g"), rmdir("real/sub"), rmdir("real");
}

static void renames(void)
{
    make("a"), make("b");
    mkdir("d1", 0755), mkdir("d2", 0755), mkdir("d1/sub", 0755);
    make("d2/file");
    show_call(rename("a", "c"));
    show_call(rename("a", "c"));
    show_call(rename("c", "b"));
    show_call(rename("b", "b"));
    show_call(rename("b", "d1"));
    show_call(rename("d1", "b"));
    show_call(rename("d1", "d2"));
    show_call(rename("d2", "d1/sub"));
    show_list("d1/sub");
    show_links("d1");
    show_call(rename("d1", "d1/sub/x"));
    show_call(rename("d1", "d1/x"));
    show_call(rename("d1/sub", "d1"));
    show_call(rename("b/", "c"));
    show_call(rename("b", "c/"));
    show_call(rename("d1", "newdir/"));
    show_call(rename("newdir/", "d1"));
    show_call(rename(".", "x"));
    show_call(rename("d1/.", "x"));
    show_call(rename("d1", "."));
    show_call(rename("d1", ".."));
    show_call(rename("none", "none2"));
    show_call(rename("b", "none/x"));
    show_call(rename("b", ""));
    show_call(rename("b", "/proc/x"));
    link("b", "b2");
    show_call(rename("b", "b2"));
    show_links("b");
    show_call(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "b2", 1));
    show_call(syscall(SYS_renameat2, AT_FDCWD, "b", AT_FDCWD, "b3", 1));
    show_call(syscall(SYS_renameat2, AT_FDCWD, "b2", AT_FDCWD, "d1", 2));
    show_links("d1");
    show_links("b2");
    show_call(syscall(SYS_renameat2, AT_FDCWD, "d1", AT_FDCWD, "b2", 2));
    show_call(syscall(SYS_renameat2, AT_FDCWD, "d1", AT_FDCWD, "d1/sub", 2));
    show_call(syscall(SYS_renameat2, AT_FDCWD, "d1/sub", AT_FDCWD, "d1", 2));
    show_call(syscall(SYS_renameat2, AT_FDCWD, "b2", AT_FDCWD, "none", 2));
    show_call(syscall(SYS_renameat2, AT_FDCWD, "b2", AT_FDCWD, "b3", 3));
    show_call(syscall(SYS_renameat2, AT_FDCWD, "b2", AT_FDCWD, "b3", 0x100));
    mkdir("x1", 0755), mkdir("x2", 0755), mkdir("x1/inner", 0755), make("x2/leaf");
    show_call(syscall(SYS_renameat2, AT_FDCWD, "x1/inner", AT_FDCWD, "x2/leaf", 2));
    show_links("x1"), show_links("x2"), show_links("x1/inner"), show_links("x2/leaf");
    show_list("x1"), show_list("x2");
    chdir("x2/leaf");
    show_call(rename("../leaf", "../../x1/moved"));
    char cwd[256];
    getcwd(cwd, sizeof cwd);
    printf("%s\n", strstr(cwd, "/x1") ? strstr(cwd, "/x1") : "?");
    chdir("../..");
    show_list(".");
    char longer[300];
    memset(longer, 'n', 299), longer[299] = 0;
    show_ok(rename("b2", longer));
    longer[200] = 0;
    show_ok(rename("b2", longer));
    show_ok(syscall(SYS_renameat2, AT_FDCWD, longer, AT_FDCWD, "b3", 2));
    show_ok(access(longer, F_OK));
    show_ok(rename(longer, "b2"));
}

static void nodes(void)
{
    struct stat st;

    show_call(mknod("reg", 0644, 0));
    show_links("reg");
    show_call(mknod("reg", S_IFREG | 0644, 0));
    show_call(mknod("fifo", S_IFIFO | 0666, 0));
    show_links("fifo");
    show_call(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    show_call(mknod("wild", S_IFCHR | 0666, makedev(0xabc, 0xdef01)));
    show_call(mknod("block", S_IFBLK | 0600, makedev(7, 200)));
    show_call(mknod("sock", S_IFSOCK | 0600, 0));
    show_call(mknod("dir", S_IFDIR | 0600, 0));
    show_call(mknod("bad", 0170000 | 0600, 0));
    show_call(mknod("new/", S_IFREG | 0600, 0));
    stat("wild", &st);
    printf("rdev %x:%x\n", major(st.st_rdev), minor(st.st_rdev));
    show_call(open("wild", O_RDONLY));
    show_call(open("sock", O_RDONLY));
    show_call(close(open("null", O_WRONLY)));
    show_call(close(open("wild", O_PATH)));
    show_call(rename("sock", "sock2"));
    show_list(".");
}

int main(void)
{
    umask(022);
    directories();
    dead_directories();
    hard_links();
    symbolic_links();
    renames();
    nodes();
    return 0;
}
