/*
 * Options of SOL_SOCKET (socket(7)), with the checks, limits and results of Linux's sock.c.  Those of hardware and
 * routing are kept and told, and change nothing.  Not there, as in a Linux without the feature: filters, busy polling,
 * SO_TIMESTAMPING, SO_TXTIME.
 */
#include <asm/errno.h>
#include <linux/capability.h>
#include <linux/time_types.h>

#include "guest_kernel/core/time.h"
#include "lib/string.h"
#include "net/socket.h"

#define SEND_BUFFER_MIN    4608
#define RECEIVE_BUFFER_MIN 2304
#define TICK_US            4000u /* timeouts are kept in ticks of 250 Hz */
#define PRIORITY_FREE      6     /* up to here without a privilege */

/* Options that are a bit of socket.flags; 0 ends. */
static const struct flag_option {
    uint8_t name, bit;
} flag_options[] = {
    {SO_PASSCRED, 0},  {SO_PASSSEC, 1},      {SO_OOBINLINE, 2},  {SO_LOCK_FILTER, 7},       {SO_DEBUG, 8},
    {SO_REUSEADDR, 9}, {SO_DONTROUTE, 10},   {SO_BROADCAST, 11}, {SO_KEEPALIVE, 12},        {SO_NO_CHECK, 13},
    {SO_RXQ_OVFL, 14}, {SO_WIFI_STATUS, 15}, {SO_NOFCS, 16},     {SO_SELECT_ERR_QUEUE, 17}, {SO_RCVMARK, 18},
};

static uint32_t flag_of(int name)
{
    for (size_t n = 0; n < ARRAY_SIZE(flag_options); n++)
        if (flag_options[n].name == name)
            return (uint32_t)BIT(flag_options[n].bit);
    return 0;
}

static void set_flags(struct socket *s, uint32_t flags, bool on)
{
    if (on)
        __atomic_fetch_or(&s->flags, flags, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&s->flags, ~flags, __ATOMIC_RELAXED);
}

static bool may(int capability)
{
    return net_hooks->capable(capability);
}

static int set_flag_option(struct socket *s, int name, bool on)
{
    uint32_t flag = flag_of(name);

    if (name == SO_DEBUG && on && !may(CAP_NET_ADMIN))
        return -EACCES;
    if (name == SO_LOCK_FILTER && !on && socket_has(s, flag))
        return -EPERM;
    set_flags(s, flag, on);
    return 0;
}

/* socket(7): doubled, for what Linux adds to each message.  FORCE ones (which need a privilege) have no upper limit. */
static int set_buffer(struct socket *s, int name, int value)
{
    bool force = name == SO_SNDBUFFORCE || name == SO_RCVBUFFORCE, send = name == SO_SNDBUF || name == SO_SNDBUFFORCE;

    if (force && !may(CAP_NET_ADMIN))
        return -EPERM;
    if (force)
        value = MAX(value, 0);
    else
        value = (int)MIN((uint32_t)value, BUFFER_LIMIT);
    value = MIN(value, INT32_MAX / 2) * 2;
    s->buffer_locks |= send ? SOCK_SNDBUF_LOCK : SOCK_RCVBUF_LOCK;
    if (send) {
        __atomic_store_n(&s->send_buffer, (uint32_t)MAX(value, SEND_BUFFER_MIN), __ATOMIC_RELAXED);
        s->ops->tell_space(s);
    } else {
        s->receive_buffer = (uint32_t)MAX(value, RECEIVE_BUFFER_MIN);
    }
    return 0;
}

/* SO_TIMESTAMP and SO_TIMESTAMPNS, each in two layouts that are the same on x86-64. */
static void set_stamp(struct socket *s, int name, bool on)
{
    bool is_new = name == SO_TIMESTAMP_NEW || name == SO_TIMESTAMPNS_NEW;
    bool is_ns = name == SO_TIMESTAMPNS_OLD || name == SO_TIMESTAMPNS_NEW;

    set_flags(s, SOCKET_STAMP_NS, on && is_ns);
    if (on)
        set_flags(s, SOCKET_STAMP_NEW, is_new);
    set_flags(s, SOCKET_STAMP, on);
}

