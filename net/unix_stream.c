/*
 * Streams: bytes in order, in messages that a read may take in part or join.  It stops at a message with rights, at one
 * from another sender where SO_PASSCRED tells who it is, and at the urgent byte (MSG_OOB), of which there is one at a
 * time: read by itself with MSG_OOB, in its place with SO_OOBINLINE, else left out.
 */
#include <asm/errno.h>
#include <asm/signal.h>

#include "net/unix.h"

#define MESSAGE_MAX 36544u /* what Linux puts into one piece: a linear part and 32 KiB in pages */

/* Two fit into the send buffer, so that reader and writer can take turns. */
static size_t piece_of(const struct unix_socket *u, size_t length)
{
    uint32_t half = __atomic_load_n(&u->socket.send_buffer, __ATOMIC_RELAXED) / 2 - 64;

    return MIN(MIN(length, half), MESSAGE_MAX);
}

/* To the peer's queue, with the rights if they are still there.  The message is gone in any case. */
static int deliver(struct unix_socket *peer, struct unix_message *m, bool urgent)
{
    message_lock_rights(m);
    bool has_rights = m->rights;
    socket_lock(&peer->socket);
    bool closed = peer->dead || (peer->socket.shutdown & BIT(SHUT_RD));
    if (!closed) {
        message_enqueue(peer, m);
        if (urgent)
            peer->urgent = m;
    }
    if (urgent && !closed && peer->socket.file)
        net_hooks->file_urgent(peer->socket.file);
    socket_unlock(&peer->socket);
    if (has_rights)
        rights_unlock();
    if (closed) {
        message_free(m);
        return -EPIPE;
    }
    message_tell(peer);
    return 0;
}

static int send_piece(struct unix_socket *u, struct unix_socket *peer, struct socket_message *from, size_t n,
                      bool urgent)
{
    struct patience p = patience_of(u->socket.send_timeout_ns, !(from->flags & MSG_DONTWAIT));
    struct unix_message *m;
    int error = message_create(u, n, &p, &m);

    if (error)
        return error;
    m->from = from->sender;
    if (unlikely(from->rights != NULL)) {
        error = rights_check_limit(from->rights);
        if (!error) {
            m->rights = from->rights;
            from->rights = NULL;
        }
    }
    if (!error)
        error = message_fill(m, from->data);
    if (error) {
        message_free(m);
        return error;
    }
    return deliver(peer, m, urgent);
}

static long send_bytes(struct unix_socket *u, struct socket_message *m)
{
    bool urgent = m->flags & MSG_OOB;
    size_t length = m->data->remaining, sent = 0;
    struct unix_socket *peer = __atomic_load_n(&u->peer, __ATOMIC_ACQUIRE);

    if (urgent && !length)
        return -EOPNOTSUPP;
    if (m->address)
        return __atomic_load_n(&u->state, __ATOMIC_ACQUIRE) == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    if (!peer)
        return -ENOTCONN;
    int error = socket_is_shut(&u->socket, SHUT_WR) ? -EPIPE : 0;
    while (!error && sent < length) {
        bool last = urgent && sent == length - 1;
        size_t n = last ? 1 : piece_of(u, length - urgent - sent);
        error = send_piece(u, peer, m, n, last);
        if (!error)
            sent += n;
    }
    if (error == -EPIPE && !sent && !(m->flags & MSG_NOSIGNAL))
        net_hooks->signal_self(SIGPIPE);
    return sent ? (long)sent : error;
}

long unix_send_stream(struct socket *s, struct socket_message *m)
{
    long n = send_bytes(unix_of(s), m);

    if (unlikely(m->rights != NULL))
        rights_drop(m->rights);
    m->rights = NULL;
    return n;
}

/* --- receiving; read_lock held: nobody else takes messages out of the queue --- */

struct reading {
    struct unix_socket *u;
    struct socket_message *to;
    struct patience patience;
    size_t wanted, done;
    size_t skip;   /* bytes that a peek begins behind */
    uint32_t seen; /* arrivals when the queue was looked at */
    bool peek;
    bool ends;                 /* at something that is not read together with what came before */
    bool told;                 /* to->sender is that of the bytes so far */
    struct unix_queue skipped; /* urgent bytes that were left out */
};

