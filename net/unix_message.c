/*
 * Messages of AF_UNIX sockets: one per datagram or piece of a stream, with its bytes behind it or in pages.  Each is
 * charged to the socket that sends it, as much as Linux would count for it (skb->truesize), which is never less than it
 * takes here: so SO_SNDBUF means what it means there, and bounds memory.
 */
#include <asm/errno.h>

#include "guest_kernel/core/alloc.h"
#include "lib/string.h"
#include "net/unix.h"

#define INLINE_MAX                                                                                                     \
    (2048 - offsetof(struct unix_message, bytes)) /* the largest size of mem_alloc's below whole pages                 \
                                                   */

/* What Linux 6.1 counts: struct sk_buff, and what lies behind the linear part of its bytes. */
#define COUNTED_HEAD    256u
#define COUNTED_TAIL    320u
#define COUNTED_LEAST   512u
#define STREAM_LINEAR   3776u /* bytes in the linear part, the rest is in pages */
#define DATAGRAM_LINEAR 16064u
#define DATAGRAM_PAGES  17u

static uint32_t charge_of(const struct unix_socket *u, size_t length)
{
    size_t linear = u->socket.type == SOCK_STREAM ? STREAM_LINEAR : DATAGRAM_LINEAR;
    size_t paged = length > linear ? ALIGN_UP(length - linear, PAGE_SIZE) : 0;
    size_t size = COUNTED_LEAST;

    if (linear == DATAGRAM_LINEAR)
        paged = MIN(paged, DATAGRAM_PAGES * PAGE_SIZE);
    size_t head = ALIGN_UP(length - MIN(paged, length), 64UL) + COUNTED_TAIL;
    while (size < head)
        size *= 2;
    return COUNTED_HEAD + (uint32_t)size + (uint32_t)paged;
}

static uint32_t charged(const struct unix_socket *u)
{
    return __atomic_load_n(&u->charged, __ATOMIC_RELAXED);
}

static uint32_t send_buffer(const struct unix_socket *u)
{
    return __atomic_load_n(&u->socket.send_buffer, __ATOMIC_RELAXED);
}

/* Three quarters are free: so a writer is not woken for each message that is read. */
bool unix_is_writable(const struct unix_socket *u)
{
    return __atomic_load_n(&u->state, __ATOMIC_RELAXED) != UNIX_LISTENING &&
           (uint64_t)(charged(u) + 1) * 4 <= send_buffer(u);
}

static bool may_go_on(const struct unix_socket *u)
{
    return charged(u) < send_buffer(u) || socket_is_shut(&u->socket, SHUT_WR) ||
           __atomic_load_n(&u->socket.error, __ATOMIC_RELAXED);
}

static long wait_for_space(struct unix_socket *u, struct patience *p)
{
    for (;;) {
        int error = socket_take_error(&u->socket);
        if (error)
            return error;
        if (socket_is_shut(&u->socket, SHUT_WR))
            return -EPIPE;
        if (likely(charged(u) < send_buffer(u)))
            return 0;
        socket_want_room(&u->socket);
        if (!p->timeout_ns && !may_go_on(u))
            return -EAGAIN;
        long result = p->timeout_ns ? patience_wait(p, &u->socket.writable, may_go_on(u)) : 0;
        if (result)
            return result;
    }
}

static void pages_put(struct unix_message *m)
{
    for (uint32_t n = 0; n < m->page_count; n++)
        page_put(m->pages[n]);
}

static struct unix_message *message_alloc(size_t length)
{
    size_t pages = length > INLINE_MAX ? ALIGN_UP(length, PAGE_SIZE) / PAGE_SIZE : 0;
    size_t tail = pages ? pages * sizeof(struct page *) : length;
    struct unix_message *m = mem_alloc(MAX(offsetof(struct unix_message, bytes) + tail, sizeof *m));

    if (!m)
        return NULL;
    memset(m, 0, offsetof(struct unix_message, bytes));
    m->length = (uint32_t)length;
    for (; m->page_count < pages; m->page_count++) {
        m->pages[m->page_count] = page_alloc(0);
        if (!m->pages[m->page_count]) {
            pages_put(m);
            mem_free(m);
            return NULL;
        }
    }
    return m;
}

