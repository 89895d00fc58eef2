/*
 * See net/control.h.  All of the buffer comes from a program: every length is checked against what is left.
 */
#include "net/control.h"

#include <asm/errno.h>
#include <linux/capability.h>
#include <linux/time_types.h>

#include "guest_kernel/core/time.h"
#include "lib/string.h"
#include "net/rights.h"

static int parse_rights(const uint8_t *data, size_t count, size_t room, struct rights **rights)
{
    if (!count)
        return 0;
    if (!*rights)
        *rights = count <= SCM_MAX_FD ? rights_create(room) : NULL;
    if (!*rights)
        return count > SCM_MAX_FD ? -EINVAL : -ENOMEM;
    if ((*rights)->count + count > SCM_MAX_FD)
        return -EINVAL;
    for (size_t n = 0; n < count; n++) {
        int fd;
        memcpy(&fd, data + n * sizeof fd, sizeof fd);
        struct file *f = fd >= 0 ? net_hooks->file_of_fd(fd) : NULL;
        if (!f)
            return -EBADF;
        rights_add(*rights, f);
    }
    return 0;
}

static bool is_own(uint32_t id, uint32_t real, uint32_t effective, uint32_t saved)
{
    return id == real || id == effective || id == saved;
}

/* unix(7): one's own pid and any of one's own ids, or privileged. */
static int parse_credentials(const uint8_t *data, struct sender_id *sender)
{
    const struct task *t = task_current();
    const struct cred *c = &t->cred;
    struct ucred u;

    memcpy(&u, data, sizeof u);
    if (u.uid == UINT32_MAX || u.gid == UINT32_MAX)
        return -EINVAL;
    if (u.pid != t->pid && !net_hooks->capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (!is_own(u.uid, c->uid, c->euid, c->suid) && !net_hooks->capable(CAP_SETUID))
        return -EPERM;
    if (!is_own(u.gid, c->gid, c->egid, c->sgid) && !net_hooks->capable(CAP_SETGID))
        return -EPERM;
    if (u.pid != t->pid && !net_hooks->process_exists(u.pid))
        return -ESRCH;
    *sender = (struct sender_id){u.pid, u.uid, u.gid};
    return 0;
}

/* One message of `length` bytes, header included; `left` bytes of the buffer from it on. */
static int parse_message(const struct cmsghdr *h, const uint8_t *data, size_t left, struct socket *s,
                         struct rights **rights, struct sender_id *sender)
{
    size_t length = h->cmsg_len - sizeof *h;

    if (h->cmsg_level != SOL_SOCKET)
        return 0;
    if (h->cmsg_type == SCM_RIGHTS && s->ops->family == AF_UNIX)
        return parse_rights(data, length / sizeof(int), MIN(left / sizeof(int), SCM_MAX_FD), rights);
    if (h->cmsg_type == SCM_CREDENTIALS && length == sizeof(struct ucred))
        return parse_credentials(data, sender);
    return -EINVAL;
}

int control_parse(const void *data, size_t length, struct socket *s, struct socket_message *m)
{
    struct sender_id sender = m->sender;
    struct rights *rights = NULL;
    const uint8_t *at = data;
    size_t left = length;
    int error = 0;

    while (!error && left >= sizeof(struct cmsghdr)) {
        struct cmsghdr h;
        memcpy(&h, at, sizeof h);
        if (h.cmsg_len < sizeof h || h.cmsg_len > left) {
            error = -EINVAL;
            break;
        }
        error = parse_message(&h, at + sizeof h, left, s, &rights, &sender);
        size_t step = MIN(CMSG_ALIGN(h.cmsg_len), left);
        at += step;
        left -= step;
    }
    if (error) {
        rights_drop(rights);
        return error;
    }
    m->rights = rights;
    m->sender = sender;
    return 0;
}

/* --- to the receiver --- */

/* What is longer than the room is cut, as in Linux. */
static void put(struct socket_message *m, struct control_room *room, int type, const void *data, size_t size)
{
    struct {
        struct cmsghdr header;
        uint8_t data[sizeof(struct __kernel_timespec)];
    } out = {.header = {.cmsg_len = CMSG_LEN(size), .cmsg_level = SOL_SOCKET, .cmsg_type = type}};

    if (user_is_null(room->at) || room->left < sizeof out.header) {
        m->result_flags |= MSG_CTRUNC;
        return;
    }
    if (room->left < out.header.cmsg_len) {
        m->result_flags |= MSG_CTRUNC;
        out.header.cmsg_len = room->left;
    }
    memcpy(out.data, data, size);
    if (copy_to_user(room->at, &out, out.header.cmsg_len))
        return;
    uint64_t step = MIN(CMSG_SPACE(size), room->left);
    room->at = user_add(room->at, step);
    room->left -= step;
}

static void put_stamp(struct socket *s, struct socket_message *m, struct control_room *room)
{
    bool ns = socket_has(s, SOCKET_STAMP_NS), is_new = socket_has(s, SOCKET_STAMP_NEW);
    struct __kernel_timespec t = {(int64_t)(m->stamp_ns / NS_PER_S), (int64_t)(m->stamp_ns % NS_PER_S)};

    if (!ns)
        t.tv_nsec /= 1000; /* a timeval has the same layout */
    put(m, room,
        ns       ? (is_new ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMPNS_OLD)
        : is_new ? SO_TIMESTAMP_NEW
                 : SO_TIMESTAMP_OLD,
        &t, sizeof t);
}

static void put_credentials(struct socket_message *m, struct control_room *room)
{
    struct ucred u = {m->sender.pid, m->sender.uid, m->sender.gid};

    if (!u.pid)
        u.uid = u.gid = ID_OVERFLOW; /* the sender was not asked */
    put(m, room, SCM_CREDENTIALS, &u, sizeof u);
}

/* As many new descriptors as have room and numbers; the rest is closed. */
static void put_rights(struct socket_message *m, struct control_room *room)
{
    uint64_t size = room->left,
             fits = size > sizeof(struct cmsghdr) ? (size - sizeof(struct cmsghdr)) / sizeof(int) : 0;
    bool close_on_exec = m->flags & MSG_CMSG_CLOEXEC;
    unsigned done = 0, count = m->rights->count;

    while (done < MIN(fits, count) &&
           net_hooks->file_install(m->rights->files[done], close_on_exec,
                                   user_add(room->at, sizeof(struct cmsghdr) + done * sizeof(int))) >= 0)
        done++;
    if (done < count)
        m->result_flags |= MSG_CTRUNC;
    if (!done)
        return;
    struct cmsghdr h = {.cmsg_len = CMSG_LEN(done * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    if (put_user(room->at, h))
        return;
    uint64_t step = MIN(CMSG_SPACE(done * sizeof(int)), size);
    room->at = user_add(room->at, step);
    room->left -= step;
}

void control_write(struct socket *s, struct socket_message *m, struct control_room *room)
{
    if (user_is_null(room->at) && (m->rights || socket_has(s, SOCKET_PASS_CRED)))
        m->result_flags |= MSG_CTRUNC;
    if (m->stamp_ns)
        put_stamp(s, m, room);
    if (!user_is_null(room->at) && socket_has(s, SOCKET_PASS_CRED))
        put_credentials(m, room);
    if (m->rights && !user_is_null(room->at))
        put_rights(m, room);
    rights_drop(m->rights);
    m->rights = NULL;
}
