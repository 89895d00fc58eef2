/*
 * Locks with priority inheritance: counters under robust mutexes whose owners now and then end with them, locks taken
 * in chains, waits that time out, and condition variables whose waiters are requeued to such a lock.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "tests/stress/stress.h"

#define LOCKS   4
#define THREADS 6
#define WAITERS 4

static pthread_mutex_t locks[LOCKS];
static unsigned long counts[LOCKS], deaths; /* each under its lock; deaths: under the first */
static _Atomic unsigned long added[LOCKS];

/* The error is for the message. */
static void good(int error)
{
    errno = error;
    must(!error);
}

static void own(pthread_mutex_t *m, int error)
{
    if (error == EOWNERDEAD)
        good(pthread_mutex_consistent(m));
    else
        good(error);
}

static void add(unsigned n)
{
    counts[n]++;
    atomic_fetch_add_explicit(&added[n], 1, memory_order_relaxed);
}

/* Both, the lower first; the second not for longer than a moment. */
static void chain(unsigned a, unsigned b)
{
    struct timespec soon;
    int error;

    own(&locks[a], pthread_mutex_lock(&locks[a]));
    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 100000;
    if (soon.tv_nsec >= 1000000000) {
        soon.tv_sec++;
        soon.tv_nsec -= 1000000000;
    }
    error = pthread_mutex_timedlock(&locks[b], &soon);
    if (error != ETIMEDOUT) {
        own(&locks[b], error);
        add(b);
        good(pthread_mutex_unlock(&locks[b]));
    }
    add(a);
    good(pthread_mutex_unlock(&locks[a]));
}

static void *work(void *argument)
{
    uint32_t random = (uint32_t)(uintptr_t)argument * 7919 + 1;

    while (stress_goes_on()) {
        unsigned n = random_next(&random) % LOCKS;
        if (n + 1 < LOCKS && random_next(&random) % 4 == 0) {
            chain(n, n + 1);
            continue;
        }
        own(&locks[n], pthread_mutex_lock(&locks[n]));
        add(n);
        good(pthread_mutex_unlock(&locks[n]));
    }
    return NULL;
}

static void *end_with_lock(void *argument)
{
    own(&locks[0], pthread_mutex_lock(&locks[0]));
    add(0);
    deaths++;
    return argument;
}

static void *make_deaths(void *argument)
{
    while (stress_goes_on()) {
        pthread_t t;
        must(pthread_create(&t, NULL, end_with_lock, NULL) == 0);
        must(pthread_join(t, NULL) == 0);
        usleep(2000);
    }
    return argument;
}

/* A condition variable by hand: waiters hold `gate` again when they come back. */
static uint32_t turn, gate;
static unsigned long passed, calls; /* under gate */
static _Atomic bool over;

static long futex(uint32_t *at, int op, uint32_t value, unsigned long value2, uint32_t *at2, uint32_t value3)
{
    return syscall(SYS_futex, at, op | FUTEX_PRIVATE_FLAG, value, value2, at2, value3);
}

static void gate_lock(void)
{
    uint32_t free = 0;

    if (!__atomic_compare_exchange_n(&gate, &free, (uint32_t)syscall(SYS_gettid), false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST))
        must(futex(&gate, FUTEX_LOCK_PI, 0, 0, NULL, 0) == 0);
}

static void gate_unlock(void)
{
    uint32_t mine = (uint32_t)syscall(SYS_gettid);

    if (!__atomic_compare_exchange_n(&gate, &mine, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        must(futex(&gate, FUTEX_UNLOCK_PI, 0, 0, NULL, 0) == 0);
}

static void *wait_for_turn(void *argument)
{
    while (!atomic_load(&over)) {
        uint32_t seen = __atomic_load_n(&turn, __ATOMIC_SEQ_CST);
        struct timespec soon;
        clock_gettime(CLOCK_MONOTONIC, &soon);
        soon.tv_nsec += 5000000;
        soon.tv_sec += soon.tv_nsec / 1000000000;
        soon.tv_nsec %= 1000000000;
        if (futex(&turn, FUTEX_WAIT_REQUEUE_PI, seen, (unsigned long)&soon, &gate, 0)) {
            must(errno == EAGAIN || errno == ETIMEDOUT);
            continue;
        }
        must((__atomic_load_n(&gate, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK) == (uint32_t)syscall(SYS_gettid));
        passed++;
        gate_unlock();
    }
    return argument;
}

static void *call_waiters(void *argument)
{
    while (stress_goes_on()) {
        gate_lock();
        uint32_t next = __atomic_add_fetch(&turn, 1, __ATOMIC_SEQ_CST);
        long n = futex(&turn, FUTEX_CMP_REQUEUE_PI, 1, WAITERS, &gate, next);
        must(n >= 0 || errno == EAGAIN);
        calls++;
        gate_unlock();
    }
    atomic_store(&over, true);
    return argument;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS + WAITERS + 2];
    unsigned n = 0, sum = 0;
    pthread_mutexattr_t a;

    stress_start(argc, argv);
    pthread_mutexattr_init(&a);
    must(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT) == 0);
    must(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) == 0);
    for (int i = 0; i < LOCKS; i++)
        must(pthread_mutex_init(&locks[i], &a) == 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        must(pthread_create(&threads[n++], NULL, work, (void *)i) == 0);
    for (int i = 0; i < WAITERS; i++)
        must(pthread_create(&threads[n++], NULL, wait_for_turn, NULL) == 0);
    must(pthread_create(&threads[n++], NULL, call_waiters, NULL) == 0);
    must(pthread_create(&threads[n++], NULL, make_deaths, NULL) == 0);
    while (n)
        must(pthread_join(threads[--n], NULL) == 0);
    for (int i = 0; i < LOCKS; i++) {
        must(counts[i] == atomic_load(&added[i]));
        sum += counts[i];
    }
    must(passed > 0 && deaths > 0);
    printf("futex_pi: %u counted, %lu owners ended, %lu of %lu calls passed on\n", sum, deaths, passed, calls);
    return 0;
}
