/*
 * AF_UNIX sockets from their making to their end: creating, listening, connecting, accepting, pairs, shutdown, release.
 * A connection is made by who connects: it makes the other end too, which waits at the listener until it is accepted.
 */
#include <asm/errno.h>
#include <asm/siginfo.h>

#include "guest_kernel/core/alloc.h"
#include "net/unix.h"

static struct slab_cache *unix_cache;

static bool unix_is_listening(struct socket *s)
{
    return __atomic_load_n(&unix_of(s)->state, __ATOMIC_ACQUIRE) == UNIX_LISTENING;
}

static void unix_tell_space(struct socket *s)
{
    if (unix_is_writable(unix_of(s)))
        socket_tell_room(s);
}

static int unix_set_peek_offset(struct socket *s, int offset)
{
    struct unix_socket *u = unix_of(s);

    mutex_lock(&u->read_lock);
    s->peek_offset = offset;
    mutex_unlock(&u->read_lock);
    return 0;
}

static uint32_t unix_charged(struct socket *s)
{
    return __atomic_load_n(&unix_of(s)->charged, __ATOMIC_RELAXED);
}

static void unix_free(struct socket *s)
{
    struct unix_socket *u = unix_of(s);

    assert(TAILQ_EMPTY(&u->queue) && !u->peer);
    unix_address_put(u->address);
    if (u->node)
        net_hooks->file_put(u->node);
    slab_free(unix_cache, u);
}

static int refuse_listen(struct socket *s, int backlog)
{
    return -EOPNOTSUPP;
}

static int refuse_accept(struct socket *s, bool may_wait, struct socket **out)
{
    return -EOPNOTSUPP;
}

#define UNIX_COMMON_OPS                                                                                                \
    .family = AF_UNIX, .bind = unix_bind, .pair = unix_pair, .name = unix_name, .shutdown = unix_shutdown,             \
    .ioctl = unix_ioctl, .is_listening = unix_is_listening, .tell_space = unix_tell_space,                             \
    .set_peek_offset = unix_set_peek_offset, .charged = unix_charged, .release = unix_release, .free = unix_free

static const struct socket_ops stream_ops = {
    UNIX_COMMON_OPS,          .connect = unix_connect_stream, .listen = unix_listen,    .accept = unix_accept,
    .send = unix_send_stream, .receive = unix_receive_stream, .poll = unix_poll_stream,
};

static const struct socket_ops datagram_ops = {
    UNIX_COMMON_OPS,
    .connect = unix_connect_datagram,
    .listen = refuse_listen,
    .accept = refuse_accept,
    .send = unix_send_datagram,
    .receive = unix_receive_datagram,
    .poll = unix_poll_datagram,
};

static const struct socket_ops seqpacket_ops = {
    UNIX_COMMON_OPS,
    .connect = unix_connect_stream,
    .listen = unix_listen,
    .accept = unix_accept,
    .send = unix_send_seqpacket,
    .receive = unix_receive_seqpacket,
    .poll = unix_poll_datagram,
};

void unix_start(void)
{
    unix_cache = slab_cache_create("unix", sizeof(struct unix_socket));
    rights_start();
}

static struct unix_socket *unix_alloc(const struct socket_ops *ops, int type)
{
    struct unix_socket *u = unix_cache ? slab_alloc_zero(unix_cache) : NULL;

    if (!u)
        return NULL;
    socket_init(&u->socket, ops, type);
    TAILQ_INIT(&u->queue);
    TAILQ_INIT(&u->pending);
    wait_queue_init(&u->room);
    mutex_init(&u->read_lock);
    mutex_init(&u->bind_lock);
    u->backlog = DATAGRAM_BACKLOG;
    unix_register(u);
    return u;
}

