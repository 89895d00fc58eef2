/*
 * Files, directories, links: what works, and which error when it does not.
 */
#include <dirent.h>
#include <sys/uio.h>

#include "tests/abi/abi_test.h"

static void show_stat(const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        printf("%s: errno %d\n", path, errno);
        return;
    }
    printf("%s: mode %o links %lu uid %u gid %u size %ld\n", path, st.st_mode, S_ISDIR(st.st_mode) ? 0 : (unsigned long)st.st_nlink,
           st.st_uid, st.st_gid, S_ISDIR(st.st_mode) ? 0 : (long)st.st_size);
}

static void reading_and_writing(void)
{
    char buffer[64] = "";

    SHOW(open("a", O_RDONLY));
    int fd = SHOW(open("a", O_RDWR | O_CREAT | O_EXCL, 0666));
    SHOW(open("a", O_RDWR | O_CREAT | O_EXCL, 0666));
    SHOW(write(fd, "hello, world", 12));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(read(fd, buffer, 5));
    SHOW(read(fd, buffer + 5, 50));
    SHOW(read(fd, buffer, 50));
    printf("%.12s\n", buffer);
    SHOW(lseek(fd, 100, SEEK_SET));
    SHOW(write(fd, "x", 1));
    SHOW(lseek(fd, -1, SEEK_SET));
    SHOW(lseek(fd, 0, 77));
    SHOW(lseek(fd, 5, SEEK_END));
    SHOW(pread(fd, buffer, 12, 7));
    printf("%.5s then %d\n", buffer, buffer[5]);
    SHOW(pwrite(fd, "W", 1, 7));
    SHOW(pread(fd, buffer, 5, -1));
    SHOW(ftruncate(fd, 9));
    SHOW(pread(fd, buffer, 64, 0));
    printf("%.9s\n", buffer);
    SHOW(ftruncate(fd, 20));
    SHOW(pread(fd, buffer, 64, 9));
    CHECK(memcmp(buffer, "\0\0\0\0\0\0\0\0\0\0\0", 11) == 0);
    struct iovec v[3] = {{"one", 3}, {"", 0}, {"two", 3}};
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(writev(fd, v, 3));
    SHOW(writev(fd, v, -1));
    struct iovec r[2] = {{buffer, 2}, {buffer + 10, 4}};
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(readv(fd, r, 2));
    printf("%.2s %.4s\n", buffer, buffer + 10);
    SHOW(close(fd));
    SHOW(close(fd));
    SHOW(read(fd, buffer, 1));
    fd = SHOW(open("a", O_WRONLY | O_APPEND));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(write(fd, "end", 3));
    SHOW(read(fd, buffer, 1));
    SHOW(close(fd));
    show_stat("a");
    SHOW(truncate("a", 3));
    show_stat("a");
    SHOW(truncate("nothing", 3));
}

static void bad_memory(void)
{
    char *edge = page_edge();
    int fd = open("edge", O_RDWR | O_CREAT, 0600);

    memset(edge - 100, 'e', 100);
    SHOW(write(fd, edge - 100, 100));
    SHOW(write(fd, edge, 1));
    SHOW(write(fd, (void *)1, 1));
    SHOW(write(fd, NULL, 0));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(read(fd, edge - 100, 100));
    SHOW(lseek(fd, 0, SEEK_SET));
    SHOW(read(fd, edge, 1));
    SHOW(read(fd, (void *)0xffff800000000000ul, 1));
    strcpy(edge - 5, "edge");
    SHOW(access(edge - 5, R_OK));
    memcpy(edge - 4, "edge", 4);
    SHOW(access(edge - 4, R_OK));
    SHOW(access(NULL, R_OK));
    SHOW(access("", R_OK));
    close(fd);
}

static void links_and_names(void)
{
    char buffer[256];

    SHOW(link("a", "b"));
    show_stat("a");
    SHOW(link("a", "b"));
    SHOW(link("nothing", "c"));
    SHOW(symlink("a", "s"));
    SHOW(symlink("a", "s"));
    show_stat("s");
    memset(buffer, 0, sizeof buffer);
    SHOW(readlink("s", buffer, sizeof buffer));
    SHOW(readlink("s", buffer, 0));
    SHOW(readlink("a", buffer, sizeof buffer));
    SHOW(symlink("loop2", "loop1"));
    SHOW(symlink("loop1", "loop2"));
    SHOW(open("loop1", O_RDONLY));
    SHOW(open("s", O_RDONLY | O_NOFOLLOW));
    SHOW(rename("a", "renamed"));
    SHOW(rename("a", "renamed"));
    SHOW(rename("renamed", "b"));
    show_stat("renamed");
    SHOW(unlink("b"));
    show_stat("renamed");
    SHOW(access("s", F_OK));
    SHOW(unlink("nothing"));
    memset(buffer, 'n', 255), buffer[255] = 0;
    SHOW(open(buffer, O_RDWR | O_CREAT, 0600));
    char longer[300];
    memset(longer, 'n', 299), longer[299] = 0;
    SHOW(open(longer, O_RDWR | O_CREAT, 0600));
    SHOW(unlink(buffer));
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
    char *names[64];
    size_t count = 0;
    DIR *d = opendir(path);

    if (!d) {
        printf("%s: errno %d\n", path, errno);
        return;
    }
    for (struct dirent *e = readdir(d); e && count < 64; e = readdir(d)) {
        names[count] = malloc(300);
        snprintf(names[count++], 300, "%s %d", e->d_name, e->d_type);
    }
    closedir(d);
    qsort(names, count, sizeof *names, compare);
    for (size_t i = 0; i < count; i++)
        printf("%s/%s\n", path, names[i]);
}