static bool stamp_is(const struct socket *s, int name)
{
    bool is_new = name == SO_TIMESTAMP_NEW || name == SO_TIMESTAMPNS_NEW;
    bool has_ns = socket_has(s, SOCKET_STAMP_NS);

    if (!socket_has(s, SOCKET_STAMP) || socket_has(s, SOCKET_STAMP_NEW) != is_new)
        return false;
    /* SO_TIMESTAMP_NEW does not look at the unit; so it is on Linux. */
    return name == SO_TIMESTAMP_NEW || has_ns == (name != SO_TIMESTAMP_OLD);
}

static int set_linger(struct socket *s, user_ptr value, uint32_t length)
{
    struct linger l;

    if (length < sizeof l)
        return -EINVAL;
    if (get_user(l, value))
        return -EFAULT;
    if (l.l_onoff)
        s->linger_seconds = l.l_linger;
    set_flags(s, SOCKET_LINGER, l.l_onoff);
    return 0;
}

static int set_timeout(uint64_t *timeout_ns, user_ptr value, uint32_t length)
{
    struct __kernel_old_timeval t;
    uint64_t ns = WAIT_FOREVER;

    if (length < sizeof t)
        return -EINVAL;
    if (get_user(t, value))
        return -EFAULT;
    if (t.tv_usec < 0 || t.tv_usec >= 1000000)
        return -EDOM;
    if (t.tv_sec < 0)
        ns = 0; /* never waits */
    else if ((t.tv_sec || t.tv_usec) && (uint64_t)t.tv_sec < UINT64_MAX / NS_PER_S - 1)
        ns = (uint64_t)t.tv_sec * NS_PER_S + ((uint64_t)t.tv_usec + TICK_US - 1) / TICK_US * TICK_US * 1000;
    __atomic_store_n(timeout_ns, ns, __ATOMIC_RELAXED);
    return 0;
}

/* There are no interfaces: none to be bound to is all that can be asked for. */
static int set_device(user_ptr value, uint32_t length)
{
    char first = 0;

    if ((int32_t)length < 0)
        return -EINVAL;
    if (length && get_user(first, value))
        return -EFAULT;
    return first ? -ENODEV : 0;
}

static int set_priority(struct socket *s, int value)
{
    if ((unsigned)value > PRIORITY_FREE && !may(CAP_NET_RAW) && !may(CAP_NET_ADMIN))
        return -EPERM;
    s->priority = value;
    return 0;
}

static int set_mark(struct socket *s, int value)
{
    if (!may(CAP_NET_RAW) && !may(CAP_NET_ADMIN))
        return -EPERM;
    s->mark = value;
    return 0;
}

