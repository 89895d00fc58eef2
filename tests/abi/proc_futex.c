/*
 * Futexes between processes and threads: shared and private, bit sets, requeueing, robust locks.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "abi_test.h"

static uint32_t *word;

static long futex(uint32_t *at, int op, uint32_t value, const struct timespec *timeout, uint32_t *at2, uint32_t value3)
{
    return syscall(SYS_futex, at, op, value, timeout, at2, value3);
}

/* A child that sleeps on *at with `op` and leaves with what the call gave. */
static pid_t sleeper(uint32_t *at, int op, uint32_t bits)
{
    struct timespec limit = {0, 300000000}, now;

    pid_t child = fork_clean();
    if (child)
        return child;
    if ((op & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET) { /* its timeout is absolute */
        clock_gettime(CLOCK_MONOTONIC, &now);
        limit.tv_sec = now.tv_sec + 1;
        limit.tv_nsec = now.tv_nsec;
    }
    long result = futex(at, op, 0, &limit, NULL, bits);
    _exit(result ? errno : 0);
}

static void show_shared(void)
{
    int status;

    pid_t child = sleeper(word, FUTEX_WAIT, 0);
    usleep(50000);
    show_call(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0));
    waitpid(child, &status, 0);
    show_status("shared: woken", status);

    child = sleeper(word, FUTEX_WAIT_PRIVATE, 0);
    usleep(50000);
    show_call(futex(word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    waitpid(child, &status, 0);
    show_status("private: not the same futex", status);

    static uint32_t own;
    child = sleeper(&own, FUTEX_WAIT, 0);
    usleep(50000);
    show_call(futex(&own, FUTEX_WAKE, 1, NULL, NULL, 0));
    waitpid(child, &status, 0);
    show_status("private memory: not the same futex", status);
}

static void show_bits(void)
{
    int status;
    pid_t child = sleeper(word, FUTEX_WAIT_BITSET, 6);

    usleep(50000);
    show_call(futex(word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 1));
    show_call(futex(word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 4));
    waitpid(child, &status, 0);
    show_status("woken by its bit", status);
    show_call(futex(word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
    show_call(futex(word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0));
}

static void show_requeue(void)
{
    int status, woken = 0;
    pid_t children[4];

    for (int i = 0; i < 4; i++)
        children[i] = sleeper(word, FUTEX_WAIT, 0);
    usleep(50000);
    show_call(futex(word, FUTEX_CMP_REQUEUE, 1, (void *)2, word + 1, 7));
    show_call(futex(word, FUTEX_CMP_REQUEUE, 1, (void *)2, word + 1, 0));
    show_call(futex(word + 1, FUTEX_WAKE, 10, NULL, NULL, 0));
    show_call(futex(word, FUTEX_WAKE, 10, NULL, NULL, 0));
    for (int i = 0; i < 4; i++) {
        waitpid(children[i], &status, 0);
        woken += WIFEXITED(status) && !WEXITSTATUS(status);
    }
    show("all were woken", woken);
}

static void show_errors(void)
{
    show_call(futex((uint32_t *)0x1000, FUTEX_WAIT, 0, NULL, NULL, 0));
    show_call(futex((uint32_t *)0x1000, FUTEX_WAKE, 1, NULL, NULL, 0));
    show_call(futex((uint32_t *)0x1000, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    show_call(futex((uint32_t *)(1UL << 63), FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
    show_call(futex(word, FUTEX_WAIT, 9, NULL, NULL, 0));
}

static void show_semaphores(void)
{
    sem_t *semaphores = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status;

    sem_init(&semaphores[0], 1, 0);
    sem_init(&semaphores[1], 1, 0);
    pid_t child = fork_clean();
    if (!child) {
        for (int i = 0; i < 100; i++) {
            sem_wait(&semaphores[0]);
            word[5]++;
            sem_post(&semaphores[1]);
        }
        _exit(0);
    }
    for (int i = 0; i < 100; i++) {
        sem_post(&semaphores[0]);
        sem_wait(&semaphores[1]);
    }
    waitpid(child, &status, 0);
    show("ping-pong between processes", word[5]);
}

static pthread_mutex_t *robust;

static void *dies_with_lock(void *argument)
{
    pthread_mutex_lock(robust);
    return argument;
}

static void show_robust(void)
{
    pthread_mutexattr_t attributes;
    pthread_t thread;

    robust = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(robust, &attributes);
    pthread_create(&thread, NULL, dies_with_lock, NULL);
    pthread_join(thread, NULL);
    show("the owner died", pthread_mutex_lock(robust));
    show("made consistent", pthread_mutex_consistent(robust));
    show("unlocked", pthread_mutex_unlock(robust));
    pid_t child = fork_clean();
    if (!child) {
        pthread_mutex_lock(robust);
        usleep(50000);
        _exit(0);
    }
    usleep(20000);
    show("the owning process died", pthread_mutex_lock(robust));
    waitpid(child, NULL, 0);
}

int main(void)
{
    word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    show_shared();
    show_bits();
    show_requeue();
    show_errors();
    show_semaphores();
    show_robust();
    return 0;
}
