/*
 * Scheduling policies: what each call accepts, who may do what, what a child inherits, and the order in which real-time
 * threads run on one CPU.  What differs between Linux's versions (the interval of SCHED_OTHER, that sched_getattr tells
 * a runtime of fair tasks since 6.12) is not shown.
 */
#define sched_param linux_sched_param /* the C library has one too */
#include <linux/sched/types.h>
#undef sched_param
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/resource.h>

#include "abi_test.h"

#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif
#define POLICY_DEADLINE  6
#define FLAG_RESET       1
#define FLAG_KEEP_POLICY 8
#define FLAG_KEEP_PARAMS 0x10

static long setscheduler(int pid, int policy, int priority)
{
    int param = priority;

    return syscall(SYS_sched_setscheduler, pid, policy, &param);
}

static long setparam(int pid, int priority)
{
    int param = priority;

    return syscall(SYS_sched_setparam, pid, &param);
}

static int priority_now(void)
{
    int priority = -1;

    syscall(SYS_sched_getparam, 0, &priority);
    return priority;
}

static void show_now(const char *what)
{
    printf("%s: policy %lx, priority %d, nice %d\n", what, syscall(SYS_sched_getscheduler, 0), priority_now(),
           getpriority(PRIO_PROCESS, 0));
}

static void show_policies(void)
{
    show_now("at first");
    show_call(setscheduler(0, SCHED_OTHER, 1));
    show_call(setscheduler(0, SCHED_FIFO, 0));
    show_call(setscheduler(0, SCHED_FIFO, 100));
    show_call(setscheduler(0, SCHED_FIFO, -1));
    show_call(setscheduler(0, 4, 0));
    show_call(setscheduler(0, 7, 0));
    show_call(setscheduler(0, -1, 0));
    show_call(setscheduler(-1, SCHED_FIFO, 1));
    show_call(setscheduler(99999, SCHED_FIFO, 1));
    show_call(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, NULL));
    show_call(syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, 1));
    show_call(setscheduler(0, POLICY_DEADLINE, 0));
    show_call(setscheduler(0, SCHED_FIFO, 99));
    show_now("FIFO");
    show_call(setparam(0, 7));
    show_call(setparam(0, 0));
    show_now("another priority");
    show_call(setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, 3));
    show_now("RR, reset on fork");
    show_call(setparam(0, 4));
    show_now("and still");
    show_call(setscheduler(0, SCHED_BATCH, 0));
    show_now("BATCH");
    show_call(setscheduler(0, SCHED_IDLE, 0));
    show_now("IDLE");
    show_call(setparam(0, 0));
    show_call(setscheduler(0, SCHED_OTHER, 0));
    show_call(syscall(SYS_sched_getscheduler, -1));
    show_call(syscall(SYS_sched_getscheduler, 99999));
    show_call(syscall(SYS_sched_getparam, 0, NULL));
    show_call(syscall(SYS_sched_getparam, -1, 1));
    show_call(syscall(SYS_sched_getparam, 0, 1));
}

static long set_attr(struct sched_attr *a)
{
    return syscall(SYS_sched_setattr, 0, a, 0);
}

static void show_attr(const char *what, unsigned size)
{
    struct sched_attr a;

    memset(&a, 0xee, sizeof a);
    long result = syscall(SYS_sched_getattr, 0, &a, size, 0);
    if (a.sched_policy != POLICY_DEADLINE)
        a.sched_runtime = 0;
    printf("%s: %ld, size %u, policy %u, flags %llx, nice %d, priority %u, %llu %llu %llu\n", what, result, a.size,
           a.sched_policy, (unsigned long long)a.sched_flags, a.sched_nice, a.sched_priority,
           (unsigned long long)a.sched_runtime, (unsigned long long)a.sched_deadline,
           (unsigned long long)a.sched_period);
}

