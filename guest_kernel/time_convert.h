/*
 * Linux's time structures to and from ns.  Pure.
 */
#ifndef GUEST_KERNEL_TIME_CONVERT_H
#define GUEST_KERNEL_TIME_CONVERT_H

#include <linux/time.h>

#include "guest_kernel/core/time.h"

static inline bool timespec_is_valid(const struct timespec *t)
{
    return t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < (long)NS_PER_S;
}

/* Saturates: a wait of 292 years and more is for ever. */
static inline uint64_t timespec_to_ns(const struct timespec *t)
{
    if ((uint64_t)t->tv_sec >= INT64_MAX / NS_PER_S)
        return INT64_MAX;
    return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec;
}

static inline struct timespec timespec_of_ns(uint64_t ns)
{
    return (struct timespec){.tv_sec = (long)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};
}

static inline bool timeval_is_valid(const struct timeval *t)
{
    return t->tv_sec >= 0 && t->tv_usec >= 0 && t->tv_usec < 1000000;
}

static inline uint64_t timeval_to_ns(const struct timeval *t)
{
    struct timespec s = {.tv_sec = t->tv_sec, .tv_nsec = t->tv_usec * 1000};

    return timespec_to_ns(&s);
}

static inline struct timeval timeval_of_ns(uint64_t ns)
{
    return (struct timeval){.tv_sec = (long)(ns / NS_PER_S), .tv_usec = (long)(ns % NS_PER_S / 1000)};
}

/* A monotonic deadline `ns` from now; UINT64_MAX where that is past all time. */
static inline uint64_t deadline_after(uint64_t ns)
{
    uint64_t now = clock_monotonic_ns();

    return ns >= INT64_MAX - now ? UINT64_MAX : now + ns;
}

/* The monotonic deadline of a realtime one, as the clocks stand now. */
static inline uint64_t deadline_of_realtime(uint64_t realtime_ns)
{
    uint64_t now = clock_realtime_ns();

    return realtime_ns <= now ? 0 : deadline_after(realtime_ns - now);
}

#endif
