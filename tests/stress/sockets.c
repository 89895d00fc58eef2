/*
 * AF_UNIX sockets on all CPUs: streams both ways, datagrams of many senders, connections that come and go, descriptors
 * sent around until nobody can reach them, ends pulled away under those who wait.  Afterwards no socket is left.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/stress/stress.h"

#define SENDERS 3
#define PAIRS 6

static atomic_uint streamed, datagrams, connections, descriptors, races;

/* --- bytes both ways --- */

static void *echo(void *argument)
{
    int fd = (int)(intptr_t)argument;
    char buffer[9000];

    for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;)
        for (ssize_t done = 0; done < n;) {
            ssize_t r = send(fd, buffer + done, (size_t)(n - done), MSG_NOSIGNAL);
            must(r > 0);
            done += r;
        }
    close(fd);
    return NULL;
}

static void *stream(void *argument)
{
    uint32_t seed = (uint32_t)(uintptr_t)argument, sent = 0, got = 0;
    static __thread uint8_t buffer[20000];
    int pair[2];
    pthread_t other;

    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    must(!pthread_create(&other, NULL, echo, (void *)(intptr_t)pair[1]));
    while (stress_goes_on() || got != sent) {
        /* No more on the way than both buffers hold for sure. */
        if (stress_goes_on() && sent - got < 50000) {
            unsigned n = random_next(&seed) % sizeof buffer + 1;
            for (unsigned i = 0; i < n; i++)
                buffer[i] = (uint8_t)((sent + i) * 7);
            ssize_t r = send(pair[0], buffer, n, MSG_DONTWAIT);
            must(r > 0 || errno == EAGAIN);
            sent += r > 0 ? (uint32_t)r : 0;
        }
        ssize_t r = recv(pair[0], buffer, random_next(&seed) % sizeof buffer + 1, got == sent ? MSG_DONTWAIT : 0);
        must(r > 0 || errno == EAGAIN);
        for (ssize_t i = 0; i < r; i++)
            must(buffer[i] == (uint8_t)((got + (uint32_t)i) * 7));
        got += r > 0 ? (uint32_t)r : 0;
    }
    shutdown(pair[0], SHUT_WR);
    must(read(pair[0], buffer, 1) == 0);
    must(!pthread_join(other, NULL));
    close(pair[0]);
    streamed += got / 1000;
    return NULL;
}

/* --- datagrams: none lost, none twice, in each sender's order --- */

static struct sockaddr_un name_of(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "%s-%d", name, getpid());
    return a;
}

static void *datagram_sender(void *argument)
{
    uint32_t message[2] = {(uint32_t)(uintptr_t)argument, 0};
    struct sockaddr_un a = name_of("datagrams");
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

    must(fd >= 0);
    if (message[0] % 2)
        must(!connect(fd, (struct sockaddr *)&a, sizeof a));
    for (; stress_goes_on(); message[1]++)
        must(sendto(fd, message, sizeof message, 0, message[0] % 2 ? NULL : (struct sockaddr *)&a,
                    message[0] % 2 ? 0 : sizeof a) == sizeof message);
    message[1] = UINT32_MAX;
    must(sendto(fd, message, sizeof message, 0, (struct sockaddr *)&a, sizeof a) == sizeof message);
    close(fd);
    return NULL;
}

