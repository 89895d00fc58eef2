/*
 * Ten thousand threads at once, each asleep until all are there; then each has a turn, and ends.  Rounds of it, with
 * the same memory: what a thread had must come back.
 */
#include <pthread.h>
#include <sys/syscall.h>

#include "tests/stress/stress.h"

#define THREADS    10000
#define STACK_SIZE 16384

static pthread_t threads[THREADS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_here = PTHREAD_COND_INITIALIZER, go = PTHREAD_COND_INITIALIZER;
static unsigned here, turns; /* under lock, as the next */
static bool begun;

static void *wait_for_all(void *argument)
{
    pthread_mutex_lock(&lock);
    if (++here == THREADS)
        pthread_cond_signal(&all_here);
    while (!begun)
        pthread_cond_wait(&go, &lock);
    turns++;
    pthread_mutex_unlock(&lock);
    return argument;
}

static void one_round(const pthread_attr_t *small)
{
    here = turns = 0;
    begun = false;
    for (long n = 0; n < THREADS; n++) {
        int error = pthread_create(&threads[n], small, wait_for_all, (void *)n);
        if (error)
            wrong("thread %ld: error %d", n, error);
    }
    pthread_mutex_lock(&lock);
    while (here < THREADS)
        pthread_cond_wait(&all_here, &lock);
    begun = true;
    pthread_cond_broadcast(&go);
    pthread_mutex_unlock(&lock);
    for (long n = 0; n < THREADS; n++) {
        void *back;
        must(pthread_join(threads[n], &back) == 0 && back == (void *)n);
    }
    must(turns == THREADS);
}

int main(int argc, char **argv)
{
    unsigned long rounds = 0;
    pthread_attr_t small;

    stress_start(argc, argv);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_SIZE);
    do {
        one_round(&small);
        rounds++;
    } while (stress_goes_on());
    printf("threads: %lu rounds of %d threads\n", rounds, THREADS);
    return 0;
}
