/*
 * net/ on the host: every allocation failing in turn on the way of a message, and the search for circles of sockets
 * against a model.  What the calls answer is compared with Linux by tests/abi/.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <asm/errno.h>

#include "guest_kernel/core/alloc.h"
#include "lib/string.h"
#include "net/control.h"
#include "net/unix.h"
#include "tests/unit/fake_core.h"
#include "tests/unit/fake_net.h"

static long live_before, files_before;

static int start(void **state)
{
    fake_task.pid = 77;
    fake_net_start();
    return 0;
}

static int enter(void **state)
{
    fake_privileged = false;
    live_before = fake_allocations_live();
    files_before = fake_files_live();
    return 0;
}

static int leave(void **state)
{
    fake_fail_after(-1);
    assert_int_equal(fake_files_live(), files_before);
    assert_int_equal(fake_allocations_live(), live_before);
    return 0;
}

static int make_pair(int type, struct file *out[2])
{
    struct socket *a, *b;
    int error = socket_create(AF_UNIX, type, 0, &a);

    out[0] = out[1] = NULL;
    if (error)
        return error;
    error = socket_create(AF_UNIX, type, 0, &b);
    if (error) {
        socket_release(a);
        return error;
    }
    assert_int_equal(a->ops->pair(a, b), 0);
    out[0] = fake_socket_file(a);
    out[1] = fake_socket_file(b);
    return out[0] && out[1] ? 0 : -ENOMEM;
}

static void close_pair(struct file *pair[2])
{
    for (int n = 0; n < 2; n++)
        if (pair[n])
            fake_put(pair[n]);
}

/* n bytes, with what rights there are, which are taken over. */
static long send_with(struct file *f, size_t n, struct rights *rights)
{
    static char bytes[100000];
    struct io_iter it;
    struct socket_message m = {.data = &it, .flags = MSG_DONTWAIT, .rights = rights};

    iter_init_kernel(&it, bytes, n);
    return f->socket->ops->send(f->socket, &m);
}

static struct rights *rights_of(struct file *f)
{
    struct rights *r = rights_create(1);

    if (r) {
        f->refs++;
        rights_add(r, f);
    }
    return r;
}

static long receive(struct file *f, size_t n, unsigned flags)
{
    static char bytes[100000];
    struct io_iter it;
    struct socket_message m = {.data = &it, .flags = MSG_DONTWAIT | flags};

    iter_init_kernel(&it, bytes, n);
    long got = f->socket->ops->receive(f->socket, &m);
    rights_drop(m.rights);
    return got;
}

/* A name, two connections to it, messages of all sizes with files, peeks, ends: as far as memory goes. */
static void scenario(int type)
{
    static const size_t sizes[] = {1, 1900, 5000, 50000};
    struct socket_address a = {.length = 7, .un = {.sun_family = AF_UNIX, .sun_path = "\0name"}};
    struct file *pair[2], *listener = NULL, *client = NULL;
    struct socket *s, *accepted;

    if (!make_pair(type, pair)) {
        for (size_t n = 0; n < ARRAY_SIZE(sizes); n++) {
            (void)send_with(pair[0], sizes[n], n % 2 ? rights_of(pair[1]) : NULL);
            (void)receive(pair[1], sizes[n] / 2, MSG_PEEK);
            (void)receive(pair[1], sizes[n], 0);
        }
        (void)send_with(pair[0], 10, rights_of(pair[0]));
    }
    close_pair(pair);
    if (!socket_create(AF_UNIX, type, 0, &s))
        listener = fake_socket_file(s);
    if (!socket_create(AF_UNIX, type, 0, &s))
        client = fake_socket_file(s);
    if (listener && client && !listener->socket->ops->bind(listener->socket, &a)) {
        (void)listener->socket->ops->listen(listener->socket, 1);
        if (!client->socket->ops->connect(client->socket, &a, false))
            (void)send_with(client, 3, rights_of(listener));
        if (!listener->socket->ops->accept(listener->socket, false, &accepted)) {
            struct file *f = fake_socket_file(accepted);
            if (f)
                fake_put(f);
        }
    }
    if (client)
        fake_put(client);
    if (listener)
        fake_put(listener);
    rights_socket_closed(); /* what the last close could not know of */
}

static void test_every_allocation_fails(void **state)
{
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET};
    unsigned failed = 0;

    for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
        for (long n = 0;; n++) {
            long live = fake_allocations_live();
            fake_fail_after(n);
            scenario(types[t]);
            bool has_failed = fake_has_failed();
            fake_fail_after(-1);
            rights_socket_closed(); /* a circle may have been left where there was no memory to look */
            assert_int_equal(fake_allocations_live(), live);
            if (!has_failed)
                break;
            failed++;
        }
    }
    assert_true(failed > 100);
}

#define NODES 14

