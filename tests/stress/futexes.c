/*
 * Locks, conditions and thread ends made of futexes: a counter under a mutex, a bounded queue, threads made and joined.
 */
#include <pthread.h>

#include "tests/stress/stress.h"

#define THREADS 6
#define QUEUE 8

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned long counter, queued, taken;
static unsigned waiting_items;
static bool finished;

static void *count(void *argument)
{
    unsigned long own = 0;

    for (; stress_goes_on(); own += 100) {
        for (int i = 0; i < 100; i++) {
            pthread_mutex_lock(&lock);
            counter++;
            pthread_mutex_unlock(&lock);
        }
    }
    return (void *)own;
}

static void *produce(void *argument)
{
    while (stress_goes_on()) {
        pthread_mutex_lock(&lock);
        while (waiting_items == QUEUE)
            pthread_cond_wait(&changed, &lock);
        waiting_items++;
        queued++;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
    }
    pthread_mutex_lock(&lock);
    finished = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *consume(void *argument)
{
    pthread_mutex_lock(&lock);
    for (;;) {
        while (!waiting_items && !finished)
            pthread_cond_wait(&changed, &lock);
        if (!waiting_items)
            break;
        waiting_items--;
        taken++;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void *short_life(void *argument)
{
    return argument;
}

int main(int argc, char **argv)
{
    pthread_t counters[THREADS], producer, consumers[2];
    unsigned long sum = 0, lives = 0;

    stress_start(argc, argv);
    for (int i = 0; i < THREADS; i++)
        must(!pthread_create(&counters[i], NULL, count, NULL));
    must(!pthread_create(&producer, NULL, produce, NULL));
    for (int i = 0; i < 2; i++)
        must(!pthread_create(&consumers[i], NULL, consume, NULL));
    for (; stress_goes_on(); lives++) {
        pthread_t t;
        void *back;
        must(!pthread_create(&t, NULL, short_life, (void *)lives));
        must(!pthread_join(t, &back) && back == (void *)lives);
    }
    for (int i = 0; i < THREADS; i++) {
        void *own;
        pthread_join(counters[i], &own);
        sum += (unsigned long)own;
    }
    pthread_join(producer, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(consumers[i], NULL);
    must(sum == counter);
    must(queued == taken);
    printf("futexes: %lu counted, %lu queued, %lu threads\n", counter, queued, lives);
    return 0;
}