int message_create(struct unix_socket *u, size_t length, struct patience *p, struct unix_message **out)
{
    long error = wait_for_space(u, p);

    if (error)
        return (int)error;
    struct unix_message *m = message_alloc(length);
    if (!m)
        return -ENOBUFS;
    m->sender = unix_get(u);
    m->charge = charge_of(u, length);
    __atomic_fetch_add(&u->charged, m->charge, __ATOMIC_RELAXED);
    *out = m;
    return 0;
}

/* The bytes at an offset, as far as they lie together. */
static void *message_piece(const struct unix_message *m, size_t offset, size_t *n)
{
    if (likely(!m->page_count))
        return (void *)(m->bytes + offset);
    *n = MIN(*n, PAGE_SIZE - offset % PAGE_SIZE);
    return (char *)page_address(m->pages[offset / PAGE_SIZE]) + offset % PAGE_SIZE;
}

int message_fill(struct unix_message *m, struct io_iter *it)
{
    for (size_t at = 0; at < m->length;) {
        size_t n = m->length - at;
        void *to = message_piece(m, at, &n);
        if (iter_read(it, to, n) < n)
            return -EFAULT;
        at += n;
    }
    return 0;
}

int message_copy(const struct unix_message *m, size_t offset, size_t n, struct io_iter *it)
{
    while (n) {
        size_t piece = n;
        const void *from = message_piece(m, offset, &piece);
        if (iter_write(it, from, piece) < piece)
            return -EFAULT;
        offset += piece;
        n -= piece;
    }
    return 0;
}

void message_free(struct unix_message *m)
{
    struct unix_socket *sender = m->sender;
    struct rights *rights = m->rights;

    pages_put(m);
    /* Sequentially consistent, before the look at who waits: see wait_queue_is_idle(). */
    __atomic_fetch_sub(&sender->charged, m->charge, __ATOMIC_SEQ_CST);
    mem_free(m);
    if ((!wait_queue_is_idle(&sender->socket.writable) || socket_wants_room(&sender->socket)) && unix_is_writable(sender))
        socket_tell_room(&sender->socket);
    unix_put(sender);
    rights_drop(rights);
}

void messages_discard(struct unix_queue *gone)
{
    struct unix_message *m;

    rights_lock();
    TAILQ_FOREACH(m, gone, link)
    if (m->rights)
        rights_land(m->rights);
    rights_unlock();
    while ((m = TAILQ_FIRST(gone))) {
        TAILQ_REMOVE(gone, m, link);
        message_free(m);
    }
}

void unix_purge(struct unix_socket *u)
{
    struct unix_queue gone = TAILQ_HEAD_INITIALIZER(gone);

    mutex_lock(&u->read_lock);
    rights_lock();
    socket_lock(&u->socket);
    u->urgent = NULL;
    __atomic_store_n(&u->queue_length, 0, __ATOMIC_RELAXED);
    TAILQ_CONCAT(&gone, &u->queue, link);
    socket_unlock(&u->socket);
    rights_unlock();
    mutex_unlock(&u->read_lock);
    messages_discard(&gone);
}

/* unix(7): write(2) tells credentials too where either side asks for them, or nobody is there yet to ask. */
static bool wants_credentials(const struct unix_socket *from, const struct unix_socket *to)
{
    return socket_has(&from->socket, SOCKET_PASS_CRED) || socket_has(&to->socket, SOCKET_PASS_CRED) || !to->socket.file;
}

void message_enqueue(struct unix_socket *to, struct unix_message *m)
{
    assert_held(&to->socket.lock);
    if (!m->from.pid && unlikely(wants_credentials(m->sender, to))) {
        const struct task *t = task_current();
        m->from = (struct sender_id){t->pid, t->cred.uid, t->cred.gid};
    }
    if (unlikely(m->rights != NULL))
        rights_take_off(m->rights);
    TAILQ_INSERT_TAIL(&to->queue, m, link);
    __atomic_store_n(&to->queue_length, to->queue_length + 1, __ATOMIC_RELAXED);
    __atomic_store_n(&to->arrivals, to->arrivals + 1, __ATOMIC_RELEASE);
}

void message_tell(struct unix_socket *to)
{
    socket_tell_readable(&to->socket);
}

void message_unlink(struct unix_socket *u, struct unix_message *m)
{
    assert_held(&u->socket.lock);
    if (u->urgent == m)
        u->urgent = NULL;
    TAILQ_REMOVE(&u->queue, m, link);
    __atomic_store_n(&u->queue_length, u->queue_length - 1, __ATOMIC_RELAXED);
}
