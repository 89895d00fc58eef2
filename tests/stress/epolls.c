/*
 * epoll(7) on all CPUs: what comes in is told, and with EPOLLONESHOT to one thread at a time; edges are not lost; of
 * exclusive and nested sets somebody wakes; and sets whose files are replaced and closed under them do no harm.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "tests/stress/stress.h"

#define FILES 16
#define WAITERS 3
#define LOOK_MS 100 /* waiters look so often whether all is over; nothing is woken by it */

static atomic_bool over; /* all that was sent has come, or nobody counts */
static atomic_uint oneshots, edges, exclusives, changes;

static bool wait_one(int set, struct epoll_event *event)
{
    int n;

    while ((n = epoll_wait(set, event, 1, LOOK_MS)) == 0 && !atomic_load(&over))
        ;
    must(n >= 0);
    return n == 1;
}

static void add(int set, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event e = {.events = events, .data.u64 = data};

    must(!epoll_ctl(set, EPOLL_CTL_ADD, fd, &e));
}

/* Sends go on until the time is over; then all of it must arrive. */
static void wait_for_all(const char *what, atomic_uint *got, const atomic_uint *sent)
{
    for (double limit = seconds_now() + 100; atomic_load(got) != atomic_load(sent); usleep(1000))
        if (seconds_now() > limit)
            wrong("%s: of %u %u came", what, atomic_load(sent), atomic_load(got));
}

/* --- one shot: a file is one thread's until that arms it again --- */

static int oneshot_set, counters[FILES];
static atomic_bool busy[FILES];
static atomic_uint oneshot_sent;

static void *oneshot_waiter(void *unused)
{
    struct epoll_event event;
    uint64_t value;

    while (wait_one(oneshot_set, &event)) {
        unsigned i = (unsigned)event.data.u64;
        must(event.events == EPOLLIN && !atomic_exchange(&busy[i], true));
        must(read(counters[i], &value, sizeof value) == sizeof value);
        atomic_fetch_add(&oneshots, (unsigned)value);
        atomic_store(&busy[i], false);
        event.events = EPOLLIN | EPOLLONESHOT;
        must(!epoll_ctl(oneshot_set, EPOLL_CTL_MOD, counters[i], &event));
    }
    return NULL;
}

static void *oneshot_sender(void *argument)
{
    uint32_t seed = (uint32_t)(uintptr_t)argument;

    while (stress_goes_on()) {
        unsigned n = random_next(&seed) % 3 + 1;
        atomic_fetch_add(&oneshot_sent, n);
        must(!eventfd_write(counters[random_next(&seed) % FILES], n));
        if (random_next(&seed) % 8 == 0)
            usleep(random_next(&seed) % 500);
    }
    return NULL;
}

/* --- edges: told once, read until nothing is left --- */

static int edge_set, pipes[FILES][2];
static atomic_uint edge_sent;

/* Several may be told of one pipe's edges; a byte is read by one of them. */
static void *edge_waiter(void *unused)
{
    struct epoll_event event;
    char bytes[64];
    ssize_t n;

    while (wait_one(edge_set, &event)) {
        while ((n = read(pipes[event.data.u64][0], bytes, sizeof bytes)) > 0)
            atomic_fetch_add(&edges, (unsigned)n);
        must(n < 0 && errno == EAGAIN);
    }
    return NULL;
}

static void *edge_sender(void *argument)
{
    uint32_t seed = (uint32_t)(uintptr_t)argument;
    char bytes[100] = {0};

    while (stress_goes_on()) {
        ssize_t n = write(pipes[random_next(&seed) % FILES][1], bytes, random_next(&seed) % sizeof bytes + 1);
        must(n > 0 || errno == EAGAIN);
        atomic_fetch_add(&edge_sent, n > 0 ? (unsigned)n : 0);
        if (random_next(&seed) % 8 == 0)
            usleep(random_next(&seed) % 500);
    }
    return NULL;
}

/* --- exclusive: each waiter's own set watches one file, and is itself in another set --- */

static int tickets;
static atomic_uint exclusive_sent;

static void *exclusive_waiter(void *unused)
{
    int inner = epoll_create1(0), outer = epoll_create1(0);
    struct epoll_event event;
    uint64_t value;

    must(inner >= 0 && outer >= 0);
    add(inner, tickets, EPOLLIN | EPOLLEXCLUSIVE, 1);
    add(outer, inner, EPOLLIN, 2);
    while (wait_one(outer, &event)) {
        must(event.events == EPOLLIN && event.data.u64 == 2);
        int n = epoll_wait(inner, &event, 1, 0);
        must(n == 0 || (n == 1 && event.data.u64 == 1));
        if (n && read(tickets, &value, sizeof value) == sizeof value)
            atomic_fetch_add(&exclusives, (unsigned)value);
    }
    close(outer);
    close(inner);
    return NULL;
}

