/*
 * Sockets of any family.  A family makes them (socket_family_register) and gives each type a const table of operations;
 * what all share, the options of SOL_SOCKET above all, is here.  Files, descriptors, paths and signals belong to other
 * floors: what is needed of them comes through struct net_hooks.
 *
 * A socket lives as long as somebody counts it: its open file, its peer, messages it has sent.  When the file goes,
 * ops->release ends what others can see of it; ops->free gets the memory back with the last count.
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "abi/socket.h"
#include "guest_kernel/core/task.h"
#include "guest_kernel/core/user.h"
#include "guest_kernel/core/wait.h"
#include "lib/compiler.h"

struct file; /* the floor above's: only passed through here */
struct socket;
struct rights;

struct socket_address {
    uint32_t length; /* 0: none */
    union {
        uint16_t family;
        struct sockaddr_un un;
        struct __kernel_sockaddr_storage storage;
        uint8_t bytes[sizeof(struct __kernel_sockaddr_storage) + 1]; /* room for a NUL behind a path */
    };
};

/* Who sent something.  pid 0: not said. */
struct sender_id {
    int32_t pid;
    uint32_t uid, gid;
};
#define ID_OVERFLOW 65534u /* Linux's name for an id that cannot be told */

/* One send or receive.  A plain read or write has neither address nor control. */
struct socket_message {
    struct io_iter *data;
    uint32_t flags;                 /* MSG_*, MSG_DONTWAIT also where the file is non-blocking */
    uint32_t result_flags;          /* receive: msg_flags of the caller's header */
    struct socket_address *address; /* send: to whom, NULL: the peer; receive: filled if not NULL */
    struct rights *rights;          /* send: taken over; receive: given to the caller; NULL: none */
    struct sender_id sender;        /* send: as SCM_CREDENTIALS said; receive: of what was received */
    uint64_t stamp_ns;              /* receive: when it was sent, if SOCKET_STAMP; 0: not told */
};

struct socket_ops {
    int family;
    int (*bind)(struct socket *s, struct socket_address *a);
    int (*connect)(struct socket *s, struct socket_address *a, bool may_wait);
    int (*pair)(struct socket *a, struct socket *b);
    int (*listen)(struct socket *s, int backlog);
    int (*accept)(struct socket *s, bool may_wait, struct socket **out); /* counted */
    int (*name)(struct socket *s, bool of_peer, struct socket_address *out);
    int (*shutdown)(struct socket *s, int how);
    long (*send)(struct socket *s, struct socket_message *m); /* bytes or -errno; m->rights are gone in any case */
    long (*receive)(struct socket *s, struct socket_message *m);
    unsigned (*poll)(struct socket *s, struct poll_table *t);
    long (*ioctl)(struct socket *s, unsigned request, uint64_t argument); /* -ENOTTY: not one of its own */
    bool (*is_listening)(struct socket *s);
    void (*tell_space)(struct socket *s); /* the send buffer grew */
    int (*set_peek_offset)(struct socket *s, int offset);
    uint32_t (*charged)(struct socket *s); /* SO_MEMINFO: bytes of its send buffer in use */
    void (*release)(struct socket *s);
    void (*free)(struct socket *s);
};

/* socket.flags: options that are on or off. */
#define SOCKET_PASS_CRED     BIT(0)
#define SOCKET_PASS_SEC      BIT(1)
#define SOCKET_OOB_INLINE    BIT(2)
#define SOCKET_STAMP         BIT(3) /* SO_TIMESTAMP*; the next two say which */
#define SOCKET_STAMP_NS      BIT(4)
#define SOCKET_STAMP_NEW     BIT(5)
#define SOCKET_LINGER        BIT(6)
#define SOCKET_FILTER_LOCKED BIT(7)
#define SOCKET_FIRST_PLAIN   8 /* from this bit on: options that are only kept (options.c) */

struct socket {
    uint32_t refs; /* atomic */
    const struct socket_ops *ops;
    int32_t type, protocol;
    struct spinlock lock;       /* what the family says it guards, and the fields marked (lock) */
    struct file *file;          /* its open file, not counted; NULL: none yet, or gone (lock) */
    uint64_t inode_number;      /* of that file */
    uint32_t error;             /* atomic: an errno to report once */
    bool async;                 /* its file has FASYNC; atomic, relaxed */
    bool wants_room;            /* a sender found none since, while `async`; atomic */
    uint8_t shutdown;           /* BIT(SHUT_RD), BIT(SHUT_WR); written with (lock), read without */
    struct wait_queue readable; /* POLLIN and its kin; changes of state come to both queues */
    struct wait_queue writable; /* POLLOUT */

    /* Options: each one word, read without a lock. */
    uint32_t flags; /* atomic: SOCKET_* */
    uint32_t send_buffer, receive_buffer;
    int32_t buffer_locks; /* SO_BUF_LOCK */
    int32_t receive_low;
    int32_t peek_offset;                          /* -1: off */
    uint64_t receive_timeout_ns, send_timeout_ns; /* WAIT_FOREVER: none; 0: does not wait */
    int32_t linger_seconds;
    int32_t priority, mark, incoming_cpu;
    uint64_t cookie; /* SO_COOKIE, 0: not yet asked for; atomic */

    int32_t peer_pid; /* SO_PEERCRED, SO_PEERGROUPS (lock); peer_cred is valid if peer_pid */
    struct cred peer_cred;
};