static void directories(void)
{
    char buffer[512];

    SHOW(mkdir("d", 0750));
    SHOW(mkdir("d", 0750));
    SHOW(mkdir("no/such", 0750));
    show_stat("d");
    SHOW(mkdir("d/e", 0777));
    SHOW(mkfifo("d/fifo", 0644));
    SHOW(symlink("nowhere", "d/link"));
    SHOW(close(open("d/file", O_WRONLY | O_CREAT, 0640)));
    list("d");
    SHOW(rmdir("d"));
    SHOW(unlink("d"));
    SHOW(rmdir("d/file"));
    SHOW(open("d", O_WRONLY));
    SHOW(open("d/file/more", O_RDONLY));
    SHOW(open("d/file/", O_RDONLY));
    SHOW(chdir("d/file"));
    SHOW(chdir("d"));
    CHECK(getcwd(buffer, sizeof buffer) && strcmp(strrchr(buffer, '/'), "/d") == 0);
    SHOW(syscall(SYS_getcwd, buffer, 2));
    SHOW(rename("e", "../moved"));
    SHOW(rename("../moved", "../moved/into/itself"));
    SHOW(access("./../moved/.", X_OK));
    SHOW(chdir(".."));
    SHOW(rmdir("moved/."));
    SHOW(rmdir("moved"));
    int dir = SHOW(open("d", O_RDONLY | O_DIRECTORY));
    SHOW(faccessat(dir, "file", R_OK, 0));
    SHOW(unlinkat(dir, "file", AT_REMOVEDIR));
    SHOW(unlinkat(dir, "file", 0));
    SHOW(unlinkat(dir, "fifo", 0));
    SHOW(unlinkat(dir, "link", 0));
    SHOW(fchdir(dir));
    SHOW(rmdir("../d"));
    SHOW(open("x", O_RDWR | O_CREAT, 0600));
    CHECK(getcwd(buffer, sizeof buffer) == NULL && errno == ENOENT);
    SHOW(chdir(".."));
    SHOW(close(dir));
    SHOW(open("renamed", O_RDONLY | O_DIRECTORY));
}

static void modes_and_times(void)
{
    struct timespec when[2] = {{1000000000, 123456789}, {1500000000, 5}};
    struct stat st;

    int fd = SHOW(open("m", O_RDWR | O_CREAT, 0777));
    show_stat("m");
    SHOW(chmod("m", 04711));
    show_stat("m");
    SHOW(fchmod(fd, 0600));
    SHOW(chown("m", 12, 34));
    show_stat("m");
    SHOW(chown("m", -1, 35));
    show_stat("m");
    SHOW(utimensat(AT_FDCWD, "m", when, 0));
    SHOW(stat("m", &st));
    printf("%ld.%09ld %ld.%09ld\n", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    mode_t old = umask(0);
    printf("umask %o\n", old);
    SHOW(close(open("m2", O_RDWR | O_CREAT, 0666)));
    umask(077);
    SHOW(close(open("m3", O_RDWR | O_CREAT, 0666)));
    show_stat("m2");
    show_stat("m3");
    SHOW(fsync(fd));
    close(fd);
}

static void descriptors(void)
{
    int fd = SHOW(open("f", O_RDWR | O_CREAT, 0600));

    SHOW(dup(fd));
    SHOW(dup2(fd, 20));
    SHOW(dup2(99, 21));
    SHOW(dup2(fd, fd));
    SHOW(fcntl(fd, F_DUPFD, 30));
    SHOW(fcntl(fd, F_DUPFD_CLOEXEC, 30));
    SHOW(fcntl(31, F_GETFD));
    SHOW(fcntl(30, F_GETFD));
    SHOW(fcntl(30, F_SETFD, FD_CLOEXEC));
    SHOW(fcntl(30, F_GETFD));
    SHOW(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    SHOW(fcntl(fd, F_SETFL, O_APPEND));
    SHOW(fcntl(20, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    SHOW(fcntl(99, F_GETFD));
    SHOW(fcntl(fd, 9999));
    SHOW(syscall(SYS_dup3, fd, fd, 0));
    SHOW(syscall(SYS_dup3, fd, 40, O_CLOEXEC));
    SHOW(fcntl(40, F_GETFD));
    SHOW(lseek(fd, 7, SEEK_SET));
    SHOW(lseek(20, 0, SEEK_CUR));
    SHOW(unlink("f"));
    SHOW(write(fd, "still", 5));
    struct stat st;
    SHOW(fstat(fd, &st));
    printf("links %lu size %ld\n", (unsigned long)st.st_nlink, (long)st.st_size);
}

int main(void)
{
    reading_and_writing();
    bad_memory();
    links_and_names();
    directories();
    modes_and_times();
    descriptors();
    return 0;
}
