/*
 * The vDSO: user code that the kernel maps into every process, so that reading the clock makes no system call
 * (vdso(7)).  Runs in ring 3 on the program's stack; reads the clock page that lies in front of it, and falls back to the
 * system call for clocks that only the kernel knows.
 */
#include <asm/unistd_64.h>
#include <linux/time.h>

#include "guest_kernel/core/clock_page.h"
#include "guest_kernel/core/layout.h"

#define NS_PER_S 1000000000ULL
#define COARSE_RESOLUTION_NS 4000000

extern const struct clock_page clock_page __attribute__((visibility("hidden")));

int __vdso_clock_gettime(__kernel_clockid_t id, struct timespec *out);
int __vdso_clock_getres(__kernel_clockid_t id, struct timespec *out);
int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz);
__kernel_old_time_t __vdso_time(__kernel_old_time_t *out);
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused);

static long system_call(long number, long a, long b)
{
    long result;

    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return result;
}

static uint64_t tsc_now(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static uint64_t now_ns(enum clock_offset offset)
{
    uint32_t sequence;
    uint64_t ns;

    do {
        sequence = clock_page_begin(&clock_page);
        ns = clock_page_ns(&clock_page, tsc_now(), offset);
    } while (clock_page_retry(&clock_page, sequence));
    return ns;
}

static int put_timespec(struct timespec *out, uint64_t ns)
{
    out->tv_sec = (__kernel_old_time_t)(ns / NS_PER_S);
    out->tv_nsec = (long)(ns % NS_PER_S);
    return 0;
}

int __vdso_clock_gettime(__kernel_clockid_t id, struct timespec *out)
{
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return put_timespec(out, now_ns(CLOCK_OFFSET_REAL));
    case CLOCK_TAI:
        return put_timespec(out, now_ns(CLOCK_OFFSET_TAI));
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        return put_timespec(out, now_ns(CLOCK_OFFSET_NONE));
    case CLOCK_MONOTONIC_RAW:
        return put_timespec(out, clock_page_raw_ns(&clock_page, tsc_now()));
    default:
        return (int)system_call(__NR_clock_gettime, id, (long)out);
    }
}

int __vdso_clock_getres(__kernel_clockid_t id, struct timespec *out)
{
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
        return out ? put_timespec(out, 1) : 0;
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
        return out ? put_timespec(out, COARSE_RESOLUTION_NS) : 0;
    default:
        return (int)system_call(__NR_clock_getres, id, (long)out);
    }
}

int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
    if (tv) {
        uint64_t us = now_ns(CLOCK_OFFSET_REAL) / 1000;
        tv->tv_sec = (__kernel_old_time_t)(us / 1000000);
        tv->tv_usec = (__kernel_suseconds_t)(us % 1000000);
    }
    if (tz)
        *tz = (struct timezone){(int)clock_page_get(&clock_page.minutes_west), (int)clock_page_get(&clock_page.daylight_saving)};
    return 0;
}

__kernel_old_time_t __vdso_time(__kernel_old_time_t *out)
{
    __kernel_old_time_t now = (__kernel_old_time_t)(now_ns(CLOCK_OFFSET_REAL) / NS_PER_S);

    if (out)
        *out = now;
    return now;
}

/* There is one node of memory. */
long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
    uint32_t number;

    __asm__ volatile("lsl %1, %0" : "=r"(number) : "r"(CPU_NUMBER_SELECTOR));
    if (cpu)
        *cpu = number;
    if (node)
        *node = 0;
    return 0;
}

#define UNPREFIXED(name) extern __typeof__(__vdso_##name) name __attribute__((weak, alias("__vdso_" #name)))
UNPREFIXED(clock_gettime);
UNPREFIXED(clock_getres);
UNPREFIXED(gettimeofday);
UNPREFIXED(time);
UNPREFIXED(getcpu);
