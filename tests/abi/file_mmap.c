/*
 * Files in memory: private and shared mappings, truncation below them, programs being executed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "abi_test.h"

static sigjmp_buf jump;
static volatile int got, code;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    got = sig;
    code = info->si_code;
    siglongjmp(jump, 1);
}

static int touch(volatile char *p, int write)
{
    got = code = 0;
    if (!sigsetjmp(jump, 1)) {
        if (write)
            *p = 'T';
        else
            (void)*p;
    }
    return got;
}

int main(void)
{
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    char buf[20000], *shared, *private, *other;

    sigaction(SIGBUS, &a, NULL);
    sigaction(SIGSEGV, &a, NULL);
    int fd = open("f", O_CREAT | O_RDWR, 0600);
    memset(buf, 'a', sizeof buf);
    write(fd, buf, 10000);
    shared = mmap(NULL, 20000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    private = mmap(NULL, 12288, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    other = mmap(NULL, 12288, PROT_READ, MAP_SHARED, fd, 0);
    show("a", shared[9999]);
    show("tail", shared[10000]);
    show("touch 12287", touch(shared + 12287, 0));
    show("touch 12288", touch(shared + 12288, 0));
    show("code", code);
    shared[5] = 'S';
    pread(fd, buf, 10, 0);
    printf("%.10s %c %c\n", buf, private[5], other[5]);
    private[6] = 'P';
    pread(fd, buf, 10, 0);
    printf("%.10s %c %c\n", buf, shared[6], private[6]);
    pwrite(fd, "W", 1, 7);
    printf("%c %c %c\n", shared[7], private[7], other[7]);
    pwrite(fd, "X", 1, 5000);
    printf("%c %c\n", shared[5000], private[5000]);
    private[5001] = 'p';
    pwrite(fd, "Y", 1, 5000);
    printf("%c %c\n", shared[5000], private[5000]);
    ftruncate(fd, 100);
    show("touch 99", touch(shared + 99, 1));
    show("touch 100", touch(shared + 100, 0));
    show("touch 4096", touch(shared + 4096, 0));
    show("private 4096", touch(private + 5001, 0));
    ftruncate(fd, 9000);
    show("again", touch(shared + 4096, 0));
    show("zero", shared[100]);
    show("zero", shared[5000]);
    pread(fd, buf, 9000, 0);
    printf("%d %d %d\n", buf[99], buf[100], buf[8999]);
    fflush(stdout);
    if (!fork()) {
        shared[200] = 'C', private[201] = 'C';
        _exit(0);
    }
    wait(NULL);
    printf("%d %d\n", shared[200], private[201]);
    show_call(msync(shared, 4096, MS_SYNC));
    close(fd);
    unlink("f");
    shared[300] = 'u';
    show("unlinked", other[300]);
    munmap(shared, 20000);
    show("still", other[300]);
    /* access modes */
    fd = open("g", O_CREAT | O_RDWR, 0600);
    write(fd, "data", 4);
    int rd = open("g", O_RDONLY), wr = open("g", O_WRONLY), path = open("g", O_PATH), dir = open(".", O_RDONLY), fds[2];
    pipe(fds);
    show_ok(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, rd, 0));
    show_ok(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, rd, 0));
    show_ok(mmap(NULL, 4096, PROT_READ, MAP_SHARED, wr, 0));
    show_ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, path, 0));
    show_ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, dir, 0));
    show_ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fds[0], 0));
    show_ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 99, 0));
    show_ok(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 100));
    show_ok(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, fd, 0));
    shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, rd, 0);
    show_call(mprotect(shared, 4096, PROT_READ | PROT_WRITE));
    shared = mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 4096);
    show("beyond", touch(shared, 0));
    /* a file that is executed cannot be written, one open for writing cannot be executed */
    show_ok(open("/proc/self/exe", O_WRONLY));
    show_ok(truncate("/proc/self/exe", 0));
    int exe = open("/proc/self/exe", O_RDONLY), copy = open("copy", O_CREAT | O_WRONLY, 0755);
    long n;
    while ((n = read(exe, buf, sizeof buf)) > 0)
        write(copy, buf, n);
    show_ok(execl("./copy", "copy", NULL));
    close(copy);
    /* reading a file into its own mapping */
    show_ok(pread(fd, mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), 4, 0));
    return 0;
}