static void *datagram_receiver(void *argument)
{
    int fd = (int)(intptr_t)argument;
    uint32_t next[SENDERS] = {0}, message[2];

    for (unsigned ended = 0; ended < SENDERS;) {
        must(recv(fd, message, sizeof message, 0) == sizeof message && message[0] < SENDERS);
        if (message[1] == UINT32_MAX)
            ended++;
        else
            must(message[1] == next[message[0]]++);
        datagrams++;
    }
    must(recv(fd, message, sizeof message, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    return NULL;
}

/* --- connections --- */

static void *accepter(void *argument)
{
    int listener = (int)(intptr_t)argument;
    uint32_t number;

    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
        must(read(fd, &number, sizeof number) == sizeof number);
        number = ~number;
        send(fd, &number, sizeof number, MSG_NOSIGNAL); /* who asked may be gone */
    }
    must(errno == EINVAL); /* it was shut down */
    return NULL;
}

static void *connecter(void *argument)
{
    uint32_t number = (uint32_t)(uintptr_t)argument, answer, seed = number + 5;
    struct sockaddr_un a = name_of("connections");

    for (; stress_goes_on(); number += 16, connections++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        must(fd >= 0 && !connect(fd, (struct sockaddr *)&a, sizeof a));
        must(write(fd, &number, sizeof number) == sizeof number);
        if (random_next(&seed) % 8)
            must(read(fd, &answer, sizeof answer) == sizeof answer && answer == ~number);
        close(fd);
    }
    return NULL;
}

/* --- descriptors on their way --- */

static int ring[PAIRS][2];

static void send_descriptor(int to, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof fd)];
    } c = {.header = {CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS}};
    struct iovec v = {&fd, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c};

    memcpy(CMSG_DATA(&c.header), &fd, sizeof fd);
    must(sendmsg(to, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 || errno == EAGAIN || errno == ETOOMANYREFS);
}

/* -1: none came. */
static int receive_descriptor(int from, int flags)
{
    char byte, control[CMSG_SPACE(sizeof(int))];
    struct iovec v = {&byte, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int fd = -1;

    if (recvmsg(from, &m, MSG_DONTWAIT | flags) != 1 || !CMSG_FIRSTHDR(&m))
        return -1;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return fd;
}

/* Now and then a circle that nobody can reach: a socket in its own peer's queue, and both closed. */
static void lose(uint32_t *seed)
{
    int a[2], b[2];

    must(!socketpair(AF_UNIX, random_next(seed) % 2 ? SOCK_STREAM : SOCK_DGRAM, 0, a));
    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, b));
    send_descriptor(a[0], b[1]);
    send_descriptor(b[0], a[1]);
    send_descriptor(a[0], a[1]);
    if (random_next(seed) % 2) {
        int fd = receive_descriptor(b[1], random_next(seed) % 2 ? MSG_PEEK : 0);
        if (fd >= 0)
            close(fd);
    }
    for (int n = 0; n < 2; n++) {
        close(a[n]);
        close(b[n]);
    }
}