static void show_attributes(void)
{
    struct sched_attr *a = (void *)(page_edge() - 48);
    struct {
        struct sched_attr a;
        uint64_t more[2];
    } large = {.a = {.size = sizeof large, .sched_nice = 3}};

    *(unsigned *)a = 0; /* 48 bytes are what there was at first */
    memset(a, 0, 48);
    show_call(set_attr(a));
    a->size = 48;
    a->sched_policy = SCHED_BATCH;
    a->sched_nice = 5;
    show_call(set_attr(a));
    show_attr("BATCH, nice 5", 48);
    a->size = 40;
    show_call(set_attr(a));
    show("the size it wants, is it more?", a->size > 40);
    a->size = 5000;
    show_call(set_attr(a));
    show_call(set_attr(&large.a));
    show_attr("a longer structure", 56);
    large.more[1] = 1;
    show_call(set_attr(&large.a));
    a->size = 48;
    a->sched_flags = 0x100000;
    show_call(set_attr(a));
    a->sched_flags = FLAG_RESET;
    a->sched_policy = SCHED_RR;
    show_call(set_attr(a));
    a->sched_priority = 9;
    show_call(set_attr(a));
    show_attr("RR", 48);
    a->sched_flags = FLAG_KEEP_POLICY;
    a->sched_priority = 11;
    show_call(set_attr(a));
    show_attr("policy kept", 48);
    a->sched_flags = FLAG_KEEP_PARAMS;
    a->sched_policy = SCHED_FIFO;
    show_call(set_attr(a));
    show_attr("priority kept", 48);
    a->sched_policy = -1;
    show_call(set_attr(a));
    show_call(syscall(SYS_sched_setattr, 0, NULL, 0));
    show_call(syscall(SYS_sched_setattr, 0, 1, 0));
    show_call(syscall(SYS_sched_setattr, 0, a, 1));
    show_call(syscall(SYS_sched_setattr, -1, a, 0));
    show_call(syscall(SYS_sched_getattr, 0, a, 47, 0));
    show_call(syscall(SYS_sched_getattr, 0, a, 4097, 0));
    show_call(syscall(SYS_sched_getattr, 0, a, 48, 1));
    show_call(syscall(SYS_sched_getattr, 0, NULL, 48, 0));
    show_call(syscall(SYS_sched_getattr, 99999, a, 48, 0));
    show_call(setscheduler(0, SCHED_OTHER, 0));
    setpriority(PRIO_PROCESS, 0, 0);
}

static void show_deadline(void)
{
    struct sched_attr a = {.size = 48,
                           .sched_policy = POLICY_DEADLINE,
                           .sched_runtime = 1000000,
                           .sched_deadline = 20000000,
                           .sched_period = 30000000};

    show_call(set_attr(&a));
    show_attr("DEADLINE", 48);
    show_call(fork());
    a.sched_flags = FLAG_RESET;
    show_call(set_attr(&a));
    pid_t child = fork_clean();
    if (child == 0) {
        show_attr("its child", 48);
        child_exit(0);
    }
    waitpid(child, NULL, 0);
    show_call(sched_yield());
    a.sched_runtime = 30000000;
    show_call(set_attr(&a));
    a.sched_runtime = 1000;
    show_call(set_attr(&a));
    a.sched_runtime = 1000000;
    a.sched_deadline = 40000000;
    show_call(set_attr(&a));
    a.sched_period = 0;
    show_call(set_attr(&a));
    show_attr("the period is the deadline", 48);
    a.sched_deadline = 90000;
    a.sched_runtime = 10000;
    show_call(set_attr(&a));
    a.sched_deadline = 5000000000;
    show_call(set_attr(&a));
    a.sched_priority = 1;
    show_call(set_attr(&a));
    show_call(setscheduler(0, SCHED_OTHER, 0));
}

static void show_inherited(void)
{
    pid_t child = fork_clean();

    if (child == 0) {
        show_now("child");
        child_exit(0);
    }
    waitpid(child, NULL, 0);
}

