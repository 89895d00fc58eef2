/*
 * AF_UNIX: stream, datagram and seqpacket sockets (unix(7)).
 *
 * Locks, outermost first:
 *   bind_lock (mutex)         one binding at a time; over a walk of the file system
 *   read_lock (mutex)         who takes messages out of the queue; held while bytes are copied, which may fault
 *   flight lock (mutex, rights.h)
 *   socket.lock (spinlock)    the queue, the state, peer; a listener's before those of sockets that wait at it, two
 *                             others by address
 *   names lock (unix_name.c), wait queues
 *
 * The peer of a connected stream or seqpacket socket stays the same, counted, until the socket itself is released, so
 * its own calls read it without a lock.  That of a datagram socket changes: unix_peer_get().
 */
#ifndef NET_UNIX_H
#define NET_UNIX_H

#include <bsd/sys/queue.h>

#include "net/rights.h"
#include "net/socket.h"

#define DATAGRAM_BACKLOG 10u /* net.unix.max_dgram_qlen of Linux */

struct unix_address { /* of one or more sockets: one that listens gives it to those accepted */
    uint32_t refs;    /* atomic */
    uint32_t length;
    union {
        struct sockaddr_un name;
        uint8_t bytes[sizeof(struct sockaddr_un) + 1]; /* `length` of them; the longest path has a NUL behind it */
    };
};

enum unix_state { UNIX_CLOSED, UNIX_CONNECTED, UNIX_LISTENING };

struct unix_message {
    TAILQ_ENTRY(unix_message) link; /* in a queue; its socket's lock, as the rest once it is there */
    struct unix_socket *sender;     /* counted; charged for it */
    uint32_t length, consumed;      /* bytes; those read already.  read_lock, the sender before it is queued */
    uint32_t charge;
    bool peeked; /* an empty datagram that MSG_PEEK with an offset has seen */
    struct sender_id from;
    struct rights *rights;
    uint64_t stamp_ns;
    uint32_t page_count; /* 0: the bytes follow here */
    union {
        uint8_t bytes[1];
        struct page *pages[1];
    };
};
TAILQ_HEAD(unix_queue, unix_message);

struct unix_socket {
    struct socket socket;                  /* first */
    enum unix_state state;                 /* lock; read without */
    bool dead;                             /* released; lock */
    struct unix_socket *peer;              /* counted; lock */
    struct unix_queue queue;               /* lock, as the next three */
    uint32_t queue_length;                 /* messages; of a listener: sockets to be accepted */
    uint32_t arrivals;                     /* ever queued: sleeping readers see by it that there is news */
    struct unix_message *urgent;           /* the last MSG_OOB byte, in the queue; NULL: none, or read past */
    uint32_t backlog;                      /* atomic: a queue longer than that is full for who is not its peer */
    uint32_t charged;                      /* atomic: what its own messages cost, wherever they wait */
    TAILQ_HEAD(, unix_socket) pending;     /* of a listener: to be accepted; lock */
    TAILQ_ENTRY(unix_socket) pending_link; /* the listener's lock */
    struct wait_queue room;                /* the queue got shorter: those who connect or send datagrams wait here */
    struct waiter relay;                   /* on the peer's `room`, so that our writers hear of it; lock */
    struct mutex read_lock, bind_lock;

    struct unix_address *address;    /* NULL: unnamed.  Set once, with bind_lock; release, acquire */
    struct file *node;               /* of a path: counted.  Set before `address` */
    LIST_ENTRY(unix_socket) by_name; /* names lock, as the rest of this group */
    TAILQ_ENTRY(unix_socket) all_link;
    bool named;

    /* rights.c, flight lock */
    TAILQ_ENTRY(unix_socket) flight_link, grey_link;
    uint32_t in_flight;    /* references of its file in queued messages */
    uint32_t from_outside; /* while circles are sought: those not from sockets under suspicion */
    enum { FLIGHT_LIVE, FLIGHT_SUSPECT } flight_mark;
};

static inline struct unix_socket *unix_of(struct socket *s)
{
    return container_of(s, struct unix_socket, socket);
}

void unix_start(void);
int unix_create(int type, int protocol, struct socket **out) must_check;
static inline struct unix_socket *unix_get(struct unix_socket *u)
{
    socket_get(&u->socket);
    return u;
}
static inline void unix_put(struct unix_socket *u)
{
    socket_put(&u->socket);
}
struct unix_socket *unix_peer_get(struct unix_socket *u); /* counted; NULL: none */
/* Both, in order; b may be a or NULL. */
void unix_lock_two(struct unix_socket *a, struct unix_socket *b);
void unix_unlock_two(struct unix_socket *a, struct unix_socket *b);
static inline bool unix_queue_is_full(const struct unix_socket *u)
{
    return __atomic_load_n(&u->queue_length, __ATOMIC_RELAXED) > __atomic_load_n(&u->backlog, __ATOMIC_RELAXED);
}
static inline bool unix_is_connection(const struct unix_socket *u)
{
    return u->socket.type != SOCK_DGRAM;
}