int unix_create(int type, int protocol, struct socket **out)
{
    static const struct socket_ops *const types[SOCK_TYPE_COUNT] = {[SOCK_STREAM] = &stream_ops,
                                                                    [SOCK_DGRAM] = &datagram_ops,
                                                                    [SOCK_RAW] = &datagram_ops,
                                                                    [SOCK_SEQPACKET] = &seqpacket_ops};

    if (protocol && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    if (!types[type])
        return -ESOCKTNOSUPPORT;
    struct unix_socket *u = unix_alloc(types[type], type == SOCK_RAW ? SOCK_DGRAM : type);
    if (!u)
        return -ENOMEM;
    *out = &u->socket;
    return 0;
}

struct unix_socket *unix_peer_get(struct unix_socket *u)
{
    socket_lock(&u->socket);
    struct unix_socket *peer = u->peer ? unix_get(u->peer) : NULL;
    socket_unlock(&u->socket);
    return peer;
}

void unix_lock_two(struct unix_socket *a, struct unix_socket *b)
{
    if (a == b || !b) {
        socket_lock(&a->socket);
        return;
    }
    socket_lock(a < b ? &a->socket : &b->socket);
    socket_lock(a < b ? &b->socket : &a->socket);
}

void unix_unlock_two(struct unix_socket *a, struct unix_socket *b)
{
    socket_unlock(&a->socket);
    if (b && a != b)
        socket_unlock(&b->socket);
}

static void set_state(struct unix_socket *u, enum unix_state state)
{
    assert_held(&u->socket.lock);
    __atomic_store_n(&u->state, state, __ATOMIC_RELEASE);
}

static void set_shutdown(struct unix_socket *u, unsigned bits)
{
    assert_held(&u->socket.lock);
    __atomic_store_n(&u->socket.shutdown, (uint8_t)(u->socket.shutdown | bits), __ATOMIC_RELEASE);
}

int unix_pair(struct socket *a, struct socket *b)
{
    struct unix_socket *ends[] = {unix_of(a), unix_of(b)};

    for (int n = 0; n < 2; n++) { /* nobody else knows them yet */
        socket_lock(&ends[n]->socket);
        ends[n]->peer = unix_get(ends[!n]);
        socket_set_peer_current(&ends[n]->socket);
        set_state(ends[n], UNIX_CONNECTED);
        socket_unlock(&ends[n]->socket);
    }
    return 0;
}

/* --- connections --- */

int unix_listen(struct socket *s, int backlog)
{
    struct unix_socket *u = unix_of(s);

    if (!__atomic_load_n(&u->address, __ATOMIC_ACQUIRE))
        return -EINVAL;
    socket_lock(s);
    bool refused = u->state == UNIX_CONNECTED;
    if (!refused) {
        __atomic_store_n(&u->backlog, (uint32_t)backlog, __ATOMIC_RELAXED);
        set_state(u, UNIX_LISTENING);
        socket_set_peer_current(s); /* what those who connect are told of their peer */
    }
    socket_unlock(s);
    if (refused)
        return -EINVAL;
    wake_all(&u->room);
    return 0;
}

static bool has_room(const struct unix_socket *u)
{
    return !unix_queue_is_full(u) || __atomic_load_n(&u->dead, __ATOMIC_RELAXED) || socket_is_shut(&u->socket, SHUT_RD);
}

long unix_wait_for_room(struct unix_socket *other, struct patience *p)
{
    return patience_wait(p, &other->room, has_room(other));
}

/* Listener and u are locked: why a connection cannot be made now, -EAGAIN: the queue is full. */
static int may_connect(const struct unix_socket *listener, const struct unix_socket *u)
{
    if (listener->state != UNIX_LISTENING || (listener->socket.shutdown & BIT(SHUT_RD)))
        return -ECONNREFUSED;
    if (unix_queue_is_full(listener))
        return -EAGAIN;
    if (u->state != UNIX_CLOSED)
        return u->state == UNIX_CONNECTED ? -EISCONN : -EINVAL;
    return 0;
}

/* All three at once; `end` is new, and known to nobody but us. */
static void join(struct unix_socket *u, struct unix_socket *end, struct unix_socket *listener)
{
    socket_lock(&end->socket);
    end->peer = unix_get(u);
    socket_set_peer_current(&end->socket);
    end->node = listener->node ? net_hooks->file_get(listener->node) : NULL;
    __atomic_store_n(&end->address, unix_address_get(listener->address), __ATOMIC_RELEASE);
    set_state(end, UNIX_CONNECTED);
    socket_unlock(&end->socket);
    socket_copy_peer(&u->socket, &listener->socket);
    __atomic_store_n(&u->peer, unix_get(end), __ATOMIC_RELEASE);
    set_state(u, UNIX_CONNECTED);
    TAILQ_INSERT_TAIL(&listener->pending, end, pending_link);
    __atomic_store_n(&listener->queue_length, listener->queue_length + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&listener->arrivals, listener->arrivals + 1, __ATOMIC_RELEASE);
}

/* One try; *listener is counted from the first on, the name is looked up again if that one is gone. */
static int try_connect(struct unix_socket *u, struct socket_address *a, struct unix_socket *end,
                       struct unix_socket **listener)
{
    for (;;) {
        int error = unix_find(a, u->socket.type, listener);
        if (error) {
            *listener = NULL;
            return error;
        }
        if (*listener == u) { /* locked once; it listens, or refuses */
            error = unix_is_listening(&u->socket) ? -EINVAL : -ECONNREFUSED;
            return error == -EINVAL && unix_queue_is_full(u) ? -EAGAIN : error;
        }
        unix_lock_two(*listener, u);
        bool dead = (*listener)->dead;
        error = dead ? 0 : may_connect(*listener, u);
        if (!dead && !error)
            join(u, end, *listener);
        unix_unlock_two(*listener, u);
        if (!dead)
            return error;
        unix_put(*listener);
    }
}

int unix_connect_stream(struct socket *s, struct socket_address *a, bool may_wait)
{
    struct unix_socket *u = unix_of(s), *listener;
    struct patience p = patience_of(s->send_timeout_ns, may_wait);
    int error = unix_check_address(a);

    if (!error)
        error = unix_autobind_for_credentials(u);
    if (error)
        return error;
    struct unix_socket *end = unix_alloc(s->ops, s->type);
    if (!end)
        return -ENOMEM;
    for (;;) {
        error = try_connect(u, a, end, &listener);
        if (error != -EAGAIN || !p.timeout_ns)
            break;
        error = (int)unix_wait_for_room(listener, &p);
        if (error)
            break;
        unix_put(listener);
    }
    if (!error)
        socket_tell_readable(&listener->socket);
    else
        socket_release(&end->socket);
    if (listener)
        unix_put(listener);
    return error;
}

static struct unix_socket *take_pending(struct unix_socket *listener)
{
    socket_lock(&listener->socket);
    struct unix_socket *u = TAILQ_FIRST(&listener->pending);
    if (u) {
        TAILQ_REMOVE(&listener->pending, u, pending_link);
        __atomic_store_n(&listener->queue_length, listener->queue_length - 1, __ATOMIC_RELAXED);
    }
    socket_unlock(&listener->socket);
    return u;
}

static bool has_waiting(const struct unix_socket *u)
{
    return __atomic_load_n(&u->queue_length, __ATOMIC_ACQUIRE);
}

static bool has_pending(const struct unix_socket *u)
{
    return has_waiting(u) || socket_is_shut(&u->socket, SHUT_RD) ||
           __atomic_load_n(&u->socket.error, __ATOMIC_RELAXED);
}

int unix_accept(struct socket *s, bool may_wait, struct socket **out)
{
    struct unix_socket *listener = unix_of(s), *u;
    struct patience p = patience_of(s->receive_timeout_ns, may_wait);

    if (!unix_is_listening(s))
        return -EINVAL;
    for (;;) {
        int error = socket_take_error(s);
        if (error)
            return error;
        u = take_pending(listener);
        if (u)
            break;
        if (!p.timeout_ns)
            return -EAGAIN;
        if (socket_is_shut(s, SHUT_RD) && !has_waiting(listener))
            return -EINVAL;
        error = (int)patience_wait(&p, &s->readable, has_pending(listener));
        if (error)
            return error;
    }
    wake_all(&listener->room);
    __atomic_fetch_or(&u->socket.flags, s->flags & (SOCKET_PASS_CRED | SOCKET_PASS_SEC), __ATOMIC_RELAXED);
    *out = &u->socket;
    return 0;
}

/* --- ends --- */

int unix_shutdown(struct socket *s, int how)
{
    struct unix_socket *u = unix_of(s);

    if ((unsigned)how > SHUT_RDWR)
        return -EINVAL;
    unsigned bits = how == SHUT_RDWR ? BIT(SHUT_RD) | BIT(SHUT_WR) : BIT(how);
    unsigned peer_bits = how == SHUT_RDWR ? bits : BIT(!how);
    socket_lock(s);
    set_shutdown(u, bits);
    struct unix_socket *peer = u->peer ? unix_get(u->peer) : NULL;
    socket_unlock(s);
    socket_tell_all(s);
    wake_all(&u->room);
    if (!peer)
        return 0;
    if (unix_is_connection(u)) {
        socket_lock(&peer->socket);
        set_shutdown(peer, peer_bits);
        socket_unlock(&peer->socket);
        socket_tell_all(&peer->socket);
        if (peer_bits & BIT(SHUT_RD))
            socket_tell_async(&peer->socket, how == SHUT_RDWR ? POLL_HUP : POLL_IN);
    }
    unix_put(peer);
    return 0;
}

static bool has_unread(const struct unix_socket *u)
{
    const struct unix_message *m = TAILQ_FIRST(&u->queue);

    return m && (message_left(m) || TAILQ_NEXT(m, link));
}

/* The connection's other side reads what it has and then the end; an error if it wrote what is not read. */
static void leave_peer(struct unix_socket *u, struct unix_socket *peer, bool reset)
{
    if (unix_is_connection(u)) {
        socket_lock(&peer->socket);
        set_shutdown(peer, BIT(SHUT_RD) | BIT(SHUT_WR));
        if (reset)
            __atomic_store_n(&peer->socket.error, ECONNRESET, __ATOMIC_RELEASE);
        socket_unlock(&peer->socket);
        socket_tell_all(&peer->socket);
        socket_tell_async(&peer->socket, POLL_HUP);
    }
    unix_put(peer);
}

static void release(struct unix_socket *u, bool never_accepted)
{
    struct unix_socket *waiting;

    unix_unname(u);
    socket_lock(&u->socket);
    __atomic_store_n(&u->dead, true, __ATOMIC_RELAXED);
    u->socket.file = NULL;
    set_shutdown(u, BIT(SHUT_RD) | BIT(SHUT_WR));
    bool listening = u->state == UNIX_LISTENING;
    set_state(u, UNIX_CLOSED);
    struct unix_socket *peer = u->peer;
    unix_relay_end(u);
    u->peer = NULL;
    bool reset = has_unread(u) || never_accepted;
    bool queued = !TAILQ_EMPTY(&u->queue);
    socket_unlock(&u->socket);
    wake_all(&u->room);
    if (peer)
        leave_peer(u, peer, reset);
    if (queued)
        unix_purge(u);
    while (listening && (waiting = take_pending(u))) {
        release(waiting, true);
        unix_put(waiting);
    }
}

void unix_release(struct socket *s)
{
    release(unix_of(s), false);
    rights_socket_closed();
}