static void *passer(void *argument)
{
    uint32_t seed = (uint32_t)(uintptr_t)argument;

    for (; stress_goes_on(); descriptors++) {
        int from = ring[random_next(&seed) % PAIRS][1], to = ring[random_next(&seed) % PAIRS][0];
        int fd = receive_descriptor(from, random_next(&seed) % 4 ? 0 : MSG_PEEK);
        if (fd >= 0) {
            send_descriptor(to, fd);
            close(fd);
        } else {
            int pair[2];
            must(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
            send_descriptor(to, pair[0]);
            send_descriptor(to, ring[random_next(&seed) % PAIRS][1]);
            close(pair[0]);
            close(pair[1]);
        }
        if (random_next(&seed) % 4 == 0)
            lose(&seed);
    }
    return NULL;
}

/* --- ends pulled away --- */

static atomic_int shared[2];

static void *user(void *argument)
{
    uint32_t seed = (uint32_t)(uintptr_t)argument;
    char bytes[64];

    for (; stress_goes_on(); races++) {
        int fd = shared[random_next(&seed) % 2];
        struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
        switch (random_next(&seed) % 6) {
        case 0:
            poll(&p, 1, 1);
            break;
        case 1:
            send(fd, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
            break;
        case 2:
            send(fd, bytes, 3, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_OOB);
            break;
        case 3:
            recv(fd, bytes, 1, MSG_DONTWAIT | MSG_OOB);
            break;
        case 4:
            recv(fd, bytes, sizeof bytes, random_next(&seed) % 2 ? MSG_PEEK | MSG_DONTWAIT : MSG_DONTWAIT);
            break;
        default:
            recv(fd, bytes, sizeof bytes, 0); /* until somebody writes, or the end is pulled away */
        }
    }
    return NULL;
}

/* New ends for both numbers, all the time; the last ones are shut, so that nobody waits for ever. */
static void *puller(void *argument)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    uint32_t seed = 99;
    int pair[2];

    while (stress_goes_on()) {
        usleep(random_next(&seed) % 3000);
        shutdown(shared[random_next(&seed) % 2], (int)(random_next(&seed) % 3));
        shutdown(shared[0], SHUT_RDWR); /* who waits in recv() goes on; closing alone does not wake them */
        shutdown(shared[1], SHUT_RDWR);
        must(!socketpair(AF_UNIX, types[random_next(&seed) % 3], 0, pair));
        must(dup2(pair[0], shared[0]) >= 0 && dup2(pair[1], shared[1]) >= 0);
        close(pair[0]);
        close(pair[1]);
    }
    for (int n = 0; n < 400; n++) { /* the others are on their way out */
        shutdown(shared[0], SHUT_RDWR);
        shutdown(shared[1], SHUT_RDWR);
        usleep(1000);
    }
    return NULL;
}

static unsigned sockets_left(void)
{
    char line[256];
    unsigned lines = 0;
    FILE *f = fopen("/proc/net/unix", "r");

    must(f);
    while (fgets(line, sizeof line, f))
        lines++;
    fclose(f);
    return lines;
}

static pthread_t threads[32];
static unsigned thread_count;

static void start(void *(*body)(void *), uintptr_t argument)
{
    must(!pthread_create(&threads[thread_count++], NULL, body, (void *)argument));
}

int main(int argc, char **argv)
{
    unshare(CLONE_NEWNET); /* on a machine with others, count our own alone; a sandbox has no others, nor the call */

    struct sockaddr_un d = name_of("datagrams"), c = name_of("connections");
    int receiver = socket(AF_UNIX, SOCK_DGRAM, 0), listener = socket(AF_UNIX, SOCK_STREAM, 0), pair[2];
    unsigned before = sockets_left() - 2;

    stress_start(argc, argv);
    must(!bind(receiver, (struct sockaddr *)&d, sizeof d));
    must(!bind(listener, (struct sockaddr *)&c, sizeof c) && !listen(listener, 2));
    for (int n = 0; n < PAIRS; n++)
        must(!socketpair(AF_UNIX, n % 2 ? SOCK_STREAM : SOCK_DGRAM, 0, ring[n]));
    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    shared[0] = pair[0];
    shared[1] = pair[1];
    start(stream, 1);
    start(stream, 2);
    start(datagram_receiver, (uintptr_t)receiver);
    for (unsigned n = 0; n < SENDERS; n++)
        start(datagram_sender, n);
    for (unsigned n = 0; n < 3; n++)
        start(connecter, n);
    start(passer, 11);
    start(passer, 12);
    start(user, 21);
    start(user, 22);
    start(puller, 0);
    unsigned workers = thread_count;
    start(accepter, (uintptr_t)listener);
    start(accepter, (uintptr_t)listener);
    for (unsigned n = 0; n < workers; n++)
        must(!pthread_join(threads[n], NULL));
    shutdown(listener, SHUT_RDWR);
    for (unsigned n = workers; n < thread_count; n++)
        must(!pthread_join(threads[n], NULL));
    close(receiver);
    close(listener);
    close(shared[0]);
    close(shared[1]);
    for (int n = 0; n < PAIRS; n++) {
        close(ring[n][0]);
        close(ring[n][1]);
    }
    /* Closing a socket is what has circles looked for; newer Linux does it in the background. */
    for (int n = 0; n < 2000 && sockets_left() > before; n++) {
        close(socket(AF_UNIX, SOCK_DGRAM, 0));
        usleep(1000);
    }
    if (sockets_left() > before)
        wrong("%u sockets left of %u before", sockets_left(), before);
    dprintf(1, "sockets: %u kB, %u datagrams, %u connections, %u descriptors, %u races\n", streamed, datagrams, connections,
            descriptors, races);
    return 0;
}
