/*
 * What a call costs in a long run, with all that its trace costs meanwhile: COUNT times getpid, in TSC ticks each (in Bochs a tick is an
 * instruction).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t stamp(void)
{
    uint32_t lo, hi;

    __asm__ volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi) : : "memory");
    return (uint64_t)hi << 32 | lo;
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? atol(argv[1]) : 0;
    uint64_t start = stamp();

    for (long n = 0; n < count; n++)
        syscall(SYS_getpid);
    printf("%llu\n", (unsigned long long)(count ? (stamp() - start) / (uint64_t)count : 0));
    return 0;
}