static void skip_message(struct reading *r, struct unix_message *m)
{
    message_unlink(r->u, m);
    TAILQ_INSERT_TAIL(&r->skipped, m, link);
}

/*
 * m is an urgent byte, or what is left of one that was read: the message to go on with.  NULL: none, or the read ends
 * here.  Locked.
 */
static struct unix_message *pass_urgent(struct reading *r, struct unix_message *m)
{
    struct unix_socket *u = r->u;
    bool inlined = socket_has(&u->socket, SOCKET_OOB_INLINE);

    if (!message_left(m)) {
        struct unix_message *next = TAILQ_NEXT(m, link);
        r->ends = r->done && (!u->urgent || u->urgent == m);
        if (r->ends)
            return NULL;
        if (!r->peek)
            skip_message(r, m);
        m = next;
    }
    if (!m || m != u->urgent)
        return m;
    r->ends = r->done;
    if (r->ends)
        return NULL;
    if (inlined || r->peek) {
        if (!r->peek)
            u->urgent = NULL;
        return inlined ? m : TAILQ_NEXT(m, link);
    }
    struct unix_message *next = TAILQ_NEXT(m, link);
    skip_message(r, m);
    return next;
}

/* The first message from m on that has bytes for us.  Locked. */
static struct unix_message *find_bytes(struct reading *r, struct unix_message *m)
{
    while (m) {
        if (unlikely(!message_left(m) || m == r->u->urgent)) {
            m = pass_urgent(r, m);
            if (!m)
                break;
        }
        if (likely(r->skip < message_left(m)))
            break;
        r->skip -= message_left(m);
        m = TAILQ_NEXT(m, link);
    }
    return m;
}

static bool has_news(const struct reading *r)
{
    const struct socket *s = &r->u->socket;

    return __atomic_load_n(&r->u->arrivals, __ATOMIC_ACQUIRE) != r->seen || socket_is_shut(s, SHUT_RD) ||
           __atomic_load_n(&s->error, __ATOMIC_RELAXED);
}

static size_t peek_start(const struct reading *r)
{
    return r->peek && r->u->socket.peek_offset > 0 ? (size_t)r->u->socket.peek_offset : 0;
}

/* There is nothing.  True: look again; false: that is all, *error says whether it is one. */
static bool wait_for_bytes(struct reading *r, long *error)
{
    struct unix_socket *u = r->u;
    struct socket *s = &u->socket;
    size_t low = (size_t)__atomic_load_n(&s->receive_low, __ATOMIC_RELAXED);
    size_t target = r->to->flags & MSG_WAITALL ? r->wanted : MIN(low, r->wanted);

    if (r->ends || r->done >= MAX(target, 1UL))
        return false;
    /* Bytes that came before an end or an error are read first: they may have come after the look at the queue. */
    bool over = socket_is_shut(s, SHUT_RD) || __atomic_load_n(&s->error, __ATOMIC_ACQUIRE);
    if (over && __atomic_load_n(&u->arrivals, __ATOMIC_RELAXED) != r->seen)
        return true;
    *error = over ? socket_take_error(s) : 0;
    if (over)
        return false;
    *error = r->patience.timeout_ns ? 0 : -EAGAIN;
    if (*error)
        return false;
    mutex_unlock(&u->read_lock);
    *error = patience_wait(&r->patience, &s->readable, has_news(r));
    mutex_lock(&u->read_lock);
    r->skip = peek_start(r);
    return !*error;
}

/* May these bytes follow those before?  The first ones say who sends. */
static bool joins(struct reading *r, const struct unix_message *m)
{
    struct sender_id *from = &r->to->sender;

    if (unlikely(r->told))
        return m->from.pid == from->pid && m->from.uid == from->uid && m->from.gid == from->gid;
    if (unlikely(socket_has(&r->u->socket, SOCKET_PASS_CRED))) {
        *from = m->from;
        r->told = true;
    }
    if (unlikely(r->to->address != NULL))
        unix_copy_address(m->sender, r->to->address);
    return true;
}

static void move_peek_offset(struct unix_socket *u, long by)
{
    if (unlikely(u->socket.peek_offset >= 0))
        u->socket.peek_offset = (int32_t)MAX(u->socket.peek_offset + by, 0L);
}

