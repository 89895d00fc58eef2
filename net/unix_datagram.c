/*
 * Datagrams and sequenced packets: one message each, read whole or cut.  A datagram socket may send to any, and be sent
 * to by any until it is connected.  A queue that is longer than its socket's backlog is full for all but the peer,
 * whose own send buffer limits it.
 */
#include <asm/errno.h>

#include "guest_kernel/core/time.h"
#include "net/unix.h"

/* --- hearing of room at the peer --- */

/* The peer's queue got shorter: our writers may go on.  With its wait queue's lock. */
static void relay_wake(struct waiter *w)
{
    wake_all(&container_of(w, struct unix_socket, relay)->socket.writable);
}

void unix_relay_end(struct unix_socket *u)
{
    assert_held(&u->socket.lock);
    wait_dequeue(&u->relay);
}

bool unix_relay_if_full(struct unix_socket *u, struct unix_socket *other)
{
    assert_held(&u->socket.lock);
    if (!u->relay.queue)
        wait_enqueue_with(&other->room, &u->relay, relay_wake);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* on the queue before the look: see wait_queue_is_idle() */
    if (unix_queue_is_full(other) && !__atomic_load_n(&other->dead, __ATOMIC_RELAXED))
        return true;
    unix_relay_end(u);
    return false;
}

/* --- connecting --- */

/* Who is connected is sent to by its peer alone. */
static bool may_send(const struct unix_socket *u, const struct unix_socket *other)
{
    return !other->peer || other->peer == u;
}

/* What `old` sent is forgotten; it is told, if it had connected to us. */
static void forget_peer(struct unix_socket *u, struct unix_socket *old)
{
    if (!__atomic_load_n(&u->queue_length, __ATOMIC_ACQUIRE))
        return;
    unix_purge(u);
    wake_all(&u->room);
    socket_lock(&old->socket);
    bool tell = !old->dead && old->peer == u;
    socket_unlock(&old->socket);
    if (tell) {
        __atomic_store_n(&old->socket.error, ECONNRESET, __ATOMIC_RELEASE);
        socket_tell_all(&old->socket);
    }
}

/* Locked, also `to` (NULL: none), whose reference is taken over.  The old peer, with its reference. */
static struct unix_socket *change_peer(struct unix_socket *u, struct unix_socket *to)
{
    struct unix_socket *old = u->peer;

    unix_relay_end(u);
    u->peer = to;
    if (to) {
        __atomic_store_n(&u->state, UNIX_CONNECTED, __ATOMIC_RELEASE);
        __atomic_store_n(&to->state, UNIX_CONNECTED, __ATOMIC_RELEASE);
    } else if (old) {
        __atomic_store_n(&u->state, UNIX_CLOSED, __ATOMIC_RELEASE);
    }
    return old;
}

static void leave_old_peer(struct unix_socket *u, struct unix_socket *old, bool same)
{
    wake_all(&u->socket.writable);
    if (!same) {
        forget_peer(u, old);
        socket_lock(&old->socket);
        if (!old->peer)
            __atomic_store_n(&old->state, UNIX_CLOSED, __ATOMIC_RELEASE);
        socket_unlock(&old->socket);
    }
    unix_put(old);
}

/* The socket of that name, and both locked.  It may have died meanwhile: then the name is looked up again. */
static int find_and_lock(struct unix_socket *u, struct socket_address *a, struct unix_socket **out)
{
    for (;;) {
        int error = unix_find(a, u->socket.type, out);
        if (error)
            return error;
        unix_lock_two(u, *out);
        if (!(*out)->dead)
            return 0;
        unix_unlock_two(u, *out);
        unix_put(*out);
    }
}

int unix_connect_datagram(struct socket *s, struct socket_address *a, bool may_wait)
{
    struct unix_socket *u = unix_of(s), *to = NULL;
    int error = a->length < sizeof a->family ? -EINVAL : 0;

    if (!error && a->family != AF_UNSPEC) {
        error = unix_check_address(a);
        if (!error)
            error = unix_autobind_for_credentials(u);
        if (!error)
            error = find_and_lock(u, a, &to);
    } else if (!error) {
        socket_lock(s);
    }
    if (error)
        return error;
    if (to && !may_send(u, to)) {
        unix_unlock_two(u, to);
        unix_put(to);
        return -EPERM;
    }
    struct unix_socket *old = change_peer(u, to);
    unix_unlock_two(u, to);
    if (old)
        leave_old_peer(u, old, old == to);
    return 0;
}

/* --- sending --- */

struct sending {
    struct unix_socket *u;
    struct socket_message *from;
    struct unix_message *m;
    struct unix_socket *to; /* counted; NULL: to be found */
    struct patience patience;
};