/* Sockets as nodes, messages in their queues as edges: what is reached from those still held must live, nothing else.
 */
struct graph {
    struct file *senders[NODES], *nodes[NODES];
    bool edge[NODES][NODES], held[NODES], alive[NODES];
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static void reach(struct graph *g, unsigned from)
{
    if (g->alive[from])
        return;
    g->alive[from] = true;
    for (unsigned to = 0; to < NODES; to++)
        if (g->edge[from][to])
            reach(g, to);
}

static unsigned expected(struct graph *g)
{
    unsigned count = 0;

    memset(g->alive, 0, sizeof g->alive);
    for (unsigned n = 0; n < NODES; n++)
        if (g->held[n])
            reach(g, n);
    for (unsigned n = 0; n < NODES; n++)
        count += g->alive[n];
    return count;
}

static void build(struct graph *g, uint32_t *seed)
{
    struct file *pair[2];

    memset(g, 0, sizeof *g);
    for (unsigned n = 0; n < NODES; n++) {
        assert_int_equal(make_pair(n % 2 ? SOCK_STREAM : SOCK_DGRAM, pair), 0);
        g->senders[n] = pair[0];
        g->nodes[n] = pair[1];
        g->held[n] = true;
    }
    for (unsigned edges = next_random(seed) % (2 * NODES); edges; edges--) {
        unsigned from = next_random(seed) % NODES, to = next_random(seed) % NODES;
        assert_int_equal(send_with(g->senders[from], 1, rights_of(g->nodes[to])), 1);
        g->edge[from][to] = true;
    }
}

static void check(struct graph *g)
{
    long want = files_before + (long)expected(g);

    for (unsigned n = 0; n < 2 * NODES; n++) /* often enough that it is not put off */
        rights_socket_closed();
    assert_int_equal(fake_files_live(), want);
}

static void test_circles(void **state)
{
    struct graph g;
    uint32_t seed = 1;

    for (unsigned round = 0; round < 400; round++) {
        build(&g, &seed);
        for (unsigned n = 0; n < NODES; n++)
            fake_put(g.senders[n]);
        check(&g);
        for (unsigned left = NODES; left;) {
            unsigned n = next_random(&seed) % NODES;
            if (!g.held[n])
                continue;
            g.held[n] = false;
            left--;
            fake_put(g.nodes[n]);
            check(&g);
        }
    }
}

/* A hundred thousand sockets, each in the queue of the next, are closed without a stack as deep. */
static void test_chain(void **state)
{
    struct file *pair[2], *last = fake_file();

    fake_privileged = true; /* no limit */
    for (int n = 0; n < 100000; n++) {
        assert_int_equal(make_pair(SOCK_STREAM, pair), 0);
        assert_int_equal(send_with(pair[0], 1, rights_of(last)), 1);
        fake_put(last);
        fake_put(pair[0]);
        last = pair[1];
    }
    fake_put(last);
}

/* The sender's limit counts what waits, whoever is to read it. */
static void test_limit(void **state)
{
    struct file *pair[2];

    fake_descriptor_limit = 2;
    assert_int_equal(make_pair(SOCK_DGRAM, pair), 0);
    for (int n = 0; n < 3; n++)
        assert_int_equal(send_with(pair[0], 1, rights_of(pair[0])), 1);
    assert_int_equal(send_with(pair[0], 1, rights_of(pair[0])), -ETOOMANYREFS);
    assert_int_equal(receive(pair[1], 1, 0), 1);
    assert_int_equal(send_with(pair[0], 1, rights_of(pair[0])), 1);
    fake_privileged = true;
    assert_int_equal(send_with(pair[0], 1, rights_of(pair[0])), 1);
    fake_descriptor_limit = 1024;
    close_pair(pair);
    rights_socket_closed();
}

/* Names that bind(2) chooses go round at the end, and leave out what is taken. */
static void test_chosen_names(void **state)
{
    struct socket_address a;
    struct socket *s[3];

    for (int n = 0; n < 3; n++) {
        assert_int_equal(socket_create(AF_UNIX, SOCK_DGRAM, 0, &s[n]), 0);
        assert_int_equal(unix_autobind(unix_of(s[n])), 0);
        unix_copy_address(unix_of(s[n]), &a);
        assert_int_equal(a.length, 8);
        assert_memory_equal(a.bytes + 3, n == 0 ? "ffffe" : n == 1 ? "fffff" : "00000", 5);
    }
    for (int n = 0; n < 3; n++)
        socket_release(s[n]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_allocation_fails, enter, leave),
        cmocka_unit_test_setup_teardown(test_circles, enter, leave),
        cmocka_unit_test_setup_teardown(test_chain, enter, leave),
        cmocka_unit_test_setup_teardown(test_limit, enter, leave),
        cmocka_unit_test_setup_teardown(test_chosen_names, enter, leave),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
