/*
 * Fairness: a thousand threads that never sleep all get on; beside them, real-time threads that never sleep leave the
 * others a share, and SCHED_IDLE ones get less than ordinary ones.  Policies, nice values and affinity change all the
 * time.
 */
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tests/stress/stress.h"

#define THREADS    1000
#define CHANGED    20 /* the first threads */
#define CHANGERS   3
#define PATIENCE   40
#define STACK_SIZE 32768

static _Atomic unsigned long counters[THREADS];
static _Atomic int tids[THREADS];
static _Atomic bool stop;

static void *spin(void *argument)
{
    long n = (long)argument;

    atomic_store(&tids[n], (int)syscall(SYS_gettid));
    while (!atomic_load_explicit(&stop, memory_order_relaxed))
        atomic_fetch_add_explicit(&counters[n], 1, memory_order_relaxed);
    return NULL;
}

/* Of the first threads only: the others must not notice. */
static void *change(void *argument)
{
    uint32_t random = (uint32_t)(long)argument * 77777 + 1;

    for (; !atomic_load(&stop); usleep(500)) {
        unsigned n = random_next(&random) % CHANGED;
        int tid = atomic_load(&tids[n]);
        static const int policies[] = {SCHED_OTHER, SCHED_OTHER, SCHED_BATCH, SCHED_IDLE};
        int policy = policies[random_next(&random) % 4];
        struct sched_param p = {0};
        unsigned long cpus = random_next(&random) % 15 + 1;
        if (!tid)
            continue;
        if (random_next(&random) % 32 == 0 &&
            sysconf(_SC_NPROCESSORS_ONLN) > 1) { /* on one CPU: the others are for the rest */
            policy = random_next(&random) % 2 ? SCHED_FIFO : SCHED_RR;
            p.sched_priority = 1 + (int)(random_next(&random) % 50);
            cpus = 1;
        }
        must(syscall(SYS_sched_setscheduler, tid, policy, &p) == 0 || atomic_load(&stop));
        must(setpriority(PRIO_PROCESS, (id_t)tid, (int)(random_next(&random) % 40) - 20) == 0 || atomic_load(&stop));
        (void)syscall(SYS_sched_setaffinity, tid, sizeof cpus, &cpus); /* may name no CPU that is there */
    }
    return NULL;
}

/* A hog above all others may not have more than nearly all of one CPU. */
static void check_throttled(void)
{
    struct sched_param p = {.sched_priority = 90};
    double start = seconds_now();
    unsigned long before = 0, after = 0;

    for (int n = CHANGED; n < THREADS; n++)
        before += atomic_load(&counters[n]);
    must(sched_setscheduler(0, SCHED_FIFO, &p) == 0);
    while (seconds_now() < start + 1.5)
        continue;
    p.sched_priority = 0;
    must(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &p) == 0);
    for (int n = CHANGED; n < THREADS; n++)
        after += atomic_load(&counters[n]);
    must(after > before);
}

/* Of the threads that nobody changes. */
static unsigned long counted_least(void)
{
    unsigned long least = -1UL;

    for (int n = CHANGED; n < THREADS; n++)
        if (atomic_load(&counters[n]) < least)
            least = atomic_load(&counters[n]);
    return least;
}

int main(int argc, char **argv)
{
    static pthread_t threads[THREADS + CHANGERS];
    struct sched_param plain = {0};
    pthread_attr_t small;

    stress_start(argc, argv);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_SIZE);
    must(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &plain) == 0);
    must(setpriority(PRIO_PROCESS, 0, -20) == 0); /* this thread alone */
    for (long n = 0; n < THREADS; n++)
        must(!pthread_create(&threads[n], &small, spin, (void *)n));
    for (long n = 0; n < CHANGERS; n++)
        must(!pthread_create(&threads[THREADS + n], &small, change, (void *)n));
    check_throttled();
    while (stress_goes_on())
        usleep(100000);
    while (counted_least() < 100 && seconds_now() < stress_end + PATIENCE) /* a loaded machine gives them little */
        usleep(100000);
    atomic_store(&stop, true);
    for (long n = 0; n < THREADS + CHANGERS; n++)
        pthread_join(threads[n], NULL);
    must(counted_least() >= 100);
    printf("sched: the least that one of %d threads counted: %lu\n", THREADS, counted_least());
    return 0;
}
