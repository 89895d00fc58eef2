/*
 * Programs that ask for too much, for tests/run/memory.py: inside a sandbox of little memory.
 *
 *     hostile hog           touches memory without end
 *     hostile bystander     starts a small process and one that hogs; says who is left
 *     hostile chosen        the same, but the hog is protected by oom_score_adj and the small one offered
 *     hostile files         opens 100,000 descriptors, then one process after the other does
 *     hostile bomb          forks without end, without limits
 *     hostile zeros         what the memory of a new mapping, and a new program's stack, hold after others used it
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB     (1UL << 20)
#define FDS     100000
#define WAIT_US 2000

static void touch(size_t bytes, int value)
{
    char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (size_t at = 0; p != MAP_FAILED && at < bytes; at += 4096)
        memset(p + at, value, 4096);
}

static void hog(void)
{
    for (;;)
        touch(MIB, 1);
}

static void set_score(const char *value)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);

    if (write(fd, value, strlen(value)) < 0)
        perror("oom_score_adj");
    close(fd);
}

static pid_t start_small(size_t bytes, const char *score)
{
    int ready[2];
    char byte;

    if (pipe(ready))
        exit(1);
    pid_t pid = fork();
    if (pid == 0) {
        set_score(score);
        touch(bytes, 2);
        (void)!write(ready[1], "r", 1);
        for (;;)
            pause();
    }
    (void)!read(ready[0], &byte, 1);
    return pid;
}

static int bystander(void)
{
    pid_t small = start_small(4 * MIB, "0"), large = fork();
    int status;

    if (large == 0)
        hog();
    waitpid(large, &status, 0);
    printf("hog: %s %d\n", WIFSIGNALED(status) ? "killed by" : "exited",
           WIFSIGNALED(status) ? WTERMSIG(status) : status);
    printf("bystander: %s\n", kill(small, 0) == 0 && waitpid(small, &status, WNOHANG) == 0 ? "alive" : "gone");
    touch(4 * MIB, 3);
    printf("memory is back\n");
    kill(small, SIGKILL);
    return 0;
}

static int chosen(void)
{
    int *stop = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), status;
    pid_t small = start_small(8 * MIB, "1000"), large = fork();

    if (large == 0) {
        set_score("-1000");
        while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
            touch(MIB / 4, 1);
            usleep(WAIT_US);
        }
        _exit(0);
    }
    waitpid(small, &status, 0);
    printf("offered one: %s %d\n", WIFSIGNALED(status) ? "killed by" : "exited",
           WIFSIGNALED(status) ? WTERMSIG(status) : status);
    __atomic_store_n(stop, 1, __ATOMIC_RELAXED);
    waitpid(large, &status, 0);
    printf("protected one: %s\n", WIFEXITED(status) ? "went on" : "killed");
    return 0;
}

static int files(void)
{
    struct rlimit limit = {FDS, FDS};
    int fd, last = 0;

    if (setrlimit(RLIMIT_NOFILE, &limit))
        perror("setrlimit");
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        last = fd;
    printf("last descriptor %d, errno %d\n", last, errno);
    return 0;
}

/* Ends by EAGAIN or ENOMEM, or because the first one kills all. */
static int bomb(void)
{
    int report[2];
    char byte = 0;

    if (pipe(report))
        return 1;
    set_score("-1000");
    pid_t first = getpid(), child = fork();
    if (child == 0) {
        setpgid(0, 0);
        set_score("0");
        while (fork() >= 0)
            continue;
        (void)!write(report[1], errno == EAGAIN || errno == ENOMEM ? "e" : "x", 1);
        for (;;)
            pause();
    }
    (void)!read(report[0], &byte, 1);
    for (int round = 0; round < 1000 && (kill(-child, SIGKILL) == 0 || waitpid(-1, NULL, WNOHANG) > 0); round++) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        usleep(WAIT_US);
    }
    /* Only now, as a write may fail too while there is no memory. */
    printf("refused: %s\n", byte == 'e' ? "as it should be" : "with another error");
    pid_t again = fork();
    if (again == 0)
        _exit(0);
    printf("fork afterwards: %s\n", again > 0 && getpid() == first ? "works" : "fails");
    return 0;
}

static int zeros(void)
{
    for (int i = 0; i < 20; i++) {
        if (fork() == 0) {
            touch(2 * MIB, 0xa5);
            _exit(0);
        }
        wait(NULL);
        unsigned char *p = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t at = 0; at < 2 * MIB; at++)
            if (p[at]) {
                printf("byte %zu is %x\n", at, p[at]);
                return 1;
            }
        memset(p, 0x5a, 2 * MIB);
        munmap(p, 2 * MIB);
    }
    printf("all zeros\n");
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    setvbuf(stdout, NULL, _IONBF, 0);
    if (!strcmp(what, "hog"))
        hog();
    if (!strcmp(what, "bystander"))
        return bystander();
    if (!strcmp(what, "chosen"))
        return chosen();
    if (!strcmp(what, "files"))
        return files();
    if (!strcmp(what, "bomb"))
        return bomb();
    if (!strcmp(what, "zeros"))
        return zeros();
    fprintf(stderr, "usage: hostile hog|bystander|chosen|files|bomb|zeros\n");
    return 2;
}