static void *exclusive_sender(void *unused)
{
    while (stress_goes_on()) {
        atomic_fetch_add(&exclusive_sent, 1);
        must(!eventfd_write(tickets, 1));
        usleep(50);
    }
    return NULL;
}

/* --- change: numbers whose files come and go, in a set that they are added to and taken from --- */

static int changing_set, changing[FILES];

static int new_file(uint32_t *seed)
{
    unsigned keep = random_next(seed) % 2;
    int pair[2];

    switch (random_next(seed) % 3) {
    case 0:
        return eventfd(random_next(seed) % 2, EFD_NONBLOCK);
    case 1:
        return epoll_create1(0);
    default:
        must(!pipe2(pair, O_NONBLOCK));
        close(pair[!keep]);
        return pair[keep];
    }
}

static bool is_expected(int error)
{
    return error == ENOENT || error == EEXIST || error == EBADF || error == EINVAL || error == ELOOP;
}

static void *changer(void *argument)
{
    uint32_t seed = (uint32_t)(uintptr_t)argument;

    for (; stress_goes_on(); changes++) {
        int fd = changing[random_next(&seed) % FILES];
        struct epoll_event e = {.events = random_next(&seed) % 4 ? EPOLLIN | EPOLLET : EPOLLIN | EPOLLOUT | EPOLLONESHOT};
        switch (random_next(&seed) % 5) {
        case 0: {
            int fresh = new_file(&seed);
            must(fresh >= 0 && dup2(fresh, fd) == fd);
            close(fresh);
            break;
        }
        case 1:
            must(!epoll_ctl(changing_set, EPOLL_CTL_DEL, fd, NULL) || is_expected(errno));
            break;
        case 2:
            must(!epoll_ctl(changing_set, EPOLL_CTL_MOD, fd, &e) || is_expected(errno));
            break;
        default:
            must(!epoll_ctl(changing_set, EPOLL_CTL_ADD, fd, &e) || is_expected(errno));
        }
    }
    return NULL;
}

static void *changes_waiter(void *unused)
{
    struct epoll_event events[4];

    while (!atomic_load(&over)) {
        int n = epoll_wait(changing_set, events, 4, 1);
        must(n >= 0 && n <= 4);
    }
    return NULL;
}

static pthread_t senders[16], waiters[16];
static unsigned sender_count, waiter_count;

static void start_sender(void *(*body)(void *), uintptr_t argument)
{
    must(!pthread_create(&senders[sender_count++], NULL, body, (void *)argument));
}

static void start_waiter(void *(*body)(void *))
{
    must(!pthread_create(&waiters[waiter_count++], NULL, body, NULL));
}

static void files_make(void)
{
    uint32_t seed = 3;

    must((oneshot_set = epoll_create1(0)) >= 0 && (edge_set = epoll_create1(0)) >= 0);
    must((changing_set = epoll_create1(0)) >= 0 && (tickets = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK)) >= 0);
    for (unsigned i = 0; i < FILES; i++) {
        must((counters[i] = eventfd(0, EFD_NONBLOCK)) >= 0 && !pipe2(pipes[i], O_NONBLOCK));
        add(oneshot_set, counters[i], EPOLLIN | EPOLLONESHOT, i);
        add(edge_set, pipes[i][0], EPOLLIN | EPOLLET, i);
        must((changing[i] = new_file(&seed)) >= 0);
    }
}

int main(int argc, char **argv)
{
    stress_start(argc, argv);
    files_make();
    for (unsigned n = 0; n < WAITERS; n++) {
        start_waiter(oneshot_waiter);
        start_waiter(edge_waiter);
        start_waiter(exclusive_waiter);
    }
    start_waiter(changes_waiter);
    for (unsigned n = 1; n <= 2; n++) {
        start_sender(oneshot_sender, n);
        start_sender(edge_sender, 10 + n);
        start_sender(changer, 20 + n);
    }
    start_sender(exclusive_sender, 0);
    for (unsigned n = 0; n < sender_count; n++)
        must(!pthread_join(senders[n], NULL));
    wait_for_all("one shot", &oneshots, &oneshot_sent);
    wait_for_all("edge", &edges, &edge_sent);
    wait_for_all("exclusive", &exclusives, &exclusive_sent);
    atomic_store(&over, true);
    for (unsigned n = 0; n < waiter_count; n++)
        must(!pthread_join(waiters[n], NULL));
    printf("epolls: %u by one shot, %u by edges, %u exclusive, %u changes\n", oneshots, edges, exclusives, changes);
    return 0;
}
