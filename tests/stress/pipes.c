/*
 * Bytes through pipes between processes and threads: none lost, none twice, in order; a token around a ring.
 */
#include <poll.h>
#include <pthread.h>

#include "tests/stress/stress.h"

#define RING 5

/* Numbers in pieces of changing size; the reader's checksum and order must be the writer's. */
static uint64_t writer(int fd, uint32_t seed)
{
    uint64_t sent = 0;
    static uint32_t buffer[4096];

    for (; stress_goes_on();) {
        unsigned n = random_next(&seed) % 4096 + 1;
        for (unsigned i = 0; i < n; i++)
            buffer[i] = (uint32_t)(sent + i);
        size_t bytes = n * sizeof *buffer;
        for (size_t done = 0; done < bytes;) {
            ssize_t r = write(fd, (char *)buffer + done, bytes - done);
            must(r > 0);
            done += (size_t)r;
        }
        sent += n;
    }
    close(fd);
    return sent;
}

static uint64_t reader(int fd, uint32_t seed)
{
    uint64_t bytes_seen = 0;
    static uint8_t buffer[20000];

    for (;;) {
        ssize_t r = read(fd, buffer, random_next(&seed) % sizeof buffer + 1);
        must(r >= 0);
        if (!r)
            break;
        for (ssize_t i = 0; i < r; i++, bytes_seen++)
            must(buffer[i] == (uint8_t)((uint32_t)(bytes_seen / 4) >> 8 * (bytes_seen % 4)));
    }
    must(bytes_seen % 4 == 0);
    return bytes_seen / 4;
}

static void stream(uint32_t seed)
{
    int fds[2];

    must(!pipe(fds));
    pid_t pid = fork();
    must(pid >= 0);
    if (!pid) {
        close(fds[1]);
        uint64_t got = reader(fds[0], seed * 7);
        dprintf(1, "pipes: stream of %llu words\n", (unsigned long long)got);
        _exit(0);
    }
    close(fds[0]);
    writer(fds[1], seed);
    must_end_well(pid);
}

static int ring[RING][2];
static atomic_uint rounds;

static void *pass(void *argument)
{
    unsigned self = (unsigned)(uintptr_t)argument;
    uint32_t token;

    for (;;) {
        struct pollfd p = {.fd = ring[self][0], .events = POLLIN};
        if (self % 2)
            must(poll(&p, 1, 100 * 1000) == 1);
        must(read(ring[self][0], &token, sizeof token) == sizeof token);
        if (token == UINT32_MAX || (self == 0 && !stress_goes_on()))
            break;
        token++;
        if (self == 0)
            atomic_fetch_add(&rounds, 1);
        must(write(ring[(self + 1) % RING][1], &token, sizeof token) == sizeof token);
    }
    if (self == 0) {
        must(token == atomic_load(&rounds) * RING);
        token = UINT32_MAX;
    }
    if (self + 1 < RING)
        must(write(ring[self + 1][1], &token, sizeof token) == sizeof token);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[RING];
    uint32_t token = 0;

    stress_start(argc, argv);
    pid_t pid = fork();
    must(pid >= 0);
    if (!pid) {
        stream(12345);
        _exit(0);
    }
    for (unsigned i = 0; i < RING; i++)
        must(!pipe(ring[i]));
    for (unsigned i = 0; i < RING; i++)
        must(!pthread_create(&threads[i], NULL, pass, (void *)(uintptr_t)i));
    must(write(ring[0][1], &token, sizeof token) == sizeof token);
    for (unsigned i = 0; i < RING; i++)
        pthread_join(threads[i], NULL);
    must_end_well(pid);
    printf("pipes: %u rounds of a ring of %d threads\n", atomic_load(&rounds), RING);
    return 0;
}