/* It is dead.  0: look for another of the name; or -errno. */
static int lose_target(struct sending *x)
{
    struct unix_socket *u = x->u, *lost = x->to;
    bool was_peer = false;

    x->to = NULL;
    if (u->socket.type == SOCK_SEQPACKET) {
        unix_put(lost);
        return -EPIPE;
    }
    socket_lock(&u->socket);
    if (u->peer == lost) {
        (void)change_peer(u, NULL);
        was_peer = true;
    }
    socket_unlock(&u->socket);
    if (was_peer)
        leave_old_peer(u, lost, false);
    unix_put(lost);
    return was_peer ? -ECONNREFUSED : 0;
}

/* Full for us?  Our peer's queue tells our writers when it is not any more; then 0: try again. */
static int meet_full_queue(struct sending *x)
{
    struct unix_socket *u = x->u;

    if (x->patience.timeout_ns)
        return (int)unix_wait_for_room(x->to, &x->patience);
    socket_lock(&u->socket);
    bool full = u->peer != x->to || unix_relay_if_full(u, x->to);
    socket_unlock(&u->socket);
    return full ? -EAGAIN : 0;
}

enum delivery { DELIVERED, TARGET_DEAD, QUEUE_FULL };

/* One try, with the target locked: an enum delivery, or -errno. */
static int try_deliver(struct sending *x)
{
    struct unix_socket *u = x->u, *to = x->to;
    int result = DELIVERED;

    socket_lock(&to->socket);
    if (!may_send(u, to))
        result = -EPERM;
    else if (to->dead)
        result = TARGET_DEAD;
    else if (to->socket.shutdown & BIT(SHUT_RD))
        result = -EPIPE;
    else if (to != u && to->peer != u && unix_queue_is_full(to))
        result = QUEUE_FULL;
    else
        message_enqueue(to, x->m);
    socket_unlock(&to->socket);
    return result;
}

static int deliver(struct sending *x)
{
    for (;;) {
        int error = 0;
        if (!x->to)
            error = x->from->address ? unix_find(x->from->address, x->u->socket.type, &x->to) : -ECONNRESET;
        if (error) {
            x->to = NULL;
            return error;
        }
        if (unlikely(socket_has(&x->to->socket, SOCKET_STAMP)))
            x->m->stamp_ns = clock_realtime_ns();
        bool has_rights = x->m->rights;
        if (has_rights)
            rights_lock();
        int result = try_deliver(x);
        if (has_rights)
            rights_unlock();
        if (result == TARGET_DEAD)
            result = lose_target(x);
        else if (result == QUEUE_FULL)
            result = meet_full_queue(x);
        else
            return result;
        if (result)
            return result;
    }
}

/* The checks before there is a message; *to is the peer, counted, if no address is given. */
static int check_send(struct unix_socket *u, struct socket_message *m, struct unix_socket **to)
{
    int error = 0;

    *to = NULL;
    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (m->address)
        error = unix_check_address(m->address);
    else if (!(*to = unix_peer_get(u)))
        error = -ENOTCONN;
    if (!error)
        error = unix_autobind_for_credentials(u);
    if (!error && m->data->remaining > (uint64_t)__atomic_load_n(&u->socket.send_buffer, __ATOMIC_RELAXED) - 32)
        error = -EMSGSIZE;
    return error;
}

static int prepare(struct sending *x)
{
    struct socket_message *from = x->from;
    int error = message_create(x->u, from->data->remaining, &x->patience, &x->m);

    if (error)
        return error;
    x->m->from = from->sender;
    if (unlikely(from->rights != NULL)) {
        error = rights_check_limit(from->rights);
        if (error)
            return error;
        x->m->rights = from->rights;
        from->rights = NULL;
    }
    return message_fill(x->m, from->data);
}

long unix_send_datagram(struct socket *s, struct socket_message *m)
{
    struct sending x = {.u = unix_of(s), .from = m};
    size_t length = m->data->remaining;

    x.patience = patience_of(s->send_timeout_ns, !(m->flags & MSG_DONTWAIT));
    int error = check_send(x.u, m, &x.to);
    if (!error)
        error = prepare(&x);
    if (!error)
        error = deliver(&x);
    if (!error)
        message_tell(x.to);
    else if (x.m)
        message_free(x.m);
    if (x.to)
        unix_put(x.to);
    if (unlikely(m->rights != NULL))
        rights_drop(m->rights);
    m->rights = NULL;
    return error ? error : (long)length;
}

long unix_send_seqpacket(struct socket *s, struct socket_message *m)
{
    int error = socket_take_error(s);

    if (!error && __atomic_load_n(&unix_of(s)->state, __ATOMIC_ACQUIRE) != UNIX_CONNECTED)
        error = -ENOTCONN;
    if (error) {
        rights_drop(m->rights);
        m->rights = NULL;
        return error;
    }
    m->address = NULL; /* it goes to the peer, whatever was said */
    return unix_send_datagram(s, m);
}

/* --- receiving --- */

/* Locked.  A peek may begin behind some bytes: *skip, then what is left of it in the message. */
static struct unix_message *find_message(struct unix_socket *u, bool peek, size_t *skip)
{
    struct unix_message *m = TAILQ_FIRST(&u->queue);
    size_t at = peek && u->socket.peek_offset > 0 ? (size_t)u->socket.peek_offset : 0;

