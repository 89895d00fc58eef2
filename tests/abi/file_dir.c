/*
 * Directories read in pieces while they change; the working directory; chroot.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "abi_test.h"

struct entry {
    unsigned long ino;
    long off;
    unsigned short len;
    unsigned char type;
    char name[];
};

static char seen[3000];

/* Reads on with a buffer of this size; counts the names f0 .. f2999 and the rest. */
static int read_on(int fd, int size, int limit)
{
    char buf[65536];
    int total = 0, n;

    while (limit-- && (n = syscall(SYS_getdents64, fd, buf, size)) > 0) {
        for (int at = 0; at < n; at += ((struct entry *)(buf + at))->len) {
            struct entry *e = (void *)(buf + at);
            int number;
            if (sscanf(e->name, "f%d", &number) == 1)
                seen[number]++;
            total++;
            if (e->len % 8 || e->len < 19 + strlen(e->name) + 1)
                printf("bad length %d\n", e->len);
        }
    }
    return total;
}

static int count(int value, int first, int last)
{
    int n = 0;

    for (int i = first; i < last; i++)
        n += seen[i] == value;
    return n;
}

static void pieces(void)
{
    char name[32], buf[64];

    mkdir("big", 0755);
    for (int i = 0; i < 3000; i++) {
        sprintf(name, "big/f%d", i);
        close(open(name, O_CREAT | O_RDWR, 0600));
    }
    int fd = open("big", O_RDONLY | O_DIRECTORY);
    show("total", read_on(fd, 4096, -1));
    show("once", count(1, 0, 3000));
    show("more", read_on(fd, 4096, -1));
    show_call(lseek(fd, 0, SEEK_SET));
    memset(seen, 0, sizeof seen);
    read_on(fd, 4096, 5);
    for (int i = 0; i < 3000; i += 2) {
        sprintf(name, "big/f%d", i);
        unlink(name);
    }
    read_on(fd, 4096, -1);
    int odd = 0;
    for (int i = 1; i < 3000; i += 2)
        odd += seen[i] == 1;
    show("odd once", odd);
    show_call(syscall(SYS_getdents64, fd, buf, 1));
    lseek(fd, 0, SEEK_SET);
    show_call(syscall(SYS_getdents64, fd, buf, 10));
    show_call(syscall(SYS_getdents64, fd, buf, 24));
    show_call(syscall(SYS_getdents64, fd, NULL, 100));
    show_call(syscall(SYS_getdents64, 99, buf, 100));
    lseek(fd, 0, SEEK_SET);
    show_call(syscall(SYS_getdents, fd, buf, 24));
    printf("type %d\n", buf[23]);
    close(fd);
    fd = open("big/f1", O_RDONLY);
    show_call(syscall(SYS_getdents64, fd, buf, 64));
    close(fd);
    /* telldir and seekdir lead back to the same place */
    DIR *d = opendir("big");
    char at_100[64] = "";
    long where = 0;
    for (int i = 0; i < 200; i++) {
        if (i == 100)
            where = telldir(d);
        struct dirent *e = readdir(d);
        if (i == 100)
            strcpy(at_100, e->d_name);
    }
    seekdir(d, where);
    show("same", !strcmp(readdir(d)->d_name, at_100));
    closedir(d);
    fd = open("big", O_RDONLY);
    show_call(lseek(fd, -1, SEEK_SET));
    show_call(lseek(fd, 0, SEEK_CUR));
    close(fd);
    for (int i = 0; i < 3000; i++) {
        sprintf(name, "big/f%d", i);
        unlink(name);
    }
    show_call(rmdir("big"));
}

static void working_directory(void)
{
    char buf[4096], start[4096];

    getcwd(start, sizeof start);
    mkdir("w", 0755), mkdir("w/x", 0755);
    show_call(chdir("w/x"));
    show_call(syscall(SYS_getcwd, buf, sizeof buf) - (long)strlen(start));
    printf("%s\n", buf + strlen(start));
    show_call(syscall(SYS_getcwd, buf, 3));
    show_call(syscall(SYS_getcwd, NULL, 4096));
    show_call(chdir("none"));
    show_call(chdir(""));
    show_call(chdir("../../w"));
    close(open("file", O_CREAT | O_RDWR, 0600));
    show_call(chdir("file"));
    int fd = open("x", O_RDONLY), file = open("file", O_RDONLY);
    show_call(fchdir(fd));
    show_call(fchdir(file));
    show_call(fchdir(99));
    show_call(rename("../x", "../y"));
    getcwd(buf, sizeof buf);
    printf("%s\n", buf + strlen(start));
    show_call(access("../../w/y/../file", F_OK));
    show_call(access("../../w/file/..", F_OK));
    show_call(access("../../w/none/..", F_OK));
    show_call(access("//tmp///..//tmp/.", F_OK));
    show_call(access("/../../../tmp", F_OK));
    chdir(start);
    close(fd), close(file);
    fflush(stdout);
    if (!fork()) {
        mkdir("jail", 0755), mkdir("jail/in", 0755), symlink("/in", "jail/abs");
        show_call(chroot("none"));
        show_call(chroot("w/file"));
        show_call(chroot("jail"));
        show_call(syscall(SYS_getcwd, buf, sizeof buf) > 0);
        printf("%.13s\n", buf);
        show_call(chdir("/"));
        show_call(syscall(SYS_getcwd, buf, sizeof buf));
        show_call(access("/in", F_OK));
        show_call(access("/../in", F_OK));
        show_call(access("/abs/.", F_OK));
        show_call(access("/tmp", F_OK));
        show_call(chdir("/abs"));
        getcwd(buf, sizeof buf);
        printf("%s\n", buf);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

int main(void)
{
    pieces();
    working_directory();
    return 0;
}
