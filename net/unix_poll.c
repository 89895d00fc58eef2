/*
 * What poll(2), epoll(7) and ioctl(2) tell of AF_UNIX sockets.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/poll.h>
#include <linux/sockios.h>

#include "guest_kernel/core/poll.h"
#include "net/unix.h"

static void watch(struct socket *s, struct poll_table *t)
{
    poll_wait_events(t, &s->readable, POLLIN | POLLRDNORM | POLLRDBAND | POLLPRI | POLLRDHUP);
    poll_wait_events(t, &s->writable, POLLOUT | POLLWRNORM | POLLWRBAND);
    if (t)
        __atomic_thread_fence(__ATOMIC_SEQ_CST); /* on the queues before the look: see wait_queue_is_idle() */
}

static unsigned readable_events(const struct unix_socket *u)
{
    const struct socket *s = &u->socket;
    bool shut = socket_is_shut(s, SHUT_RD);
    unsigned events = 0;

    if (__atomic_load_n(&s->error, __ATOMIC_ACQUIRE))
        events |= POLLERR;
    if (shut && socket_is_shut(s, SHUT_WR))
        events |= POLLHUP;
    if (shut)
        events |= POLLRDHUP;
    if (shut || __atomic_load_n(&u->queue_length, __ATOMIC_ACQUIRE))
        events |= POLLIN | POLLRDNORM;
    if (__atomic_load_n(&u->urgent, __ATOMIC_RELAXED))
        events |= POLLPRI;
    if (unix_is_connection(u) && __atomic_load_n(&u->state, __ATOMIC_ACQUIRE) == UNIX_CLOSED)
        events |= POLLHUP;
    return events;
}

unsigned unix_poll_stream(struct socket *s, struct poll_table *t)
{
    const struct unix_socket *u = unix_of(s);

    watch(s, t);
    return readable_events(u) | (unix_is_writable(u) ? POLLOUT | POLLWRNORM | POLLWRBAND : 0);
}

/* May we send to the peer, or shall we hear of it when we may? */
static bool peer_has_room(struct unix_socket *u)
{
    socket_lock(&u->socket);
    struct unix_socket *peer = u->peer;
    bool full = peer && __atomic_load_n(&peer->peer, __ATOMIC_RELAXED) != u && unix_queue_is_full(peer) &&
                unix_relay_if_full(u, peer);
    socket_unlock(&u->socket);
    return !full;
}

unsigned unix_poll_datagram(struct socket *s, struct poll_table *t)
{
    struct unix_socket *u = unix_of(s);

    watch(s, t);
    unsigned events = readable_events(u);
    if (unix_is_writable(u) && peer_has_room(u))
        events |= POLLOUT | POLLWRNORM | POLLWRBAND;
    else
        socket_want_room(s);
    return events;
}

/* Bytes to be read; of a datagram socket, those of the first message. */
static int unread(struct unix_socket *u)
{
    const struct unix_message *m;
    uint32_t n = 0;

    socket_lock(&u->socket);
    TAILQ_FOREACH(m, &u->queue, link)
    {
        n += message_left(m);
        if (!unix_is_connection(u))
            break;
    }
    socket_unlock(&u->socket);
    return (int)n;
}

/* Does the next read begin at the urgent byte, or behind one that was read? */
static bool is_at_mark(struct unix_socket *u)
{
    socket_lock(&u->socket);
    const struct unix_message *m = TAILQ_FIRST(&u->queue);
    bool at = m && m == u->urgent;
    if (m && !message_left(m))
        at = !u->urgent || TAILQ_NEXT(m, link) == u->urgent;
    socket_unlock(&u->socket);
    return at;
}

/* The file behind the socket's name, as an O_PATH descriptor. */
static long open_node(struct unix_socket *u)
{
    if (!net_hooks->capable(CAP_NET_ADMIN))
        return -EPERM;
    struct file *node = __atomic_load_n(&u->address, __ATOMIC_ACQUIRE) ? u->node : NULL;
    return node ? net_hooks->file_install(node, true, user(0)) : -ENOENT;
}

long unix_ioctl(struct socket *s, unsigned request, uint64_t argument)
{
    struct unix_socket *u = unix_of(s);
    int answer;

    switch (request) {
    case SIOCOUTQ:
        answer = (int)__atomic_load_n(&u->charged, __ATOMIC_RELAXED);
        return put_user(user(argument), answer);
    case SIOCINQ:
        if (s->ops->is_listening(s))
            return -EINVAL;
        answer = unread(u);
        return put_user(user(argument), answer);
    case SIOCATMARK:
        if (s->type != SOCK_STREAM)
            return -EOPNOTSUPP;
        answer = is_at_mark(u);
        return put_user(user(argument), answer);
    case SIOCUNIXFILE:
        return open_node(u);
    default:
        return -ENOTTY;
    }
}
