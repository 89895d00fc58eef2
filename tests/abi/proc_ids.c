/*
 * User and group ids, limits, names and other small calls.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <grp.h>

#include "abi_test.h"

static void show_ids(void)
{
    unsigned r, e, s;

    show_call(setresuid(1, 2, 3));
    getresuid(&r, &e, &s);
    printf("uids %u %u %u\n", r, e, s);
    show_call(setresuid(0, -1, -1));
    show_call(setuid(1));
    getresuid(&r, &e, &s);
    printf("uids %u %u %u\n", r, e, s);
    show_call(setuid(0));
    show_call(setreuid(3, 1));
    show_call(setgroups(0, NULL));
}

static void show_group_ids(void)
{
    unsigned r, e, s;
    gid_t groups[40] = {5, 6, 7};

    show_call(syscall(SYS_setgroups, 3, groups));
    show_call(syscall(SYS_getgroups, 0, NULL));
    show_call(syscall(SYS_getgroups, 2, groups));
    show_call(syscall(SYS_getgroups, -1, groups));
    memset(groups, 0, sizeof(groups));
    show_call(syscall(SYS_getgroups, 40, groups));
    printf("groups %u %u %u\n", groups[0], groups[1], groups[2]);
    show_call(setresgid(11, 12, 13));
    getresgid(&r, &e, &s);
    printf("gids %u %u %u\n", r, e, s);
    show_call(syscall(SYS_setfsuid, -1));
    show_call(syscall(SYS_setuid, -1));
}

static void show_limits(void)
{
    struct rlimit limit = {.rlim_cur = 10, .rlim_max = 5};

    show_call(setrlimit(RLIMIT_NOFILE, &limit));
    show_call(getrlimit(99, &limit));
    limit = (struct rlimit){.rlim_cur = 100, .rlim_max = 200};
    show_call(setrlimit(RLIMIT_MSGQUEUE, &limit));
    limit = (struct rlimit){0};
    show_call(getrlimit(RLIMIT_MSGQUEUE, &limit));
    printf("limit %lu %lu\n", (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
    getrlimit(RLIMIT_STACK, &limit);
    show("stack limit", limit.rlim_cur);
    show_call(syscall(SYS_prlimit64, 99999999, RLIMIT_CORE, NULL, NULL));
    show_call(syscall(SYS_prlimit64, 0, RLIMIT_MSGQUEUE, NULL, 8));
    show_call(getpriority(PRIO_PROCESS, 0));
    show_call(setpriority(PRIO_PROCESS, 0, 7));
    show_call(getpriority(PRIO_PROCESS, 0));
    show_call(syscall(SYS_getpriority, 9, 0));
}

static void show_names(void)
{
    struct utsname names;
    char name[17] = {0};

    uname(&names);
    printf("%s %s\n", names.sysname, names.machine);
    show_call(prctl(PR_SET_NAME, "a name that is much too long"));
    show_call(prctl(PR_GET_NAME, name));
    printf("name '%s'\n", name);
    show_call(prctl(PR_SET_NAME, 8));
    show_call(prctl(PR_SET_PDEATHSIG, 100));
    show_call(prctl(PR_GET_DUMPABLE));
    show_call(prctl(PR_SET_DUMPABLE, 5));
    show_call(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    show_call(prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0));
    show_call(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    show_call(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    show_call(prctl(123456));
}

static void show_scheduling(void)
{
    struct sched_param param = {0};
    cpu_set_t set;

    show_call(sched_getscheduler(0));
    show_call(sched_getscheduler(99999999));
    show_call(sched_getscheduler(-1));
    show_call(sched_getparam(0, &param));
    show("priority", param.sched_priority);
    show_call(sched_get_priority_max(SCHED_FIFO));
    show_call(sched_get_priority_min(SCHED_RR));
    show_call(sched_get_priority_max(SCHED_OTHER));
    show_call(sched_get_priority_max(77));
    show_call(sched_yield());
    show_ok(sched_getaffinity(0, sizeof(set), &set));
    show_call(syscall(SYS_sched_getaffinity, 0, 4, &set));
    show_call(syscall(SYS_sched_getaffinity, 0, 12, &set));
}

static void show_odds(void)
{
    unsigned char bytes[16] = {0}, sum = 0;

    show_call(syscall(SYS_getrandom, bytes, sizeof(bytes), 0));
    for (unsigned i = 0; i < sizeof(bytes); i++)
        sum |= bytes[i];
    show("bytes are not all zero", sum != 0);
    show_call(syscall(SYS_getrandom, bytes, 4, 0x100));
    show_call(syscall(SYS_getrandom, 8, 4, 0));
    show_call(personality(0xffffffff));
    show("tid is pid", syscall(SYS_gettid) == getpid());
    show_call(syscall(SYS_set_robust_list, 0, 1));
    show_call(syscall(1000));
    show_call(syscall(SYS_arch_prctl, 0x1002, 1UL << 63));
    show_call(syscall(SYS_arch_prctl, 0x9999, 0));
}

int main(void)
{
    int status;

    show_group_ids();
    show_limits();
    show_names();
    show_scheduling();
    show_odds();
    pid_t child = fork_clean();
    if (!child) {
        show_ids();
        child_exit(0);
    }
    waitpid(child, &status, 0);
    show_status("ids", status);
    return 0;
}
