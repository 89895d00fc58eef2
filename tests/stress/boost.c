/*
 * Real-time threads and futexes, all on one CPU: the owner of a lock is boosted by who waits for it, also by way of
 * another lock's owner; the more urgent waiter is woken first.  Only for sandboxes: real-time threads would harm the
 * machine.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>

#include "tests/stress/stress.h"

#define MINE 20

static uint32_t lock, first, gate;
static volatile bool stop, unlock;
static volatile unsigned long progress;
static char order[16];
static _Atomic unsigned used;

static long futex(uint32_t *at, int op, const void *timeout)
{
    return syscall(SYS_futex, at, op | FUTEX_PRIVATE_FLAG, op == FUTEX_WAKE ? 1 : 0, timeout, NULL, 0);
}

static void set_priority(int priority)
{
    struct sched_param p = {.sched_priority = priority};

    must(sched_setscheduler(0, priority ? SCHED_FIFO : SCHED_OTHER, &p) == 0);
}

static void *low(void *argument)
{
    set_priority(5);
    must(futex(&lock, FUTEX_LOCK_PI, NULL) == 0);
    while (!unlock) {
        progress++;
        sched_yield(); /* to who waits for the lock, once that is no longer so: both are equally urgent then */
    }
    must(futex(&lock, FUTEX_UNLOCK_PI, NULL) == 0);
    return argument;
}

static void *middle(void *argument)
{
    set_priority(10);
    while (!stop)
        continue;
    return argument;
}

static void *chained(void *argument)
{
    set_priority(6);
    must(futex(&first, FUTEX_LOCK_PI, NULL) == 0);
    must(futex(&lock, FUTEX_LOCK_PI, NULL) == 0);
    must(futex(&lock, FUTEX_UNLOCK_PI, NULL) == 0);
    must(futex(&first, FUTEX_UNLOCK_PI, NULL) == 0);
    return argument;
}

/* Does `low` get anything done while this thread waits for a lock in vain, or rests? */
static bool goes_on(uint32_t *wait_for)
{
    unsigned long before = progress;
    struct timespec soon;

    clock_gettime(CLOCK_REALTIME, &soon);
    soon.tv_nsec += 20000000;
    soon.tv_sec += soon.tv_nsec / 1000000000;
    soon.tv_nsec %= 1000000000;
    if (!wait_for)
        usleep(20000);
    else
        must(futex(wait_for, FUTEX_LOCK_PI, &soon) == -1 && errno == ETIMEDOUT);
    return progress != before;
}

static void until(volatile unsigned long *word)
{
    while (!*word)
        usleep(1000);
}

static void check_boost(bool chain)
{
    pthread_t a, b, c;

    stop = unlock = false;
    progress = 0;
    must(pthread_create(&a, NULL, low, NULL) == 0);
    until(&progress);
    if (chain) {
        must(pthread_create(&c, NULL, chained, NULL) == 0);
        while (!__atomic_load_n(&first, __ATOMIC_SEQ_CST) ||
               !(__atomic_load_n(&lock, __ATOMIC_SEQ_CST) & FUTEX_WAITERS))
            usleep(1000);
    }
    must(goes_on(NULL)); /* nobody is in its way yet */
    must(pthread_create(&b, NULL, middle, NULL) == 0);
    usleep(20000);
    must(!goes_on(NULL));
    must(goes_on(chain ? &first : &lock));
    must(!goes_on(NULL));
    unlock = stop = true;
    must(pthread_join(a, NULL) == 0 && pthread_join(b, NULL) == 0);
    if (chain)
        must(pthread_join(c, NULL) == 0);
    must(!(lock & ~FUTEX_WAITERS) && !(first & ~FUTEX_WAITERS));
    lock = first = 0;
}

static void *by_priority(void *argument)
{
    set_priority((int)(intptr_t)argument);
    must(futex(&gate, FUTEX_WAIT, NULL) == 0);
    order[used++] = (char)('0' + (intptr_t)argument);
    return NULL;
}

static void check_order(void)
{
    static const int priorities[] = {0, 2, 1, 0, 3, 2};
    pthread_t threads[6];

    memset(order, 0, sizeof order);
    used = 0;
    for (int i = 0; i < 6; i++) {
        must(pthread_create(&threads[i], NULL, by_priority, (void *)(intptr_t)priorities[i]) == 0);
        usleep(5000);
    }
    for (unsigned i = 0; i < 6; i++) {
        while (!futex(&gate, FUTEX_WAKE, NULL))
            usleep(1000);
        while (used == i)
            usleep(1000);
    }
    for (int i = 0; i < 6; i++)
        must(pthread_join(threads[i], NULL) == 0);
    if (strcmp(order, "322100"))
        wrong("woken in the order %s", order);
}

int main(int argc, char **argv)
{
    unsigned long rounds = 0;
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(0, &one);
    stress_start(argc, argv);
    must(sched_setaffinity(0, sizeof one, &one) == 0);
    set_priority(MINE);
    for (; !rounds || stress_goes_on(); rounds++) {
        check_boost(false);
        check_boost(true);
        check_order();
    }
    printf("boost: %lu rounds\n", rounds);
    return 0;
}
