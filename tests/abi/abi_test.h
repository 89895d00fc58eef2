/*
 * For the programs of tests/abi/: they print what the system answered, and the output must be the same on Linux and in a
 * sandbox.  So nothing is printed that may differ: no addresses, process ids or times.
 */
#ifndef TESTS_ABI_ABI_TEST_H
#define TESTS_ABI_ABI_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define show(what, value) printf("%s: %ld\n", (what), (long)(value))

/* What a call returned: "name: 0" or "name: -1 errno 22". */
#define show_call(call)                                                                                                \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long result_ = (long)(call);                                                                                   \
        if (result_ == -1)                                                                                             \
            printf("%s: -1 errno %d\n", #call, errno);                                                                 \
        else                                                                                                           \
            printf("%s: %ld\n", #call, result_);                                                                       \
    } while (0)

/* The same as an expression, whose value is the result. */
#define SHOW(call)                                                                                                     \
    ({                                                                                                                 \
        errno = 0;                                                                                                     \
        long result_ = (long)(call);                                                                                   \
        int errno_ = errno;                                                                                            \
        if (result_ == -1)                                                                                             \
            printf("%s: -1 errno %d\n", #call, errno_);                                                                \
        else                                                                                                           \
            printf("%s: %ld\n", #call, result_);                                                                       \
        fflush(stdout);                                                                                                \
        errno = errno_;                                                                                                \
        result_;                                                                                                       \
    })

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        printf("%s: %s\n", #condition, (condition) ? "yes" : "NO");                                                    \
        fflush(stdout);                                                                                                \
    } while (0)

/* The same where the number itself may differ: ok or the errno. */
#define show_ok(call)                                                                                                  \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        if ((long)(call) == -1)                                                                                        \
            printf("%s: errno %d\n", #call, errno);                                                                    \
        else                                                                                                           \
            printf("%s: ok\n", #call);                                                                                 \
    } while (0)

/* The core bit depends on the limits of the machine that runs the test: it is not shown. */
static inline void show_status(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exited %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: killed by %d\n", what, WTERMSIG(status));
    else if (WIFSTOPPED(status))
        printf("%s: stopped by %d\n", what, WSTOPSIG(status));
    else if (WIFCONTINUED(status))
        printf("%s: continued\n", what);
    else
        printf("%s: status %x\n", what, status);
}

/* fork() with nothing left in stdio's buffers to be printed twice. */
static inline pid_t fork_clean(void)
{
    fflush(stdout);
    return fork();
}

/* Ends a child made by fork_clean(). */
static inline void child_exit(int code)
{
    fflush(stdout);
    _exit(code);
}

/* Run body() in a child and show how it ended. */
static inline void show_child(const char *what, void (*body)(void))
{
    int status = -1;
    pid_t pid = fork_clean();

    if (pid == 0) {
        body();
        child_exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        printf("%s: fork or wait failed, errno %d\n", what, errno);
    else
        show_status(what, status);
    fflush(stdout);
}

/* Until a child, which goes to sleep in one place only, is there. */
static inline void wait_asleep(pid_t pid)
{
    char path[32], text[128] = "";

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    for (;;) {
        int fd = open(path, O_RDONLY);
        ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
        close(fd);
        text[n > 0 ? n : 0] = '\0';
        char *end = strrchr(text, ')');
        if (!end || end[2] == 'S')
            return;
        usleep(1000);
    }
}

/* A page that ends where memory does: what is returned is the first address without access. */
static inline char *page_edge(void)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED || mprotect(pages + 4096, 4096, PROT_NONE) != 0) {
        printf("page_edge: errno %d\n", errno);
        exit(1);
    }
    return pages + 4096;
}

#endif