/* n bytes of m were read for good.  True: the next message may follow. */
static bool consume(struct reading *r, struct unix_message *m, size_t n)
{
    struct unix_socket *u = r->u;
    bool joined = true;

    move_peek_offset(u, -(long)n);
    if (unlikely(m->rights != NULL)) {
        rights_lock();
        rights_land(m->rights);
        r->to->rights = m->rights;
        m->rights = NULL;
        rights_unlock();
        joined = false;
    }
    m->consumed += (uint32_t)n;
    if (message_left(m))
        return false;
    socket_lock(&u->socket);
    message_unlink(u, m);
    socket_unlock(&u->socket);
    message_free(m);
    return joined;
}

/* The same of a peek, which gets files of its own: none if there is no memory for them. */
static bool keep(struct reading *r, struct unix_message *m, size_t n)
{
    move_peek_offset(r->u, (long)n);
    r->skip = 0;
    if (unlikely(m->rights != NULL)) {
        r->to->rights = rights_duplicate(m->rights);
        return false;
    }
    return true;
}

static long read_messages(struct reading *r)
{
    struct unix_socket *u = r->u;
    struct unix_message *m, *before = NULL; /* a peek goes on behind it */
    long error = 0;
    bool more;

    do {
        socket_lock(&u->socket);
        r->seen = u->arrivals;
        m = find_bytes(r, before ? TAILQ_NEXT(before, link) : TAILQ_FIRST(&u->queue));
        socket_unlock(&u->socket);
        if (!m) {
            more = !before && wait_for_bytes(r, &error);
            continue;
        }
        if (!joins(r, m))
            break;
        size_t n = MIN(message_left(m) - r->skip, r->wanted - r->done);
        if (message_copy(m, m->consumed + r->skip, n, r->to->data))
            return -EFAULT;
        r->done += n;
        more = (r->peek ? keep(r, m, n) : consume(r, m, n)) && r->done < r->wanted;
        before = r->peek ? m : NULL;
    } while (more);
    return error;
}

/* MSG_OOB: the urgent byte alone.  What is left of it stays in its place, as a mark where reads end. */
static long receive_urgent(struct unix_socket *u, struct socket_message *to)
{
    struct unix_message *before = NULL;
    struct unix_queue gone = TAILQ_HEAD_INITIALIZER(gone);
    bool peek = to->flags & MSG_PEEK;

    mutex_lock(&u->read_lock);
    socket_lock(&u->socket);
    struct unix_message *m = socket_has(&u->socket, SOCKET_OOB_INLINE) ? NULL : u->urgent;
    if (m && !peek) {
        u->urgent = NULL;
        before = TAILQ_PREV(m, unix_queue, link);
        if (before && !message_left(before)) {
            message_unlink(u, before);
            TAILQ_INSERT_TAIL(&gone, before, link);
        }
    }
    socket_unlock(&u->socket);
    long result = m ? 1 : -EINVAL;
    if (m && message_copy(m, m->consumed, MIN(to->data->remaining, 1UL), to->data))
        result = -EFAULT;
    if (m && !peek)
        m->consumed = m->length;
    mutex_unlock(&u->read_lock);
    messages_discard(&gone);
    if (result == 1)
        to->result_flags |= MSG_OOB;
    return result;
}

long unix_receive_stream(struct socket *s, struct socket_message *m)
{
    struct unix_socket *u = unix_of(s);
    struct reading r = {.u = u, .to = m, .wanted = m->data->remaining, .peek = m->flags & MSG_PEEK};

    if (__atomic_load_n(&u->state, __ATOMIC_ACQUIRE) != UNIX_CONNECTED)
        return -EINVAL;
    if (unlikely(m->flags & MSG_OOB))
        return receive_urgent(u, m);
    r.patience = patience_of(s->receive_timeout_ns, !(m->flags & MSG_DONTWAIT));
    TAILQ_INIT(&r.skipped);
    mutex_lock(&u->read_lock);
    r.skip = peek_start(&r);
    long error = read_messages(&r);
    mutex_unlock(&u->read_lock);
    if (unlikely(!TAILQ_EMPTY(&r.skipped)))
        messages_discard(&r.skipped);
    return r.done ? (long)r.done : error;
}