    *skip = 0;
    if (!peek || u->socket.peek_offset < 0)
        return m;
    while (m && at >= m->length && (at || m->peeked)) {
        at -= m->length;
        m = TAILQ_NEXT(m, link);
    }
    if (m && !m->length)
        m->peeked = true;
    *skip = at;
    return m;
}

static bool has_news(const struct unix_socket *u, uint32_t seen)
{
    return __atomic_load_n(&u->arrivals, __ATOMIC_ACQUIRE) != seen || socket_is_shut(&u->socket, SHUT_RD) ||
           __atomic_load_n(&u->socket.error, __ATOMIC_RELAXED);
}

/* Nothing there.  0: look again, 1: the end, or -errno. */
static long wait_for_message(struct unix_socket *u, struct patience *p, uint32_t seen)
{
    struct socket *s = &u->socket;
    bool shut = socket_is_shut(s, SHUT_RD);

    /* What came before the end is read first: it may have come after the look at the queue. */
    if (shut && __atomic_load_n(&u->arrivals, __ATOMIC_RELAXED) != seen)
        return 0;
    if (!p->timeout_ns)
        return shut && s->type == SOCK_SEQPACKET ? 1 : -EAGAIN;
    if (shut)
        return 1;
    return patience_wait(p, &s->readable, has_news(u, seen));
}

/* With read_lock on success.  A message of the queue; NULL with 0: the end. */
static long wait_and_find(struct unix_socket *u, struct socket_message *to, struct unix_message **out, size_t *skip)
{
    struct patience p = patience_of(u->socket.receive_timeout_ns, !(to->flags & MSG_DONTWAIT));
    long error;

    do {
        mutex_lock(&u->read_lock);
        error = socket_take_error(&u->socket);
        socket_lock(&u->socket);
        uint32_t seen = u->arrivals;
        *out = error ? NULL : find_message(u, to->flags & MSG_PEEK, skip);
        socket_unlock(&u->socket);
        if (*out)
            return 0;
        mutex_unlock(&u->read_lock);
        if (!error)
            error = wait_for_message(u, &p, seen);
    } while (!error);
    return error == 1 ? 0 : error;
}

/* read_lock held.  The message leaves the queue, its files are the receiver's. */
static void take_message(struct unix_socket *u, struct unix_message *m, struct socket_message *to)
{
    bool has_rights = m->rights;

    if (unlikely(has_rights))
        rights_lock();
    socket_lock(&u->socket);
    message_unlink(u, m);
    if (u->socket.peek_offset >= 0)
        u->socket.peek_offset = MAX(u->socket.peek_offset - (int32_t)m->length, 0);
    socket_unlock(&u->socket);
    if (unlikely(has_rights)) {
        rights_land(m->rights);
        rights_unlock();
        to->rights = m->rights;
        m->rights = NULL;
    }
}

/* The same of one that stays. */
static void keep_message(struct unix_socket *u, struct unix_message *m, struct socket_message *to, size_t n)
{
    if (u->socket.peek_offset >= 0)
        u->socket.peek_offset += (int32_t)n;
    if (unlikely(m->rights != NULL))
        to->rights = rights_duplicate(m->rights); /* none if there is no memory */
}

static void describe(struct unix_socket *u, const struct unix_message *m, struct socket_message *to)
{
    to->sender = m->from;
    if (to->address)
        unix_copy_address(m->sender, to->address);
    if (unlikely(socket_has(&u->socket, SOCKET_STAMP)))
        to->stamp_ns = m->stamp_ns ? m->stamp_ns : clock_realtime_ns();
}

long unix_receive_datagram(struct socket *s, struct socket_message *to)
{
    struct unix_socket *u = unix_of(s);
    struct unix_message *m = NULL;
    bool peek = to->flags & MSG_PEEK;
    size_t skip;

    if (to->flags & MSG_OOB)
        return -EOPNOTSUPP;
    long error = wait_and_find(u, to, &m, &skip);
    if (!m)
        return error;
    size_t there = m->length - skip, n = MIN(there, to->data->remaining);
    describe(u, m, to);
    if (n < there)
        to->result_flags |= MSG_TRUNC;
    error = message_copy(m, skip, n, to->data);
    if (!peek)
        take_message(u, m, to);
    else if (!error)
        keep_message(u, m, to, n);
    mutex_unlock(&u->read_lock);
    if (!peek) {
        message_free(m);
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* out of the queue before the look: see wait_queue_is_idle() */
        if (!wait_queue_is_idle(&u->room))
            wake_all(&u->room);
    }
    return error ? error : (long)(to->flags & MSG_TRUNC ? there : n);
}

long unix_receive_seqpacket(struct socket *s, struct socket_message *m)
{
    if (__atomic_load_n(&unix_of(s)->state, __ATOMIC_ACQUIRE) != UNIX_CONNECTED)
        return -ENOTCONN;
    return unix_receive_datagram(s, m);
}
