/*
 * Too much of everything: processes, descriptors, arguments, mappings.  What the limits are and that all of it comes
 * back; the harness counts memory and objects before and after.
 */
#include <sys/prctl.h>
#include <sys/resource.h>

#include "tests/abi/abi_test.h"

#define FDS        10000
#define BOMB_LIMIT 40
#define USER       54321
#define PAGE       4096UL

/* Every child forks on, until nobody can; how many there were at once is the limit's matter. */
static void fork_bomb(void)
{
    struct rlimit limit = {BOMB_LIMIT, BOMB_LIMIT};
    int ready[2], count = 0, again = 0;
    char byte;

    show_call(prctl(PR_SET_CHILD_SUBREAPER, 1)); /* all are waited for here */
    show_call(pipe(ready));
    show_call(setrlimit(RLIMIT_NPROC, &limit));
    show_call(setuid(USER));
    pid_t first = getpid();
    for (;;) {
        pid_t pid = fork();

        if (pid < 0) {
            byte = errno == EAGAIN ? 'a' : 'x';
            (void)!write(ready[1], &byte, 1);
            break;
        }
        if (pid == 0 && getpid() != first)
            (void)!write(ready[1], "p", 1);
    }
    if (getpid() != first) {
        pause();
        _exit(0);
    }
    while (count + again < 2 * BOMB_LIMIT - 1 && read(ready[0], &byte, 1) == 1) {
        count += byte == 'p';
        again += byte == 'a';
    }
    show("processes made", count);
    show("refused with EAGAIN", again);
    signal(SIGTERM, SIG_IGN);
    show_call(kill(0, SIGTERM));
    int reaped = 0;
    while (waitpid(-1, NULL, 0) > 0)
        reaped++;
    show("reaped", reaped);
}

static void descriptors(void)
{
    struct rlimit limit = {FDS, FDS};
    int fd, last = 0;

    show_call(setrlimit(RLIMIT_NOFILE, &limit));
    while ((fd = dup(0)) >= 0)
        last = fd;
    show("errno", errno);
    show("last", last);
    show_ok(open("/", O_RDONLY));
    show_call(close(FDS / 2));
    show("lowest free one", dup(0));
    pid_t pid = fork_clean();
    if (pid == 0)
        child_exit(fcntl(FDS - 1, F_GETFD) < 0);
    int status;
    waitpid(pid, &status, 0);
    show_status("child with as many", status);
    show_call(syscall(SYS_close_range, 3, ~0U, 0));
}

static void arguments(void)
{
    static char text[100 * 1024];
    char *argv[12] = {"bad_limits", "count"};

    memset(text, 'x', sizeof text - 1);
    for (int i = 2; i < 11; i++)
        argv[i] = text;
    execv("/proc/self/exe", argv);
    printf("execv: errno %d\n", errno);
}

static void one_long_argument(void)
{
    static char text[1 << 20];
    char *argv[] = {"bad_limits", "count", text, NULL};

    memset(text, 'x', sizeof text - 1);
    execv("/proc/self/exe", argv);
    printf("execv: errno %d\n", errno);
}

/* mmap, munmap, mprotect, mremap and msync at odd addresses with odd lengths: a table of errnos. */
static void odd_places(void)
{
    static const unsigned long offsets[] = {0, 1, 7, 2048, PAGE - 1};
    static const unsigned long lengths[] = {0, 1, PAGE - 1, PAGE + 1, 1UL << 46, 1UL << 47, ~0UL - PAGE, ~0UL};
    char *base = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (size_t o = 0; o < sizeof offsets / sizeof *offsets; o++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            char *at = base + 8 * PAGE + offsets[o];
            unsigned long n = lengths[l];
            int error[7] = {0};

            error[0] = mmap(at, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? errno : 0;
            error[1] = mmap(at, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED
                           ? errno
                           : 0;
            error[2] = n > 1UL << 40 && n <= 1UL << 47 ? 0 : mprotect(at, n, PROT_READ | PROT_WRITE) ? errno : 0;
            error[3] = mremap(at, n, PAGE, 0) == MAP_FAILED ? errno : 0;
            error[4] = msync(at, n, MS_ASYNC) ? errno : 0;
            error[5] = madvise(at, n, n > 1UL << 40 ? MADV_NORMAL : MADV_DONTNEED) ? errno : 0;
            error[6] = n > 1UL << 40 && n <= 1UL << 47 ? 0 : munmap(at, n) ? errno : 0;
            printf("+%lu %lx:", offsets[o], n);
            for (int i = 0; i < 7; i++)
                printf(" %d", error[i]);
            printf("\n");
            mmap(base, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        }
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "count")) {
        size_t bytes = 0;

        for (int i = 0; i < argc; i++)
            bytes += strlen(argv[i]) + 1;
        printf("arguments: %d, bytes %zu\n", argc, bytes);
        return 0;
    }
    show_child("fork bomb", fork_bomb);
    show_child("descriptors", descriptors);
    show_child("arguments", arguments);
    show_child("one long argument", one_long_argument);
    show_child("odd places", odd_places);
    return 0;
}