struct net_hooks {
    struct file *(*file_of_fd)(int fd); /* counted, O_PATH ones too; NULL: EBADF */
    struct file *(*file_get)(struct file *f);
    void (*file_put)(struct file *f); /* may run a socket's release */
    uint32_t (*file_refs)(const struct file *f);
    struct socket *(*file_socket)(struct file *f); /* not counted; NULL: it is not an open socket */
    /* A new descriptor for it, the number stored at `where` (NULL: not); takes a reference of its own.  Or -errno. */
    int (*file_install)(struct file *f, bool close_on_exec, user_ptr where);
    void (*file_urgent)(struct file *f); /* SIGURG to its owner */
    void (*file_async)(struct file *f, int reason); /* SIGIO to its owner; POLL_* of <asm/siginfo.h> */
    /*
     * Names of sockets in the file system.  A node is an O_PATH file, counted; its key is the same for the same inode.
     * make: -EEXIST and whatever mknod(2) has against it; find: as connect(2) looks, -ECONNREFUSED: no socket.
     */
    int (*node_make)(struct file *of, const char *path, struct file **out);
    int (*node_find)(const char *path, struct file **out);
    void (*node_remove)(const char *path);
    uintptr_t (*node_key)(const struct file *node);
    void (*node_used)(struct file *node); /* its access time is now */
    bool (*capable)(int capability);      /* CAP_* */
    uint64_t (*limit)(int resource);
    void (*signal_self)(int signal);
    bool (*process_exists)(int32_t pid);
    uint32_t (*random)(void);
};
extern const struct net_hooks *net_hooks;
void net_start(const struct net_hooks *hooks); /* once, before the first socket */

/* socket(2): -EAFNOSUPPORT and what the family has against it.  One reference. */
int socket_create(int family, int type, int protocol, struct socket **out) must_check;
/* For families: sets what all share; refs = 1. */
void socket_init(struct socket *s, const struct socket_ops *ops, int type);
struct socket *socket_get(struct socket *s);
void socket_put(struct socket *s);
/* The open file takes over a reference; socket_release() when the file goes. */
void socket_attach(struct socket *s, struct file *f, uint64_t inode_number);
void socket_release(struct socket *s);

/* Out of line: one place, so that the lock checker takes all sockets' locks for one class. */
void socket_lock(struct socket *s);
void socket_unlock(struct socket *s);
int socket_take_error(struct socket *s);              /* -errno, once; 0: none */
void socket_set_async(struct socket *s, bool on); /* FASYNC of its file */
void socket_tell_readable(struct socket *s);      /* who waits, and who wants SIGIO; lock not held */
void socket_tell_all(struct socket *s);               /* its state changed: both queues */
void socket_tell_async(struct socket *s, int reason); /* SIGIO, if its file wants it; lock not held */
/*
 * Who finds no room to send says so before it looks once more; who makes room tells it, once, to who wants SIGIO.
 */
static inline void socket_want_room(struct socket *s)
{
    if (unlikely(__atomic_load_n(&s->async, __ATOMIC_RELAXED)))
        __atomic_store_n(&s->wants_room, true, __ATOMIC_SEQ_CST);
}
static inline bool socket_wants_room(const struct socket *s) /* after the room was made, sequentially consistent */
{
    return __atomic_load_n(&s->wants_room, __ATOMIC_RELAXED);
}
void socket_tell_room(struct socket *s); /* who waits, and who wants SIGIO; lock not held */
bool socket_is_shut(const struct socket *s, int how); /* SHUT_RD or SHUT_WR */
static inline bool socket_has(const struct socket *s, uint64_t flag)
{
    return __atomic_load_n(&s->flags, __ATOMIC_RELAXED) & flag;
}

/* The current task becomes what SO_PEERCRED tells of s's peer; or what it tells of `as` does.  s->lock held. */
void socket_set_peer_current(struct socket *s);
void socket_copy_peer(struct socket *s, struct socket *as);

/*
 * How long a call may still wait: by its MSG_DONTWAIT or O_NONBLOCK, and the socket's timeout.  The clock is read only
 * when there is something to wait for.
 */
struct patience {
    uint64_t timeout_ns;  /* 0: not at all */
    uint64_t deadline_ns; /* 0: not yet known */
};
static inline struct patience patience_of(uint64_t timeout_ns, bool may_wait)
{
    return (struct patience){.timeout_ns = may_wait ? timeout_ns : 0};
}
uint64_t patience_deadline(struct patience *p);
/* What wait_event_deadline() returned, as the call's result: 0 go on, -EAGAIN, -EINTR, -ERESTARTSYS. */
long patience_result(const struct patience *p, long waited);
#define patience_wait(p, queue, condition)                                                                             \
    patience_result(p, wait_event_deadline(queue, condition, true, patience_deadline(p)))

/* SOL_SOCKET (options.c).  User pointers; 0 or -errno. */
int socket_set_option(struct socket *s, int name, user_ptr value, uint32_t length) must_check;
int socket_get_option(struct socket *s, int name, user_ptr value, user_ptr length) must_check;

#define BUFFER_DEFAULT 212992u /* net.core.{r,w}mem_{default,max} of Linux */
#define BUFFER_LIMIT   212992u
#define BACKLOG_LIMIT  4096 /* net.core.somaxconn */

#endif
