/*
 * See net/socket.h: making sockets, counting them, and what every family needs.
 */
#include "net/socket.h"

#include <asm/errno.h>
#include <asm/siginfo.h>

#include "guest_kernel/core/time.h"
#include "net/unix.h"

const struct net_hooks *net_hooks;

void net_start(const struct net_hooks *hooks)
{
    net_hooks = hooks;
    unix_start();
}

int socket_create(int family, int type, int protocol, struct socket **out)
{
    if ((unsigned)family >= AF_COUNT)
        return -EAFNOSUPPORT;
    if ((unsigned)type >= SOCK_TYPE_COUNT)
        return -EINVAL;
    return family == AF_UNIX ? unix_create(type, protocol, out) : -EAFNOSUPPORT;
}

void socket_init(struct socket *s, const struct socket_ops *ops, int type)
{
    s->refs = 1;
    s->ops = ops;
    s->type = type;
    wait_queue_init(&s->readable);
    wait_queue_init(&s->writable);
    s->send_buffer = s->receive_buffer = BUFFER_DEFAULT;
    s->receive_low = 1;
    s->peek_offset = -1;
    s->incoming_cpu = -1;
    s->receive_timeout_ns = s->send_timeout_ns = WAIT_FOREVER;
}

struct socket *socket_get(struct socket *s)
{
    __atomic_fetch_add(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void socket_put(struct socket *s)
{
    if (__atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    cred_drop(&s->peer_cred);
    s->ops->free(s);
}

void socket_lock(struct socket *s)
{
    spin_lock(&s->lock);
}

void socket_unlock(struct socket *s)
{
    spin_unlock(&s->lock);
}

void socket_attach(struct socket *s, struct file *f, uint64_t inode_number)
{
    socket_lock(s);
    s->file = f;
    s->inode_number = inode_number;
    socket_unlock(s);
}

void socket_release(struct socket *s)
{
    s->ops->release(s);
    socket_put(s);
}

int socket_take_error(struct socket *s)
{
    if (likely(!__atomic_load_n(&s->error, __ATOMIC_RELAXED)))
        return 0;
    return -(int)__atomic_exchange_n(&s->error, 0, __ATOMIC_ACQUIRE);
}

void socket_set_async(struct socket *s, bool on)
{
    __atomic_store_n(&s->async, on, __ATOMIC_RELAXED);
}

void socket_tell_async(struct socket *s, int reason)
{
    if (likely(!__atomic_load_n(&s->async, __ATOMIC_RELAXED)))
        return;
    socket_lock(s);
    if (s->file)
        net_hooks->file_async(s->file, reason);
    socket_unlock(s);
}

void socket_tell_readable(struct socket *s)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* what came is queued before the look: see wait_queue_is_idle() */
    if (!wait_queue_is_idle(&s->readable))
        wake_all(&s->readable);
    socket_tell_async(s, POLL_IN);
}

void socket_tell_room(struct socket *s)
{
    wake_all(&s->writable);
    if (unlikely(socket_wants_room(s)) && __atomic_exchange_n(&s->wants_room, false, __ATOMIC_RELAXED))
        socket_tell_async(s, POLL_OUT);
}

void socket_tell_all(struct socket *s)
{
    wake_all(&s->readable);
    wake_all(&s->writable);
}

bool socket_is_shut(const struct socket *s, int how)
{
    return __atomic_load_n(&s->shutdown, __ATOMIC_ACQUIRE) & BIT(how);
}

void socket_set_peer_current(struct socket *s)
{
    assert_held(&s->lock);
    s->peer_pid = task_current()->pid;
    cred_drop(&s->peer_cred);
    s->peer_cred = cred_copy(&task_current()->cred);
}

void socket_copy_peer(struct socket *s, struct socket *as)
{
    assert_held(&s->lock);
    s->peer_pid = as->peer_pid;
    cred_drop(&s->peer_cred);
    s->peer_cred = cred_copy(&as->peer_cred);
}

uint64_t patience_deadline(struct patience *p)
{
    if (p->timeout_ns == WAIT_FOREVER)
        return WAIT_FOREVER;
    if (!p->deadline_ns) {
        uint64_t now = clock_monotonic_ns();
        p->deadline_ns = p->timeout_ns > WAIT_FOREVER - 1 - now ? WAIT_FOREVER - 1 : now + p->timeout_ns;
    }
    return p->deadline_ns;
}

/* signal(7): a call that a timeout limits is not restarted. */
long patience_result(const struct patience *p, long waited)
{
    if (waited == -ETIME)
        return -EAGAIN;
    return waited == -ERESTARTSYS && p->timeout_ns != WAIT_FOREVER ? -EINTR : waited;
}