static void show_children(void)
{
    setscheduler(0, SCHED_FIFO, 5);
    show_inherited();
    setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, 5);
    show_inherited();
    setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, 0);
    setpriority(PRIO_PROCESS, 0, -5);
    show_inherited();
    setpriority(PRIO_PROCESS, 0, 6);
    show_inherited();
    setscheduler(0, SCHED_OTHER, 0);
    setpriority(PRIO_PROCESS, 0, 0);
}

/* Limits of 0: raising them again takes CAP_SYS_RESOURCE, which a Linux in a container may lack. */
static void unprivileged(void)
{
    struct rlimit none = {0, 0};

    setrlimit(RLIMIT_RTPRIO, &none);
    setrlimit(RLIMIT_NICE, &none);
    setscheduler(0, SCHED_FIFO, 20);
    show_call(setgid(1000));
    show_call(setuid(1000));
    show_call(setscheduler(0, SCHED_FIFO, 21));
    show_call(setscheduler(0, SCHED_FIFO, 19));
    show_call(setscheduler(0, SCHED_RR, 4));
    show_call(setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, 18));
    show_call(setscheduler(0, SCHED_FIFO, 17));
    show_call(setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, 0));
    show_call(setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, 1));
    show_call(setscheduler(1, SCHED_OTHER, 0));
    show_call(setpriority(PRIO_PROCESS, 0, -5));
    show_call(setpriority(PRIO_PROCESS, 1, 0));
    show_call(setscheduler(0, SCHED_IDLE | SCHED_RESET_ON_FORK, 0));
    show_call(setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, 0));
    show_call(setpriority(PRIO_PROCESS, 0, 10));
    show_call(setpriority(PRIO_PROCESS, 0, 9));
    show_now("at the end");
}

/* Threads of one CPU: nobody but the most urgent one runs, so the order is certain. */
static sem_t go, done;
static char order[64];
static unsigned order_used;

static void *urgent(void *argument)
{
    int priority = (int)(intptr_t)argument;

    setscheduler(0, SCHED_FIFO, priority);
    sem_wait(&go);
    order[order_used++] = (char)('0' + priority / 10);
    sem_post(&done);
    order[order_used++] = (char)('a' + priority / 10);
    return NULL;
}

static void show_order(void)
{
    pthread_t threads[4];
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(0, &one);
    show_call(sched_setaffinity(0, sizeof one, &one));
    sem_init(&go, 0, 0);
    sem_init(&done, 0, 0);
    setscheduler(0, SCHED_FIFO, 60);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, urgent, (void *)(intptr_t)(10 + 10 * i));
    usleep(50000); /* all of them wait now */
    for (int i = 0; i < 4; i++)
        sem_post(&go);
    show("none ran before the more urgent one slept", order_used);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    printf("in the order of their priorities: %s\n", order);
    memset(order, 0, sizeof order);
    order_used = 0;
    setscheduler(0, SCHED_FIFO, 5);
    pthread_create(&threads[0], NULL, urgent, (void *)(intptr_t)20);
    order[order_used++] = '.'; /* it has made itself urgent, and waits: else it would not have let us go on */
    sem_post(&go);
    order[order_used++] = '!';
    pthread_join(threads[0], NULL);
    printf("woken, it runs at once: %s\n", order);
    setscheduler(0, SCHED_OTHER, 0);
}

static void show_intervals(void)
{
    struct timespec t = {1, 1};

    setscheduler(0, SCHED_RR, 1);
    show_call(sched_rr_get_interval(0, &t));
    show("RR", t.tv_nsec);
    setscheduler(0, SCHED_FIFO, 1);
    sched_rr_get_interval(0, &t);
    show("FIFO", t.tv_nsec);
    setscheduler(0, SCHED_OTHER, 0);
    show_call(sched_rr_get_interval(0, &t));
    show("OTHER, is it shorter than RR's?", t.tv_sec == 0 && t.tv_nsec < 100000000);
    show_call(sched_rr_get_interval(-1, &t));
    show_call(sched_rr_get_interval(99999, &t));
}

int main(void)
{
    show_policies();
    show_attributes();
    show_deadline();
    show_children();
    show_child("without privileges", unprivileged);
    show_order();
    show_intervals();
    return 0;
}
