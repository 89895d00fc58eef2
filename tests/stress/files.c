/*
 * Threads and processes that make, rename, link, read and remove files in the same directories, and share descriptors.
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/stress/stress.h"

#define WORKERS 5
#define NAMES 12

static char top[64];
static atomic_uint done, clashes;

static void name_of(char *out, size_t size, uint32_t *seed)
{
    uint32_t r = random_next(seed);

    snprintf(out, size, "%s/d%u/f%u", top, r % 3, r / 3 % NAMES);
}

/* What is allowed to go wrong when others work on the same names. */
static void clash(int result)
{
    if (result >= 0)
        return;
    must(errno == ENOENT || errno == EEXIST || errno == ENOTEMPTY);
    atomic_fetch_add(&clashes, 1);
}

/* Whoever opens a file finds all of one writer's bytes or none: each write is one number, repeated. */
static void write_file(const char *path, uint32_t value)
{
    uint32_t words[256];
    int fd = open(path, O_CREAT | O_WRONLY | O_APPEND, 0644);

    clash(fd);
    if (fd < 0)
        return;
    for (int i = 0; i < 256; i++)
        words[i] = value;
    must(write(fd, words, sizeof words) == sizeof words);
    must(!close(fd));
}

static void read_file(const char *path)
{
    uint32_t words[256];
    int fd = open(path, O_RDONLY);

    clash(fd);
    if (fd < 0)
        return;
    for (;;) {
        ssize_t n = read(fd, words, sizeof words);
        must(n == 0 || n == sizeof words);
        if (!n)
            break;
        for (int i = 1; i < 256; i++)
            must(words[i] == words[0]);
    }
    must(!close(fd));
}

static void list(const char *path)
{
    DIR *d = opendir(path);

    must(d);
    for (struct dirent *e; (e = readdir(d));) {
        unsigned n;
        if (e->d_name[0] == '.')
            continue;
        must(sscanf(e->d_name, "f%u", &n) == 1 && n < NAMES);
    }
    closedir(d);
}

static void *work(void *argument)
{
    uint32_t seed = (uint32_t)(uintptr_t)argument * 104729 + 17;
    char a[80], b[80];

    for (; stress_goes_on(); atomic_fetch_add(&done, 1)) {
        struct stat st;
        name_of(a, sizeof a, &seed);
        name_of(b, sizeof b, &seed);
        switch (random_next(&seed) % 9) {
        case 0: case 1: write_file(a, seed); break;
        case 2: case 3: read_file(a); break;
        case 4: clash(rename(a, b)); break;
        case 5: clash(unlink(a)); break;
        case 6: clash(link(a, b)); break;
        case 7: clash(stat(a, &st)); break;
        case 8: *strrchr(a, '/') = '\0'; list(a); break;
        }
    }
    return NULL;
}

/* Two directories moved into each other from two sides: never a loop, and always found again. */
static void *mover(void *argument)
{
    char x[80], y[80], inside[100];

    snprintf(x, sizeof x, "%s/x%s", top, argument ? "" : "2");
    snprintf(y, sizeof y, "%s/y", top);
    snprintf(inside, sizeof inside, "%s/in", y);
    while (stress_goes_on()) {
        clash(mkdir(x, 0755));
        clash(mkdir(y, 0755));
        clash(rename(x, inside));
        clash(rename(inside, x));
        clash(rmdir(inside));
        clash(rmdir(x));
        clash(rmdir(y));
    }
    return NULL;
}

/* Descriptors opened, duplicated and closed by several threads of one table. */
static void *descriptors(void *argument)
{
    while (stress_goes_on()) {
        int fds[2], copy;
        char byte = 0;
        must(!pipe(fds));
        copy = dup(fds[1]);
        must(copy >= 0 && !close(fds[1]));
        must(write(copy, "z", 1) == 1 && read(fds[0], &byte, 1) == 1 && byte == 'z');
        must(!close(copy) && read(fds[0], &byte, 1) == 0 && !close(fds[0]));
    }
    return NULL;
}

/* A file mapped, written to through the mapping, and truncated by another thread. */
static void *mapped(void *argument)
{
    char path[80];

    snprintf(path, sizeof path, "%s/mapped%p", top, argument);
    while (stress_goes_on()) {
        int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
        must(fd >= 0 && !ftruncate(fd, 8 * 4096));
        volatile char *p = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        must(p != MAP_FAILED);
        for (int i = 0; i < 8; i++)
            p[i * 4096] = (char)(i + 1);
        must(!ftruncate(fd, 4096) && !ftruncate(fd, 8 * 4096));
        must(p[0] == 1 && p[4096] == 0);
        must(!munmap((void *)p, 8 * 4096) && !close(fd) && !unlink(path));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[WORKERS + 6];
    unsigned n = 0;
    char path[80];

    stress_start(argc, argv);
    snprintf(top, sizeof top, "/tmp/stress-files-%d", getpid());
    must(!mkdir(top, 0755));
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/d%d", top, i);
        must(!mkdir(path, 0755));
    }
    pid_t pid = fork(); /* the same in another process */
    must(pid >= 0);
    for (; n < WORKERS; n++)
        must(!pthread_create(&threads[n], NULL, work, (void *)(uintptr_t)(n + (pid ? 0 : 100))));
    must(!pthread_create(&threads[n++], NULL, mover, (void *)(uintptr_t)(pid > 0)));
    for (int i = 0; i < 2; i++)
        must(!pthread_create(&threads[n++], NULL, descriptors, NULL));
    for (int i = 0; i < 2; i++)
        must(!pthread_create(&threads[n++], NULL, mapped, (void *)(uintptr_t)(i * 2 + (pid > 0))));
    while (n)
        pthread_join(threads[--n], NULL);
    if (!pid)
        _exit(0);
    must_end_well(pid);
    printf("files: %u operations, %u met another's\n", atomic_load(&done), atomic_load(&clashes));
    return 0;
}