/* unix_name.c */
int unix_check_address(const struct socket_address *a) must_check;
int unix_bind(struct socket *s, struct socket_address *a);
int unix_autobind(struct unix_socket *u) must_check; /* does nothing if it has a name */
/* SO_PASSCRED wants a name to answer to: -errno. */
int unix_autobind_for_credentials(struct unix_socket *u) must_check;
/* The socket of that name and type, counted: -ECONNREFUSED, -EPROTOTYPE, what the path's walk gives. */
int unix_find(struct socket_address *a, int type, struct unix_socket **out) must_check;
void unix_unname(struct unix_socket *u);
int unix_name(struct socket *s, bool of_peer, struct socket_address *out);
void unix_copy_address(const struct unix_socket *u, struct socket_address *out); /* length 0: unnamed */
struct unix_address *unix_address_get(struct unix_address *a);
void unix_address_put(struct unix_address *a);
void unix_register(struct unix_socket *u); /* into the list of all sockets; unix_unname() takes it out */
/* All there are, with the names lock held. */
void unix_visit_all(void (*visit)(const struct unix_socket *u, void *context), void *context);

/* unix_message.c */
/*
 * A message of `length` bytes from u, charged to it once there is room in its send buffer.  -EAGAIN, -EPIPE (shut), an
 * error of the socket, a signal, -ENOBUFS: no memory.
 */
int message_create(struct unix_socket *u, size_t length, struct patience *p, struct unix_message **out) must_check;
int message_fill(struct unix_message *m, struct io_iter *it) must_check; /* 0 or -EFAULT */
/* n bytes from an offset on: 0 or -EFAULT. */
int message_copy(const struct unix_message *m, size_t offset, size_t n, struct io_iter *it) must_check;
void message_free(struct unix_message *m); /* in no queue, its rights not in flight; no locks held: it may drop files */
void messages_discard(struct unix_queue *gone); /* the same for messages just taken out of a queue, rights in flight */
void unix_purge(struct unix_socket *u);         /* the same for all of its queue; read_lock not held */
/*
 * Puts it at the end of `to`'s queue.  to's lock held, and the flight lock if it has rights (message_lock_rights()).
 * The caller wakes readers afterwards: message_tell().
 */
void message_enqueue(struct unix_socket *to, struct unix_message *m);
void message_tell(struct unix_socket *to);
/* Out of the queue it is in; the same locks, and read_lock.  Its rights are the caller's to land. */
void message_unlink(struct unix_socket *u, struct unix_message *m);
static inline void message_lock_rights(const struct unix_message *m)
{
    if (unlikely(m->rights != NULL))
        rights_lock();
}
static inline void message_unlock_rights(const struct unix_message *m)
{
    if (unlikely(m->rights != NULL))
        rights_unlock();
}
bool unix_is_writable(const struct unix_socket *u);
static inline uint32_t message_left(const struct unix_message *m)
{
    return m->length - m->consumed;
}

/* unix_connect.c */
int unix_listen(struct socket *s, int backlog);
int unix_connect_stream(struct socket *s, struct socket_address *a, bool may_wait);
int unix_accept(struct socket *s, bool may_wait, struct socket **out);
int unix_pair(struct socket *a, struct socket *b);
int unix_shutdown(struct socket *s, int how);
void unix_release(struct socket *s);
/* Sleeps while `other` is alive and its queue full. */
long unix_wait_for_room(struct unix_socket *other, struct patience *p) must_check;

/* unix_datagram.c */
int unix_connect_datagram(struct socket *s, struct socket_address *a, bool may_wait);
long unix_send_datagram(struct socket *s, struct socket_message *m);
long unix_receive_datagram(struct socket *s, struct socket_message *m);
long unix_send_seqpacket(struct socket *s, struct socket_message *m);
long unix_receive_seqpacket(struct socket *s, struct socket_message *m);
/* u's relay on other's `room`: true if other is alive and full, and u's writers will hear of a change.  u's lock held.
 */
bool unix_relay_if_full(struct unix_socket *u, struct unix_socket *other) must_check;
void unix_relay_end(struct unix_socket *u); /* u's lock held */

/* unix_stream.c */
long unix_send_stream(struct socket *s, struct socket_message *m);
long unix_receive_stream(struct socket *s, struct socket_message *m);

/* unix_poll.c */
unsigned unix_poll_stream(struct socket *s, struct poll_table *t);
unsigned unix_poll_datagram(struct socket *s, struct poll_table *t);
long unix_ioctl(struct socket *s, unsigned request, uint64_t argument);

#endif
