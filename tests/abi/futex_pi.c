/*
 * Locks with priority inheritance: the word and the results of each operation, by one thread and by several, owners
 * that end, deadlocks, condition variables by requeueing.  Times and thread numbers are not shown: of a word, who it
 * names and its two bits.  That an owner really is boosted: tests/stress/futex_pi.c.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <time.h>

#include "abi_test.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#define PRIVATE FUTEX_PRIVATE_FLAG

static long futex(uint32_t *at, int op, uint32_t value, const void *timeout, uint32_t *at2, uint32_t value3)
{
    return syscall(SYS_futex, at, op, value, timeout, at2, value3);
}

static uint32_t my_tid(void)
{
    return (uint32_t)syscall(SYS_gettid);
}

static void show_word(const char *what, uint32_t value)
{
    uint32_t tid = value & FUTEX_TID_MASK;

    printf("%s: %s%s%s\n", what,
           !tid              ? "free"
           : tid == my_tid() ? "mine"
                             : "another's",
           value & FUTEX_WAITERS ? ", waiters" : "", value & FUTEX_OWNER_DIED ? ", owner died" : "");
    fflush(stdout);
}

static struct timespec in_ms(int clock, long ms)
{
    struct timespec t;

    clock_gettime(clock, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static uint32_t lock;

static void show_alone(void)
{
    struct timespec wrong = {1, 1000000000};
    uint32_t *odd = (void *)((uintptr_t)&lock + 1);

    show_call(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    show_call(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    show_word("taken", lock);
    show_call(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    show_call(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    show_call(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    show_word("left", lock);
    lock = FUTEX_OWNER_DIED;
    show_call(futex(&lock, FUTEX_TRYLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show_word("from one that died", lock);
    lock = 0x3ffffff0; /* no thread has that number */
    show_call(futex(&lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    printf("the word: %x\n", lock);
    show_call(futex(&lock, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    show_call(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    lock = 0;
    show_call(futex(odd, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    show_call(futex((void *)8, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    show_call(futex((void *)8, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show_call(futex((void *)8, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    show_call(futex(&lock, FUTEX_LOCK_PI, 0, &wrong, NULL, 0));
    show_call(futex(&lock, FUTEX_LOCK_PI, 0, (void *)8, NULL, 0));
    show_call(futex(&lock, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
    show_call(futex(&lock, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
    show_call(futex(&lock, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    uint32_t *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    show_call(futex(read_only, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    show_call(futex(read_only, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
}

static volatile uint32_t stage; /* who is next: threads wait for it without the lock */

static void wait_for(uint32_t n)
{
    while (__atomic_load_n(&stage, __ATOMIC_SEQ_CST) < n)
        usleep(1000);
}

static void *holder(void *argument)
{
    futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    stage = 1;
    wait_for(2);
    if (argument)
        return NULL; /* with the lock */
    futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    return NULL;
}

static void show_contended(void)
{
    struct timespec soon;
    pthread_t t;

    stage = 0;
    pthread_create(&t, NULL, holder, NULL);
    wait_for(1);
    show_word("another has it", lock);
    show_call(futex(&lock, FUTEX_TRYLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show_word("tried", lock);
    show_call(futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    soon = in_ms(CLOCK_REALTIME, 30);
    show_call(futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, &soon, NULL, 0));
    soon = in_ms(CLOCK_MONOTONIC, 30);
    show_call(futex(&lock, FUTEX_LOCK_PI2 | PRIVATE, 0, &soon, NULL, 0));
    soon = in_ms(CLOCK_REALTIME, 30);
    show_call(futex(&lock, FUTEX_LOCK_PI2 | PRIVATE | FUTEX_CLOCK_REALTIME, 0, &soon, NULL, 0));
    stage = 2;
    show_call(futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show_word("handed over, or free", lock & ~FUTEX_WAITERS);
    pthread_join(t, NULL);
    show_call(futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show_word("left", lock);
    /* One that ends with the lock, and nobody waited. */
    stage = 0;
    pthread_create(&t, NULL, holder, &lock);
    wait_for(1);
    stage = 2;
    pthread_join(t, NULL);
    show_call(futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    lock = 0;
}

static void *ends_while_waited_for(void *argument)
{
    futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    stage = 1;
    usleep(100000);
    return argument;
}

static void show_heir(void)
{
    pthread_t t;

    stage = 0;
    pthread_create(&t, NULL, ends_while_waited_for, NULL);
    wait_for(1);
    show_call(futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show_word("inherited", lock);
    pthread_join(t, NULL);
    show_call(futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show_word("left", lock);
    lock = 0;
}

/* --- a plain waiter and a lock do not mix --- */

static void *plain_waiter(void *argument)
{
    struct timespec limit = {0, 200000000};

    return (void *)futex(argument, FUTEX_WAIT | PRIVATE, *(uint32_t *)argument, &limit, NULL, 0);
}

static void *pi_waiter(void *argument)
{
    struct timespec limit = in_ms(CLOCK_REALTIME, 200);

    return (void *)(futex(argument, FUTEX_LOCK_PI | PRIVATE, 0, &limit, NULL, 0) ? (long)errno : 0);
}

static void show_mixed(void)
{
    static uint32_t other;
    pthread_t t;
    void *result;

    lock = my_tid();
    pthread_create(&t, NULL, plain_waiter, &lock);
    usleep(50000);
    show_call(futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    pthread_join(t, NULL);
    lock = 0;
    show_call(futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    pthread_create(&t, NULL, pi_waiter, &lock);
    usleep(50000);
    show_word("waited for", lock);
    show_call(futex(&lock, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
    show_call(futex(&lock, FUTEX_WAKE_OP | PRIVATE, 1, NULL, &other, 0));
    lock = FUTEX_WAITERS; /* a program that writes what it likes */
    show_call(futex(&lock, FUTEX_TRYLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    lock = FUTEX_WAITERS | my_tid();
    pthread_join(t, &result);
    show("it gave up", (long)result);
    show_word("still mine", lock);
    show_call(futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
}

/* --- a circle --- */

static uint32_t first, second;

static void *other_way(void *argument)
{
    futex(&second, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    stage = 1;
    futex(&first, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    futex(&first, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    futex(&second, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    return argument;
}

static void show_circle(void)
{
    pthread_t t;

    stage = 0;
    futex(&first, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    pthread_create(&t, NULL, other_way, NULL);
    wait_for(1);
    usleep(50000);
    show_call(futex(&second, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show_call(futex(&first, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    pthread_join(t, NULL);
    show_word("both are free", first | second);
}

/* --- requeueing --- */

static uint32_t condition, mutex;
static uint32_t awake;

static void *waits_for_condition(void *argument)
{
    struct timespec limit = in_ms(CLOCK_MONOTONIC, argument ? 3000 : 50);
    long result = futex(&condition, FUTEX_WAIT_REQUEUE_PI | PRIVATE, 0, &limit, &mutex, 0) ? errno : 0;

    if (!result) {
        __atomic_fetch_add(&awake, 1, __ATOMIC_SEQ_CST);
        if ((mutex & FUTEX_TID_MASK) != my_tid())
            result = -1;
        futex(&mutex, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    }
    return (void *)result;
}

static void show_requeue(void)
{
    static uint32_t elsewhere;
    pthread_t t[3];
    void *result;

    show_call(futex(&condition, FUTEX_WAIT_REQUEUE_PI | PRIVATE, 1, NULL, &mutex, 0));
    show_call(futex(&condition, FUTEX_WAIT_REQUEUE_PI | PRIVATE, 0, NULL, &condition, 0));
    show_call(futex(&condition, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, NULL, &condition, 0));
    show_call(futex(&condition, FUTEX_CMP_REQUEUE_PI | PRIVATE, 2, NULL, &mutex, 0));
    show_call(futex(&condition, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, (void *)-1L, &mutex, 0));
    show_call(futex(&condition, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, (void *)1, &mutex, 7));
    show_call(futex(&condition, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, (void *)1, &mutex, 0));
    pthread_create(&t[0], NULL, waits_for_condition, NULL);
    pthread_join(t[0], &result);
    show("nobody came", (long)result);
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, waits_for_condition, &mutex);
    usleep(100000);
    show_call(futex(&condition, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
    show_call(futex(&condition, FUTEX_CMP_REQUEUE | PRIVATE, 1, (void *)1, &mutex, 0));
    show_call(futex(&condition, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, (void *)1, &elsewhere, 0));
    show_call(futex(&mutex, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show_call(futex(&condition, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, (void *)1, &mutex, 0));
    usleep(50000);
    show("moved, and asleep", awake);
    show_word("the lock", mutex);
    show_call(futex(&mutex, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    for (int i = 0; i < 100 && awake < 2; i++)
        usleep(10000);
    show("two have had the lock", awake);
    show_call(futex(&condition, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, (void *)0, &mutex, 0));
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], &result);
        show("waited for the condition", (long)result);
    }
    show_word("the lock", mutex);
}

static void nothing(int signal)
{
    (void)signal;
}

static void *waits_for_ever(void *argument)
{
    (void)argument;
    return (void *)(futex(&condition, FUTEX_WAIT_REQUEUE_PI | PRIVATE, 0, NULL, &mutex, 0) ? (long)errno : 0);
}

/* A signal for one that was moved already: the call is not begun again, as the word may be another by now. */
static void show_signal_after_move(void)
{
    struct sigaction action = {.sa_handler = nothing};
    pthread_t t;
    void *result;

    sigaction(SIGUSR1, &action, NULL);
    futex(&mutex, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0);
    pthread_create(&t, NULL, waits_for_ever, NULL);
    while (futex(&condition, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, (void *)0, &mutex, 0) != 1)
        usleep(1000);
    pthread_kill(t, SIGUSR1);
    pthread_join(t, &result);
    show("a signal after the move", (long)result);
    show_call(futex(&mutex, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
    show_word("the lock", mutex);
}

/* --- by the C library --- */

static pthread_mutex_t robust;

static void *dies_robustly(void *argument)
{
    pthread_mutex_lock(&robust);
    return argument;
}

static void show_library(void)
{
    pthread_mutexattr_t a;
    pthread_t t;

    pthread_mutexattr_init(&a);
    show("inheriting", pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT));
    show("robust", pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST));
    show("init", pthread_mutex_init(&robust, &a));
    pthread_create(&t, NULL, dies_robustly, NULL);
    pthread_join(t, NULL);
    show("the owner died", pthread_mutex_lock(&robust));
    show("consistent", pthread_mutex_consistent(&robust));
    show("unlock", pthread_mutex_unlock(&robust));
    show("lock", pthread_mutex_lock(&robust));
    show("unlock", pthread_mutex_unlock(&robust));
}

int main(void)
{
    show_alone();
    show_contended();
    show_heir();
    show_mixed();
    show_circle();
    show_requeue();
    show_signal_after_move();
    show_library();
    return 0;
}
