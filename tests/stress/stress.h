/*
 * What the stress programs share: they run for some seconds, check as they go, and end with 0 and a line that says how
 * much they did, or with 1 and a line that says what was wrong.
 */
#ifndef TESTS_STRESS_STRESS_H
#define TESTS_STRESS_STRESS_H

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double stress_end;

static inline double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline void stress_start(int argc, char **argv)
{
    stress_end = seconds_now() + (argc > 1 ? atof(argv[1]) : 2);
}

static inline bool stress_goes_on(void)
{
    return seconds_now() < stress_end;
}

static inline void __attribute__((noreturn, format(printf, 1, 2))) wrong(const char *format, ...)
{
    va_list ap;
    char text[200];

    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    dprintf(1, "WRONG: %s (errno %d)\n", text, errno);
    _exit(1);
}

#define must(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            wrong("%s:%d: %s", __FILE__, __LINE__, #condition);                                                        \
    } while (0)

/* A child ended well. */
static inline void must_end_well(pid_t pid)
{
    int status = -1;

    must(waitpid(pid, &status, 0) == pid);
    if (status)
        wrong("child %d ended with status 0x%x", pid, status);
}

static inline uint32_t random_next(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

#endif
