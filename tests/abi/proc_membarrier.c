/*
 * membarrier(2): registrations, what comes wrong, and that a barrier on the others is one.
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "abi_test.h"

#define ROUNDS 200
#define COMMANDS_OF_6_1 0x1ff

static long barrier(int command, unsigned flags, int cpu)
{
    return syscall(SYS_membarrier, command, flags, cpu);
}

static void told(const char *what, long result)
{
    printf("%s: %ld, errno %d\n", what, result, result < 0 ? errno : 0);
}

static const struct {
    const char *name;
    int command;
} commands[] = {
    {"global", MEMBARRIER_CMD_GLOBAL},
    {"global expedited", MEMBARRIER_CMD_GLOBAL_EXPEDITED},
    {"private", MEMBARRIER_CMD_PRIVATE_EXPEDITED},
    {"sync core", MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE},
    {"rseq", MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ},
};

static void show_all(const char *when)
{
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        printf("%s: ", when);
        told(commands[i].name, barrier(commands[i].command, 0, 0));
    }
}

static void show_wrong(void)
{
    told("no command", barrier(1 << 20, 0, 0));
    told("two commands", barrier(MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
    told("query with flags", barrier(MEMBARRIER_CMD_QUERY, 1, 0));
    told("private with a CPU", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_FLAG_CPU, 0));
    told("rseq with other flags", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 2, 0));
    told("rseq on CPU 0", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 0));
    told("rseq on CPU 5000", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 5000));
    told("rseq on CPU -1", barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, -1));
}

static int x, y, seen_by_other, round_started, round_ended;

/* The fast side: no barrier but the compiler's. */
static void *fast_side(void *unused)
{
    for (int i = 1; i <= ROUNDS; i++) {
        while (__atomic_load_n(&round_started, __ATOMIC_ACQUIRE) < i)
            sched_yield();
        __atomic_store_n(&x, 1, __ATOMIC_RELAXED);
        __asm__ volatile("" : : : "memory");
        seen_by_other = __atomic_load_n(&y, __ATOMIC_RELAXED);
        __atomic_store_n(&round_ended, i, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void show_order(void)
{
    pthread_t other;
    int neither = 0;

    pthread_create(&other, NULL, fast_side, NULL);
    for (int i = 1; i <= ROUNDS; i++) {
        x = y = 0;
        __atomic_store_n(&round_started, i, __ATOMIC_RELEASE);
        __atomic_store_n(&y, 1, __ATOMIC_RELAXED);
        barrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
        int seen = __atomic_load_n(&x, __ATOMIC_RELAXED);
        while (__atomic_load_n(&round_ended, __ATOMIC_ACQUIRE) < i)
            sched_yield();
        neither += !seen && !seen_by_other;
    }
    pthread_join(other, NULL);
    show("rounds in which neither saw the other", neither);
}

int main(void)
{
    show("query", barrier(MEMBARRIER_CMD_QUERY, 0, 0) & COMMANDS_OF_6_1);
    show_all("unregistered");
    show_wrong();
    told("register", barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
    show_all("private");
    told("register", barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0));
    told("register", barrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0));
    told("register", barrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0));
    show_all("all");
    show_wrong();
    fflush(stdout);
    if (fork() == 0) {
        show_all("child");
        exit(0);
    }
    wait(NULL);
    show_order();
    return 0;
}
