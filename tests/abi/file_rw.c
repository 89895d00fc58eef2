/*
 * Reading, writing, seeking, sizes, holes, vectors; limits and bad addresses.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "abi_test.h"

static char buf[100000];

static unsigned sum(const char *p, size_t n)
{
    unsigned s = 0;

    while (n--)
        s = s * 31 + (unsigned char)*p++;
    return s;
}

static void show_size(int fd)
{
    struct stat st;

    fstat(fd, &st);
    printf("size %ld blocks %ld\n", (long)st.st_size, (long)st.st_blocks);
}

static void basics(void)
{
    int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);

    show_call(read(fd, buf, 10));
    show_call(write(fd, "hello", 5));
    show_call(lseek(fd, 0, SEEK_SET));
    show_call(read(fd, buf, 100));
    printf("%.5s\n", buf);
    show_call(read(fd, buf, 100));
    show_call(lseek(fd, 10000, SEEK_SET));
    show_call(read(fd, buf, 100));
    show_call(write(fd, "x", 1));
    show_size(fd);
    show_call(lseek(fd, 0, SEEK_DATA));
    show_call(lseek(fd, 0, SEEK_HOLE));
    show_call(lseek(fd, 5000, SEEK_DATA));
    show_call(lseek(fd, 9000, SEEK_HOLE));
    show_call(lseek(fd, 10001, SEEK_DATA));
    show_call(lseek(fd, -1, SEEK_DATA));
    show_call(lseek(fd, -1, SEEK_SET));
    show_call(lseek(fd, -10001, SEEK_END));
    show_call(lseek(fd, -10002, SEEK_END));
    show_call(lseek(fd, 0, 5));
    show_call(lseek(fd, 0x7fffffffffffffff, SEEK_SET));
    show_call(write(fd, "x", 1));
    show_call(lseek(fd, 1, SEEK_CUR));
    show_call(lseek(fd, 0, SEEK_SET));
    memset(buf, 1, 4096);
    show_call(read(fd, buf, 100000));
    printf("sum %u\n", sum(buf, 10001));
    show_call(pread(fd, buf, 3, 1));
    printf("%.3s\n", buf);
    show_call(pwrite(fd, "ELL", 3, 1));
    show_call(lseek(fd, 0, SEEK_CUR));
    show_call(pread(fd, buf, 5, 0));
    printf("%.5s\n", buf);
    show_call(pread(fd, buf, 5, -1));
    show_call(pwrite(fd, buf, 5, -1));
    show_call(pread(99, buf, 5, -1));
    show_call(pread(fd, buf, 0, 5));
    show_call(write(fd, "", 0));
    close(fd);
    fd = open("f", O_WRONLY);
    show_call(read(fd, buf, 1));
    show_call(pread(fd, buf, 1, 0));
    close(fd);
    fd = open("f", O_RDONLY);
    show_call(write(fd, buf, 1));
    show_call(ftruncate(fd, 0));
    close(fd);
    fd = open("f", O_WRONLY | O_APPEND);
    show_call(lseek(fd, 0, SEEK_SET));
    show_call(write(fd, "end", 3));
    show_call(lseek(fd, 0, SEEK_CUR));
    show_call(pwrite(fd, "more", 4, 0));
    show_size(fd);
    close(fd);
    fd = open(".", O_RDONLY);
    show_call(read(fd, buf, 1));
    show_call(pread(fd, buf, 1, 0));
    show_call(write(fd, buf, 1));
    show_call(ftruncate(fd, 1));
    close(fd);
    show_call(read(-1, buf, 1));
}

static void addresses(void)
{
    int fd = open("f", O_RDWR);
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    munmap(page + 4096, 4096);
    memset(page, 'p', 4096);
    show_call(read(fd, page + 4090, 100));
    show_call(lseek(fd, 0, SEEK_CUR));
    show_call(read(fd, page + 4096, 100));
    show_call(read(fd, NULL, 10));
    show_call(read(fd, NULL, 0));
    show_call(read(fd, (void *)-4096, 10));
    show_call(read(fd, buf, -1));
    show_call(write(fd, page + 4090, 100));
    show_call(write(fd, page + 4096, 100));
    show_call(write(fd, (void *)0xffff800000000000, 1));
    struct iovec v[] = {{page, 4}, {page + 4090, 100}, {page, 4}};
    show_call(writev(fd, v, 3));
    show_call(readv(fd, v, 3));
    v[0].iov_len = -1;
    show_call(readv(fd, v, 3));
    show_call(readv(fd, v, 0));
    show_call(readv(fd, v, -1));
    show_call(readv(fd, v, 1025));
    show_call(readv(fd, NULL, 2));
    v[0] = (struct iovec){(void *)-8192, 5};
    show_call(readv(fd, v, 1));
    close(fd);
    munmap(page, 4096);
}

static void vectors(void)
{
    int fd = open("v", O_RDWR | O_CREAT | O_TRUNC, 0644);
    struct iovec out[] = {{"one", 3}, {"", 0}, {"two", 3}, {"three", 5}};
    char a[5] = "", b[20] = "";
    struct iovec in[] = {{a, 4}, {b, 10}};

    show_call(writev(fd, out, 4));
    show_call(preadv(fd, in, 2, 0));
    printf("%.4s %.7s\n", a, b);
    show_call(pwritev(fd, out, 2, 20));
    show_call(preadv(fd, in, 2, 18));
    show_call(preadv(fd, in, 2, -1));
    show_call(lseek(fd, 1, SEEK_SET));
    show_call(syscall(SYS_preadv2, fd, in, 2, -1L, 0L, 0));
    show_call(lseek(fd, 0, SEEK_CUR));
    show_call(syscall(SYS_preadv2, fd, in, 2, -1L, 0L, 0x8000));
    show_call(syscall(SYS_pwritev2, fd, out, 1, 2L, 0L, 2));
    show_size(fd);
    close(fd);
}

static void sizes(void)
{
    int fd = open("s", O_RDWR | O_CREAT | O_TRUNC, 0644);

    memset(buf, 'z', 20000);
    show_call(write(fd, buf, 20000));
    show_size(fd);
    show_call(ftruncate(fd, 5000));
    show_size(fd);
    show_call(ftruncate(fd, 9000));
    show_size(fd);
    show_call(pread(fd, buf, 9000, 0));
    printf("sum %u\n", sum(buf, 9000));
    show_call(ftruncate(fd, -1));
    show_call(truncate("s", 0));
    show_size(fd);
    show_call(truncate("s", 1L << 40));
    show_size(fd);
    show_call(pread(fd, buf, 100, 1L << 39));
    show_call(truncate("s", 100));
    show_call(truncate("none", 0));
    show_call(truncate(".", 0));
    show_call(truncate("/dev/null", 0));
    show_call(truncate("s", -5));
    show_call(ftruncate(fd, 0x7fffffffffffffff));
    show_call(ftruncate(fd, 0));
    show_call(fallocate(fd, 0, 0, 10000));
    show_size(fd);
    show_call(fallocate(fd, FALLOC_FL_KEEP_SIZE, 10000, 10000));
    show_size(fd);
    memset(buf, 'q', 10000);
    pwrite(fd, buf, 10000, 0);
    show_call(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 1000, 6000));
    show_size(fd);
    memset(buf, 0, 10000);
    pread(fd, buf, 10000, 0);
    printf("sum %u\n", sum(buf, 10000));
    show_call(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 10, 20));
    pread(fd, buf, 10000, 0);
    printf("sum %u\n", sum(buf, 10000));
    show_call(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1));
    show_call(fallocate(fd, 0x400, 0, 1));
    show_call(fallocate(fd, 0, -1, 1));
    show_call(fallocate(fd, 0, 0, 0));
    show_call(fallocate(fd, 0, 0x7fffffffffffffff, 0x7fffffffffffffff));
    show_call(fallocate(99, 0, 0, 1));
    close(fd);
}

static void limits(void)
{
    struct rlimit limit = {5000, RLIM_INFINITY}, none = {RLIM_INFINITY, RLIM_INFINITY};
    int fd = open("l", O_RDWR | O_CREAT | O_TRUNC, 0644);

    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    show_call(write(fd, buf, 4000));
    show_call(write(fd, buf, 4000));
    show_call(write(fd, buf, 1));
    show_call(ftruncate(fd, 6000));
    show_call(ftruncate(fd, 5000));
    show_call(pwrite(fd, buf, 10, 4995));
    show_call(pwrite(fd, buf, 10, 5000));
    setrlimit(RLIMIT_FSIZE, &none);
    close(fd);
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        signal(SIGXFSZ, SIG_DFL);
        setrlimit(RLIMIT_FSIZE, &limit);
        fd = open("l", O_RDWR);
        lseek(fd, 5000, SEEK_SET);
        write(fd, "x", 1);
        _exit(3);
    }
    int status;
    waitpid(pid, &status, 0);
    printf("limit: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void transfers(void)
{
    int in = open("in", O_RDWR | O_CREAT | O_TRUNC, 0644), out = open("out", O_RDWR | O_CREAT | O_TRUNC, 0644);
    off_t offset = 10, to = 3;

    for (int i = 0; i < 80000; i++)
        buf[i] = (char)(i * 7);
    write(in, buf, 80000);
    show_call(sendfile(out, in, &offset, 70000));
    show("offset", offset);
    show_call(lseek(in, 0, SEEK_CUR));
    show_call(lseek(out, 0, SEEK_CUR));
    show_call(lseek(in, 79990, SEEK_SET));
    show_call(sendfile(out, in, NULL, 100));
    show_call(lseek(in, 0, SEEK_CUR));
    show_call(sendfile(out, in, NULL, 100));
    offset = -1;
    show_call(sendfile(out, in, &offset, 1));
    show_call(sendfile(out, 99, NULL, 1));
    show_call(sendfile(99, in, NULL, 1));
    show_call(sendfile(99, 99, (void *)1, 1)); /* the position is read first */
    show_size(out);
    offset = 0;
    show_call(copy_file_range(in, &offset, out, &to, 5000, 0));
    printf("offsets %ld %ld\n", (long)offset, (long)to);
    show_call(lseek(in, 100, SEEK_SET));
    show_call(lseek(out, 200, SEEK_SET));
    show_call(copy_file_range(in, NULL, out, NULL, 1000, 0));
    show_call(lseek(in, 0, SEEK_CUR));
    show_call(lseek(out, 0, SEEK_CUR));
    offset = 100, to = 150;
    show_call(copy_file_range(in, &offset, in, &to, 100, 0));
    to = 300;
    show_call(copy_file_range(in, &offset, in, &to, 100, 0));
    show_call(copy_file_range(in, NULL, out, NULL, 10, 1));
    offset = 90000;
    show_call(copy_file_range(in, &offset, out, NULL, 10, 0));
    pread(out, buf, 75000, 0);
    printf("sum %u\n", sum(buf, 70000));
    int dir = open(".", O_RDONLY);
    show_call(copy_file_range(dir, NULL, out, NULL, 10, 0));
    show_call(sendfile(out, dir, NULL, 10));
    int n;
    lseek(in, 79900, SEEK_SET);
    show_call(ioctl(in, FIONREAD, &n));
    show("n", n);
    show_call(ioctl(in, 0x12345678, &n));
    show_call(ioctl(99, FIONREAD, &n));
    show_call(fsync(in));
    show_call(fdatasync(dir));
    show_call(fsync(99));
    show_call(posix_fadvise(in, 0, 0, 3));
    show_call(posix_fadvise(in, 0, 0, 77));
    show_call(syncfs(in));
    for (int fd = 3; fd < 10; fd++)
        close(fd);
}

int main(void)
{
    basics();
    addresses();
    vectors();
    sizes();
    limits();
    transfers();
    return 0;
}
