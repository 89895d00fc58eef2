/*
 * Calls that C libraries have replaced by younger ones, or do without a call at all: made by number.
 */
#include <sched.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>

#include "abi_test.h"

#define RAW(name, ...) SHOW(syscall(SYS_##name, ##__VA_ARGS__))

static char *const bad = (char *)8;

static void show_time(void)
{
    struct timeval tv = {0};
    struct timezone tz = {1, 1};
    time_t now = 0;

    show_ok(syscall(SYS_gettimeofday, &tv, &tz));
    CHECK(tv.tv_sec > 1000000000 && tv.tv_usec < 1000000 && tz.tz_minuteswest == 0);
    RAW(gettimeofday, NULL, NULL);
    RAW(gettimeofday, bad, NULL);
    CHECK(syscall(SYS_time, &now) - tv.tv_sec < 2 && now >= tv.tv_sec);
    RAW(time, bad);
    RAW(settimeofday, bad, NULL);
    tv.tv_usec = 1000000;
    RAW(settimeofday, &tv, NULL);
    tz.tz_minuteswest = 16 * 60;
    RAW(settimeofday, NULL, &tz);
}

static void show_cpu(void)
{
    unsigned cpu = 99999, node = 99999;

    RAW(getcpu, &cpu, &node, NULL);
    CHECK(cpu < 1024 && node < 64);
    RAW(getcpu, NULL, NULL, NULL);
    RAW(getcpu, bad, NULL, NULL);
}

static void show_limits(void)
{
    struct rlimit r = {7, 9};

    RAW(setrlimit, RLIMIT_CORE, &r);
    r.rlim_cur = r.rlim_max = 0;
    RAW(getrlimit, RLIMIT_CORE, &r);
    printf("limits %lu %lu\n", (unsigned long)r.rlim_cur, (unsigned long)r.rlim_max);
    r.rlim_cur = 10;
    RAW(setrlimit, RLIMIT_CORE, &r);
    RAW(getrlimit, 99, &r);
    RAW(setrlimit, 99, &r);
    RAW(getrlimit, RLIMIT_CORE, bad);
    RAW(setrlimit, RLIMIT_CORE, bad);
    setpriority(PRIO_PROCESS, 0, 3);
    RAW(getpriority, PRIO_PROCESS, 0);
}

static void show_files(void)
{
    int dir = open(".", O_RDONLY | O_DIRECTORY);

    RAW(mkdirat, dir, "made", 0700);
    RAW(mkdirat, dir, "made", 0700);
    RAW(mkdirat, 999, "made", 0700);
    RAW(symlinkat, "target", dir, "link");
    RAW(symlinkat, "", dir, "empty");
    RAW(symlinkat, "target", dir, "link");
    RAW(renameat, dir, "link", dir, "renamed");
    RAW(renameat, dir, "link", dir, "renamed");
    RAW(renameat, dir, "made", dir, "renamed");
    RAW(renameat, dir, "renamed", 999, "x");
    RAW(unlinkat, dir, "renamed", 0);
    RAW(unlinkat, dir, "made", AT_REMOVEDIR);
    RAW(sync);
    RAW(munlockall);
}

static void show_events(void)
{
    uint64_t mask = 1ULL << (SIGUSR1 - 1), value = 0;
    siginfo_t info = {.si_code = SI_QUEUE, .si_value.sival_int = 5};

    int fd = (int)syscall(SYS_eventfd, 3);
    CHECK(fd >= 0 && read(fd, &value, 8) == 8 && value == 3);
    close(fd);
    sigprocmask(SIG_BLOCK, (sigset_t *)&(sigset_t){{mask}}, NULL);
    fd = (int)syscall(SYS_signalfd, -1, &mask, 8);
    CHECK(fd >= 0);
    RAW(signalfd, -1, &mask, 4);
    RAW(signalfd, -1, bad, 8);
    RAW(rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, &info);
    char record[128] = {0};
    CHECK(read(fd, record, 128) == 128 && record[0] == SIGUSR1);
    RAW(rt_tgsigqueueinfo, getpid(), 999999, SIGUSR1, &info);
    RAW(rt_tgsigqueueinfo, -1, gettid(), SIGUSR1, &info);
    RAW(rt_tgsigqueueinfo, getpid(), gettid(), 0, &info);
    RAW(rt_tgsigqueueinfo, getpid(), gettid(), 99, &info);
    RAW(rt_tgsigqueueinfo, getpid(), gettid(), SIGUSR1, bad);
    info.si_code = SI_USER;
    RAW(rt_tgsigqueueinfo, getppid(), getppid(), SIGUSR1, &info);
    close(fd);
}

/* Nothing is changed: the machine that this runs on keeps its names and goes on. */
static void show_refusals(void)
{
    char name[80];

    memset(name, 'x', sizeof name);
    RAW(sethostname, name, 65);
    RAW(sethostname, name, -1);
    RAW(sethostname, bad, 5);
    RAW(setdomainname, name, 65);
    RAW(setdomainname, bad, 5);
    RAW(reboot, 1, 2, 3, NULL);
    RAW(reboot, 0xfee1dead, 672274793, 0x12345678, NULL);
    show_call(setuid(1000));
    RAW(sethostname, name, 5);
    RAW(setdomainname, name, 5);
    RAW(reboot, 0xfee1dead, 672274793, RB_AUTOBOOT, NULL);
    RAW(settimeofday, &(struct timeval){1000000000, 0}, NULL);
}

int main(void)
{
    RAW(setfsgid, 7);
    RAW(setfsgid, -1);
    RAW(setfsgid, 0);
    show_time();
    show_cpu();
    show_limits();
    show_files();
    show_events();
    show_child("refusals", show_refusals);
    return 0;
}
