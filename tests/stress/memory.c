/*
 * Threads that map, touch, protect and unmap in one address space while others read it and fork: a page that was given
 * back must never be seen through a stale translation.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#include "tests/stress/stress.h"

#define MAPPERS 4
#define PAGE 4096ul

static atomic_uint maps, forks, faults;

/* Each thread marks the pages it maps with its own number: nobody else's number may ever be in them. */
static void *mapper(void *argument)
{
    uint64_t self = (uint64_t)(uintptr_t)argument;
    uint32_t seed = (uint32_t)self * 7919 + 1;

    for (; stress_goes_on(); atomic_fetch_add(&maps, 1)) {
        size_t pages = random_next(&seed) % 40 + 1;
        uint64_t *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        must(p != MAP_FAILED);
        for (size_t i = 0; i < pages; i++) {
            must(p[i * 512] == 0);
            p[i * 512] = self << 32 | i;
        }
        if (random_next(&seed) % 4 == 0) {
            must(!mprotect(p, pages * PAGE, PROT_READ));
            must(!mprotect(p, pages * PAGE, PROT_READ | PROT_WRITE));
        }
        if (random_next(&seed) % 4 == 0)
            must(!madvise(p, PAGE, MADV_DONTNEED) && p[0] == 0 && (p[0] = self << 32) != 0);
        for (size_t i = 0; i < pages; i++)
            must(p[i * 512] == (self << 32 | i));
        must(!munmap(p, pages * PAGE));
    }
    return NULL;
}

/* One thread writes to a page that another takes write permission from: after mprotect() returned, no write goes through. */
static uint64_t *volatile shared_word;
static __thread sigjmp_buf jump;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    siglongjmp(jump, 1);
}

static void *writer(void *argument)
{
    while (stress_goes_on()) {
        if (sigsetjmp(jump, 1))
            atomic_fetch_add(&faults, 1);
        else
            for (int i = 0; i < 1000; i++)
                ++*(volatile uint64_t *)shared_word;
    }
    return NULL;
}

static void *protector(void *argument)
{
    while (stress_goes_on()) {
        must(!mprotect(shared_word, PAGE, PROT_READ));
        uint64_t before = *(volatile uint64_t *)shared_word;
        for (int i = 0; i < 2000; i++)
            if (*(volatile uint64_t *)shared_word != before)
                wrong("a write went through to a page that is read-only");
        must(!mprotect(shared_word, PAGE, PROT_READ | PROT_WRITE));
        usleep(100);
    }
    return NULL;
}

/* Children see memory as it was when they were made, whatever the threads do meanwhile. */
static void *forker(void *argument)
{
    static uint64_t copy[64][512];

    for (uint64_t round = 1; stress_goes_on(); round++, atomic_fetch_add(&forks, 1)) {
        for (int i = 0; i < 64; i++)
            copy[i][0] = round;
        pid_t pid = fork();
        must(pid >= 0);
        if (!pid) {
            for (int i = 0; i < 64; i++)
                if (copy[i][0] != round)
                    _exit(3);
            _exit(0);
        }
        for (int i = 0; i < 64; i++)
            copy[i][0] = ~round;
        must_end_well(pid);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    pthread_t threads[MAPPERS + 3];
    unsigned n = 0;

    stress_start(argc, argv);
    sigaction(SIGSEGV, &action, NULL);
    shared_word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(shared_word != MAP_FAILED);
    for (; n < MAPPERS; n++)
        must(!pthread_create(&threads[n], NULL, mapper, (void *)(uintptr_t)(n + 1)));
    must(!pthread_create(&threads[n++], NULL, writer, NULL));
    must(!pthread_create(&threads[n++], NULL, protector, NULL));
    must(!pthread_create(&threads[n++], NULL, forker, NULL));
    while (n)
        pthread_join(threads[--n], NULL);
    printf("memory: %u maps, %u forks, %u writes refused\n", atomic_load(&maps), atomic_load(&forks), atomic_load(&faults));
    return 0;
}
