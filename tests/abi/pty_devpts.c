/*
 * devpts: instances with options, what may be done in them, ptmx in and beside them.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "abi_test.h"

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void show_names(const char *folder)
{
    char *names[16];
    size_t count = 0;
    DIR *d = opendir(folder);

    for (struct dirent *e = d ? readdir(d) : NULL; e && count < 16; e = readdir(d))
        names[count++] = strdup(e->d_name);
    closedir(d);
    qsort(names, count, sizeof *names, compare);
    printf("names:");
    for (size_t i = 0; i < count; i++)
        printf(" %s", names[i]);
    printf("\n");
}

static void show_stat(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0) {
        printf("%s: errno %d\n", path, errno);
        return;
    }
    printf("%s: mode %o, owner %u %u, device %u %u, inode %lu, links %lu, size %ld, block %ld\n", path, st.st_mode,
           st.st_uid, st.st_gid, major(st.st_rdev), minor(st.st_rdev), st.st_ino, S_ISDIR(st.st_mode) ? 0 : st.st_nlink,
           (long)st.st_size, (long)st.st_blksize);
}

static void show_mount_line(const char *where)
{
    FILE *f = fopen("/proc/self/mounts", "r");
    char line[1024];

    while (f && fgets(line, sizeof line, f)) {
        char *options = strstr(line, " devpts ");
        if (options && strstr(line, where))
            printf("mounted:%s", strstr(options, ",mode") ? strstr(options, ",mode") : options);
    }
    if (f)
        fclose(f);
}

static int unlock(int master)
{
    int zero = 0;

    return ioctl(master, TIOCSPTLCK, &zero);
}

static void show_options(void)
{
    mkdir("a", 0755);
    show_call(mount("x", "a", "devpts", 0, "mode=0627,ptmxmode=0640,gid=7,uid=9"));
    show_stat("a");
    show_stat("a/ptmx");
    show_names("a");
    int m = SHOW(open("a/ptmx", O_RDWR));
    show_stat("a/0");
    show_call(unlock(m));
    int s = SHOW(open("a/0", O_RDWR | O_NOCTTY));
    int n = SHOW(open("a/ptmx", O_RDWR));
    show_names("a");
    struct statfs fs;
    statfs("a", &fs);
    printf("file system: %lx\n", (long)fs.f_type);
    show_call(umount("a"));
    close(s);
    close(n);
    close(m);
    show_names("a");
    show_call(umount("a"));
    show_call(mount("x", "a", "devpts", 0, ""));
    show_mount_line("/a ");
    show_call(umount("a"));
    show_call(mount("x", "a", "devpts", 0, "max=2,newinstance"));
    m = SHOW(open("a/ptmx", O_RDWR));
    n = SHOW(open("a/ptmx", O_RDWR));
    show_call(open("a/ptmx", O_RDWR));
    close(m);
    m = SHOW(open("a/ptmx", O_RDWR));
    close(m);
    close(n);
    show_call(umount("a"));
}

static void show_wrong_options(void)
{
    show_call(mount("x", "a", "devpts", 0, "mode=9"));
    show_call(mount("x", "a", "devpts", 0, "mode="));
    show_call(mount("x", "a", "devpts", 0, "nonsense"));
    show_call(mount("x", "a", "devpts", 0, "gid=x"));
    show_call(mount("x", "a", "devpts", 0, "max=-1"));
    show_call(mount("x", "a", "devpts", 0, "max=2000000"));
    show_call(mount("x", "a", "devpts", 0, ",mode=600,"));
    show_call(umount("a"));
}

static void show_refusals(void)
{
    mount("x", "a", "devpts", 0, "ptmxmode=666");
    show_call(open("a/file", O_CREAT | O_RDWR, 0644));
    show_call(open("a/7", O_RDWR));
    show_call(mkdir("a/dir", 0755));
    show_call(mknod("a/node", S_IFCHR | 0600, makedev(136, 0)));
    show_call(symlink("x", "a/link"));
    show_call(unlink("a/ptmx"));
    show_call(rename("a/ptmx", "a/other"));
    show_call(link("a/ptmx", "a/other"));
    int m = open("a/ptmx", O_RDWR);
    show_call(unlink("a/0"));
    show_call(chmod("a/0", 0644));
    show_call(chown("a/0", 3, 4));
    show_stat("a/0");
    /* The number alone opens nothing. */
    unlock(m);
    show_call(mknod("node", S_IFCHR | 0600, makedev(136, 0)));
    show_call(open("node", O_RDWR | O_NOCTTY));
    unlink("node");
    close(m);
    umount("a");
}

static void show_instances(void)
{
    int number;

    mkdir("pts", 0755);
    mkdir("elsewhere", 0755);
    mknod("ptmx", S_IFCHR | 0666, makedev(5, 2));
    mknod("elsewhere/ptmx", S_IFCHR | 0666, makedev(5, 2));
    show_call(open("ptmx", O_RDWR));
    show_call(open("elsewhere/ptmx", O_RDWR));
    mount("x", "pts", "devpts", 0, "ptmxmode=666");
    mount("x", "a", "devpts", 0, "ptmxmode=666");
    int beside = SHOW(open("ptmx", O_RDWR));
    show_names("pts");
    int in = SHOW(open("a/ptmx", O_RDWR));
    ioctl(in, TIOCGPTN, &number);
    show("number in the other instance", number);
    show_names("a");
    unlock(beside);
    unlock(in);
    int s = SHOW(ioctl(beside, TIOCGPTPEER, O_RDWR | O_NOCTTY));
    char path[64], target[128] = "", *end;
    snprintf(path, sizeof path, "/proc/self/fd/%d", s);
    readlink(path, target, sizeof target - 1);
    end = strrchr(target, '/');
    printf("peer: %s\n", end ? end - 3 : target);
    close(s);
    show_call(umount2("pts", MNT_DETACH));
    show_call(ioctl(beside, TIOCGPTPEER, O_RDWR | O_NOCTTY));
    show_call(write(beside, "x", 1));
    close(beside);
    close(in);
    umount("a");
    show_call(mount("x", "pts", "tmpfs", 0, ""));
    show_call(open("ptmx", O_RDWR));
    umount("pts");
    show_call(mount("x", "pts", "devpts", MS_NODEV, "ptmxmode=666"));
    show_call(open("pts/ptmx", O_RDWR));
    umount("pts");
}

/* The line of /proc/tty/... that begins so. */
static void show_line(const char *path, const char *start)
{
    FILE *f = fopen(path, "r");
    char line[256];

    while (f && fgets(line, sizeof line, f)) {
        if (!strncmp(line, start, strlen(start)))
            printf("%s: %s", path, line);
    }
    if (f)
        fclose(f);
}

static void show_proc(void)
{
    show_line("/proc/tty/drivers", "/dev/tty ");
    show_line("/proc/tty/drivers", "/dev/ptmx");
    show_line("/proc/tty/drivers", "pty_");
    show_line("/proc/tty/ldiscs", "n_tty");
    show_line("/proc/sys/kernel/pty/max", "");
    show_line("/proc/filesystems", "nodev\tdevpts");
    show_call(access("/proc/sys/kernel/pty/nr", R_OK));
}

int main(void)
{
    show_proc();
    show_options();
    show_wrong_options();
    show_refusals();
    show_instances();
    return 0;
}
