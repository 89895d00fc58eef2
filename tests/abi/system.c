/*
 * Clocks, limits, names of the system, random bytes, and calls with nonsense.
 */
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <time.h>

#include "tests/abi/abi_test.h"

static long long nanoseconds(clockid_t clock)
{
    struct timespec t = {0};

    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void clocks(void)
{
    struct timespec t = {0, 30000000}, r;
    long long before = nanoseconds(CLOCK_MONOTONIC);

    SHOW(nanosleep(&t, NULL));
    long long slept = nanoseconds(CLOCK_MONOTONIC) - before;
    CHECK(slept >= 30000000 && slept < 5000000000LL);
    CHECK(nanoseconds(CLOCK_REALTIME) > 1600000000LL * 1000000000);
    CHECK(time(NULL) > 1600000000);
    CHECK(nanoseconds(CLOCK_BOOTTIME) > 0);
    CHECK(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) > 0);
    CHECK(nanoseconds(CLOCK_THREAD_CPUTIME_ID) > 0);
    SHOW(clock_getres(CLOCK_MONOTONIC, &r));
    CHECK(r.tv_sec == 0 && r.tv_nsec > 0);
    SHOW(syscall(SYS_clock_gettime, 9999, &t));
    SHOW(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 1));
    t = (struct timespec){0, 1000000000};
    SHOW(nanosleep(&t, NULL));
    t = (struct timespec){-1, 0};
    SHOW(nanosleep(&t, NULL));
    struct timeval v;
    SHOW(gettimeofday(&v, NULL));
    CHECK(v.tv_usec >= 0 && v.tv_usec < 1000000);
    for (int i = 0; i < 1000; i++) {
        long long now = nanoseconds(CLOCK_MONOTONIC);
        if (now < before)
            printf("the clock went back\n");
        before = now;
    }
    struct itimerval timer = {{0, 0}, {100, 5}}, old;
    SHOW(setitimer(ITIMER_REAL, &timer, NULL));
    SHOW(getitimer(ITIMER_REAL, &old));
    CHECK(old.it_value.tv_sec >= 99);
    SHOW(alarm(0) > 90);
    SHOW(setitimer(55, &timer, NULL));
}

static void limits(void)
{
    struct rlimit l;

    SHOW(getrlimit(RLIMIT_NOFILE, &l));
    l.rlim_cur = 10;
    SHOW(setrlimit(RLIMIT_NOFILE, &l));
    int fd = -1, last;
    do {
        last = fd;
        fd = dup(0);
    } while (fd >= 0);
    printf("last descriptor %d, errno %d\n", last, errno);
    SHOW(getrlimit(99, &l));
    l.rlim_cur = l.rlim_max + 1;
    if (l.rlim_max != RLIM_INFINITY)
        SHOW(setrlimit(RLIMIT_NOFILE, &l));
    struct rusage u;
    SHOW(getrusage(RUSAGE_SELF, &u));
    SHOW(getrusage(1234, &u));
    SHOW(getpriority(PRIO_PROCESS, 0));
}

static void names(void)
{
    struct utsname u;
    struct sysinfo s;

    SHOW(uname(&u));
    printf("%s %s\n", u.sysname, u.machine);
    SHOW(uname((void *)1));
    SHOW(sysinfo(&s));
    CHECK(s.totalram > 0 && s.freeram <= s.totalram && s.procs > 0);
    SHOW(sysconf(_SC_PAGESIZE));
    CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= 1);
}

static void randomness(void)
{
    unsigned char a[32] = {0}, b[32] = {0};

    SHOW(getrandom(a, sizeof a, 0));
    SHOW(getrandom(b, sizeof b, GRND_NONBLOCK));
    CHECK(memcmp(a, b, sizeof a) != 0);
    SHOW(getrandom(a, 1, 0x100));
    SHOW(getrandom((void *)1, 1, 0));
}

static void nonsense(void)
{
    SHOW(syscall(450 + 100));
    SHOW(syscall(-1L));
    SHOW(syscall(400));
    SHOW(syscall(1L << 40));
    SHOW(ioctl(0, 0x12345678, 0));
    SHOW(ioctl(99, 0x5401, 0));
    SHOW(fcntl(-1, F_GETFL));
    SHOW(syscall(SYS_close, 0xffffffff00000063ul));
    SHOW(syscall(SYS_exit_group + 100000));
}



int main(void)
{
    clocks();
    limits();
    names();
    randomness();
    nonsense();
    return 0;
}