static int set_number(struct socket *s, int name, int value)
{
    switch (name) {
    case SO_SNDBUF:
    case SO_SNDBUFFORCE:
    case SO_RCVBUF:
    case SO_RCVBUFFORCE:
        return set_buffer(s, name, value);
    case SO_PRIORITY:
        return set_priority(s, value);
    case SO_MARK:
        return set_mark(s, value);
    case SO_RCVLOWAT:
        s->receive_low = value < 0 ? INT32_MAX : value ? value : 1;
        return 0;
    case SO_PEEK_OFF:
        return s->ops->set_peek_offset ? s->ops->set_peek_offset(s, value) : -EOPNOTSUPP;
    case SO_REUSEPORT:
    case SO_ZEROCOPY:
        return value || name == SO_ZEROCOPY ? -EOPNOTSUPP : 0; /* of IP sockets only */
    case SO_INCOMING_CPU:
        s->incoming_cpu = value;
        return 0;
    case SO_BUF_LOCK:
        if (value & ~SOCK_BUF_LOCK_MASK)
            return -EINVAL;
        s->buffer_locks = value;
        return 0;
    case SO_BINDTOIFINDEX:
        return value < 0 ? -EINVAL : value ? -ENODEV : 0;
    case SO_BSDCOMPAT:
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

int socket_set_option(struct socket *s, int name, user_ptr value, uint32_t length)
{
    int number;

    if (name == SO_BINDTODEVICE)
        return set_device(value, length);
    if (length < sizeof number)
        return -EINVAL;
    if (get_user(number, value))
        return -EFAULT;
    switch (name) {
    case SO_LINGER:
        return set_linger(s, value, length);
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        return set_timeout(&s->receive_timeout_ns, value, length);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        return set_timeout(&s->send_timeout_ns, value, length);
    case SO_TIMESTAMP_OLD:
    case SO_TIMESTAMP_NEW:
    case SO_TIMESTAMPNS_OLD:
    case SO_TIMESTAMPNS_NEW:
        set_stamp(s, name, number);
        return 0;
    default:
        return flag_of(name) ? set_flag_option(s, name, number) : set_number(s, name, number);
    }
}

/* --- getsockopt --- */

/* What is told: the first `size` bytes of it, cut to what the caller has room for. */
struct answer {
    uint32_t size;
    union {
        int32_t number;
        uint64_t wide;
        struct linger linger;
        struct __kernel_old_timeval time;
        struct ucred peer;
        uint32_t meminfo[9];
        uint8_t bytes[1];
    };
};

static void tell_timeout(struct answer *a, uint64_t ns)
{
    a->size = sizeof a->time;
    if (ns != WAIT_FOREVER)
        a->time = (struct __kernel_old_timeval){(int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S / 1000)};
}

static void tell_peer(struct socket *s, struct answer *a)
{
    a->size = sizeof a->peer;
    socket_lock(s);
    a->peer = (struct ucred){s->peer_pid, UINT32_MAX, UINT32_MAX};
    if (s->peer_pid) {
        a->peer.uid = s->peer_cred.euid;
        a->peer.gid = s->peer_cred.egid;
    }
    socket_unlock(s);
}

/* <linux/sock_diag.h> SK_MEMINFO_*: received, its limit, sent, its limit, ..., drops. */
static void tell_meminfo(struct socket *s, struct answer *a)
{
    a->size = sizeof a->meminfo;
    a->meminfo[1] = s->receive_buffer;
    a->meminfo[2] = s->ops->charged(s);
    a->meminfo[3] = s->send_buffer;
}

static void tell_cookie(struct socket *s, struct answer *a)
{
    static uint64_t last; /* atomic */
    uint64_t none = 0;

    a->size = sizeof a->wide;
    if (!__atomic_load_n(&s->cookie, __ATOMIC_RELAXED))
        (void)__atomic_compare_exchange_n(&s->cookie, &none, __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED), false,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    a->wide = __atomic_load_n(&s->cookie, __ATOMIC_RELAXED);
}

/* Those that are a word of the socket. */
static const struct word_option {
    uint8_t name, offset;
} word_options[] = {
    {SO_TYPE, offsetof(struct socket, type)},
    {SO_PROTOCOL, offsetof(struct socket, protocol)},
    {SO_SNDBUF, offsetof(struct socket, send_buffer)},
    {SO_RCVBUF, offsetof(struct socket, receive_buffer)},
    {SO_RCVLOWAT, offsetof(struct socket, receive_low)},
    {SO_PRIORITY, offsetof(struct socket, priority)},
    {SO_MARK, offsetof(struct socket, mark)},
    {SO_PEEK_OFF, offsetof(struct socket, peek_offset)},
    {SO_INCOMING_CPU, offsetof(struct socket, incoming_cpu)},
    {SO_BUF_LOCK, offsetof(struct socket, buffer_locks)},
};
_Static_assert(offsetof(struct socket, cookie) < 256, "offsets fit into a byte");

static int tell_number(struct socket *s, int name, struct answer *a)
{
    for (size_t n = 0; n < ARRAY_SIZE(word_options); n++) {
        if (word_options[n].name == name) {
            a->number = __atomic_load_n((int32_t *)(void *)((char *)s + word_options[n].offset), __ATOMIC_RELAXED);
            return 0;
        }
    }
    switch (name) {
    case SO_DOMAIN:
        a->number = s->ops->family;
        return 0;
    case SO_ERROR:
        a->number = -socket_take_error(s);
        return 0;
    case SO_ACCEPTCONN:
        a->number = s->ops->is_listening(s);
        return 0;
    case SO_SNDLOWAT:
        a->number = 1;
        return 0;
    case SO_REUSEPORT:
    case SO_ZEROCOPY:
    case SO_BINDTOIFINDEX:
    case SO_BSDCOMPAT:
    case SO_RESERVE_MEM:
        return 0; /* always 0 */
    default:
        return -ENOPROTOOPT;
    }
}

static int tell_option(struct socket *s, int name, struct answer *a)
{
    switch (name) {
    case SO_LINGER:
        a->size = sizeof a->linger;
        a->linger = (struct linger){socket_has(s, SOCKET_LINGER), s->linger_seconds};
        break;
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        tell_timeout(a, s->receive_timeout_ns);
        break;
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        tell_timeout(a, s->send_timeout_ns);
        break;
    case SO_TIMESTAMP_OLD:
    case SO_TIMESTAMP_NEW:
    case SO_TIMESTAMPNS_OLD:
    case SO_TIMESTAMPNS_NEW:
        a->number = stamp_is(s, name);
        break;
    case SO_PEERCRED:
        tell_peer(s, a);
        break;
    case SO_MEMINFO:
        tell_meminfo(s, a);
        break;
    case SO_COOKIE:
        tell_cookie(s, a);
        break;
    case SO_BINDTODEVICE:
        a->size = 0;
        break;
    default:
        if (!flag_of(name))
            return tell_number(s, name, a);
        a->number = socket_has(s, flag_of(name));
    }
    return 0;
}

/* SO_PEERGROUPS: all of them, or -ERANGE and how much room they take. */
static int get_peer_groups(struct socket *s, user_ptr value, uint32_t room, user_ptr length)
{
    socket_lock(s);
    bool known = s->peer_pid;
    struct group_list *groups = groups_get(s->peer_cred.groups);
    socket_unlock(s);
    uint32_t size = groups ? groups->count * (uint32_t)sizeof groups->ids[0] : 0;
    int error = known ? put_user(length, size) : -ENODATA;
    if (!error && room < size)
        error = -ERANGE;
    if (!error && size)
        error = copy_to_user(value, groups->ids, size);
    groups_put(groups);
    return error;
}

/* SO_PEERNAME: as getpeername(2), but what does not fit is an error. */
static int get_peer_name(struct socket *s, user_ptr value, uint32_t room, user_ptr length)
{
    struct socket_address a;

    if (s->ops->name(s, true, &a))
        return -ENOTCONN;
    if (a.length < room)
        return -EINVAL;
    return copy_to_user(value, a.bytes, room) || put_user(length, room) ? -EFAULT : 0;
}

int socket_get_option(struct socket *s, int name, user_ptr value, user_ptr length)
{
    struct answer a = {.size = sizeof(int32_t)};
    uint32_t room;

    if (get_user(room, length))
        return -EFAULT;
    if ((int32_t)room < 0)
        return -EINVAL;
    if (name == SO_PEERGROUPS)
        return get_peer_groups(s, value, room, length);
    if (name == SO_PEERNAME)
        return get_peer_name(s, value, room, length);
    int error = tell_option(s, name, &a);
    if (error)
        return error;
    if (name == SO_COOKIE && room < a.size)
        return -EINVAL;
    a.size = MIN(a.size, room);
    return copy_to_user(value, a.bytes, a.size) || put_user(length, a.size) ? -EFAULT : 0;
}
