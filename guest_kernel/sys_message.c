/*
 * Sending and receiving on sockets: sendto(2), sendmsg(2), sendmmsg(2) and their counterparts.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/time_types.h>
#include <linux/uio.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/time.h"
#include "guest_kernel/socket_file.h"
#include "guest_kernel/sys_file.h"
#include "guest_kernel/sys_poll.h"
#include "guest_kernel/sys_socket.h"
#include "net/control.h"
#include "net/rights.h"

#define CONTROL_MAX    20480u /* net.core.optmem_max of Linux */
#define CONTROL_INLINE 64u

static unsigned flags_of(const struct file *f, uint64_t flags)
{
    return (unsigned)flags | (f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
}

long sys_sendto(const struct syscall_args *args)
{
    struct socket_address to;
    struct io_iter it;
    struct socket *s;
    struct file *f;

    uint64_t size = MIN(args->a[2], RW_COUNT_MAX);

    if (!user_range_ok(args->a[1], size))
        return -EFAULT;
    iter_init_user(&it, user(args->a[1]), size);
    long n = socket_from_fd((int)args->a[0], &f, &s);
    if (n)
        return n;
    struct socket_message m = {.data = &it, .flags = flags_of(f, args->a[3])};
    if (args->a[4]) {
        n = address_from_user(&to, user(args->a[4]), (int)args->a[5]);
        m.address = args->a[5] ? &to : NULL;
    }
    if (!n)
        n = s->ops->send(s, &m);
    file_put(f);
    return n;
}

long sys_recvfrom(const struct syscall_args *args)
{
    struct socket_address from = {.length = 0};
    struct io_iter it;
    struct socket *s;
    struct file *f;

    uint64_t size = MIN(args->a[2], RW_COUNT_MAX);

    if (!user_range_ok(args->a[1], size))
        return -EFAULT;
    iter_init_user(&it, user(args->a[1]), size);
    long n = socket_from_fd((int)args->a[0], &f, &s);
    if (n)
        return n;
    struct socket_message m = {.data = &it, .flags = flags_of(f, args->a[3]), .address = args->a[4] ? &from : NULL};
    n = s->ops->receive(s, &m);
    if (unlikely(m.rights != NULL))
        rights_drop(m.rights); /* there is no room to tell of them */
    if (n >= 0 && m.address) {
        int error = address_to_user(&from, user(args->a[4]), user(args->a[5]));
        n = error ? error : n;
    }
    file_put(f);
    return n;
}

/* --- struct msghdr --- */

/* A header and its vector; the name only where it is to be read.  -EFAULT, -EINVAL, -EMSGSIZE, -ENOMEM. */
static int header_from_user(struct user_msghdr *h, user_ptr from, struct vector *v, struct socket_address *name)
{
    if (get_user(*h, from))
        return -EFAULT;
    if (!h->msg_name)
        h->msg_namelen = 0;
    if (h->msg_namelen < 0)
        return -EINVAL;
    h->msg_namelen = MIN(h->msg_namelen, (int)sizeof name->storage);
    if (name) {
        int error = address_from_user(name, user(h->msg_name), h->msg_namelen);
        if (error)
            return error;
    }
    if (h->msg_iovlen > UIO_MAXIOV)
        return -EMSGSIZE;
    return vector_from_user(v, user(h->msg_iov), h->msg_iovlen);
}

static int control_from_user(const struct user_msghdr *h, struct socket *s, struct socket_message *m)
{
    uint64_t few[CONTROL_INLINE / sizeof(uint64_t)];
    void *data = few;

    if (h->msg_controllen >= CONTROL_MAX)
        return -ENOBUFS;
    if (h->msg_controllen > sizeof few)
        data = mem_alloc(h->msg_controllen);
    if (!data)
        return -ENOBUFS;
    int error = copy_from_user(data, user(h->msg_control), h->msg_controllen);
    if (!error)
        error = control_parse(data, h->msg_controllen, s, m);
    if (data != few)
        mem_free(data);
    return error;
}

/* *left: bytes of the message that were not taken. */
static long send_header(struct file *f, struct socket *s, user_ptr header, uint64_t flags, size_t *left)
{
    struct socket_address to;
    struct user_msghdr h;
    struct vector v;
    long n = header_from_user(&h, header, &v, &to);

    if (n)
        return n;
    struct socket_message m = {.data = &v.it, .flags = flags_of(f, flags), .address = h.msg_namelen ? &to : NULL};
    n = h.msg_controllen ? control_from_user(&h, s, &m) : 0;
    if (!n)
        n = s->ops->send(s, &m);
    *left = v.it.remaining;
    vector_free(&v);
    return n;
}

/* What is stored back besides the bytes: name, flags, and how much control data there is. */
static int header_to_user(user_ptr header, const struct user_msghdr *h, const struct socket_address *from,
                          uint32_t flags, uint64_t controllen)
{
    int error = 0;

    if (h->msg_name)
        error = address_to_user(from, user(h->msg_name), user_add(header, offsetof(struct user_msghdr, msg_namelen)));
    if (!error)
        error = put_user(user_add(header, offsetof(struct user_msghdr, msg_flags)), flags);
    if (!error)
        error = put_user(user_add(header, offsetof(struct user_msghdr, msg_controllen)), controllen);
    return error;
}

static long receive_header(struct file *f, struct socket *s, user_ptr header, uint64_t flags, uint32_t *result_flags)
{
    struct socket_address from = {.length = 0};
    struct user_msghdr h;
    struct vector v;
    long n = header_from_user(&h, header, &v, NULL);

    if (n)
        return n;
    struct socket_message m = {.data = &v.it,
                               .flags = flags_of(f, flags),
                               .result_flags = flags & MSG_CMSG_CLOEXEC,
                               .address = h.msg_name ? &from : NULL};
    struct control_room room = {.at = user(h.msg_control), .left = h.msg_controllen};
    n = s->ops->receive(s, &m);
    if (n >= 0)
        control_write(s, &m, &room);
    else
        rights_drop(m.rights);
    if (n >= 0) {
        int error = header_to_user(header, &h, &from, m.result_flags, room.at.address - h.msg_control);
        n = error ? error : n;
    }
    *result_flags = m.result_flags;
    vector_free(&v);
    return n;
}

long sys_sendmsg(const struct syscall_args *args)
{
    struct socket *s;
    struct file *f;
    size_t left;

    if (args->a[2] & MSG_CMSG_COMPAT)
        return -EINVAL;
    long n = socket_from_fd((int)args->a[0], &f, &s);
    if (n)
        return n;
    n = send_header(f, s, user(args->a[1]), args->a[2], &left);
    file_put(f);
    return n;
}

long sys_recvmsg(const struct syscall_args *args)
{
    uint32_t result_flags;
    struct socket *s;
    struct file *f;

    if (args->a[2] & MSG_CMSG_COMPAT)
        return -EINVAL;
    long n = socket_from_fd((int)args->a[0], &f, &s);
    if (n)
        return n;
    n = receive_header(f, s, user(args->a[1]), args->a[2], &result_flags);
    file_put(f);
    return n;
}

static long put_length(user_ptr entry, long n)
{
    uint32_t length = (uint32_t)n;

    return put_user(user_add(entry, offsetof(struct mmsghdr, msg_len)), length);
}

long sys_sendmmsg(const struct syscall_args *args)
{
    unsigned count = MIN((unsigned)args->a[2], UIO_MAXIOV), done = 0;
    user_ptr entry = user(args->a[1]);
    size_t left = 0;
    struct socket *s;
    struct file *f;

    if (args->a[3] & MSG_CMSG_COMPAT)
        return -EINVAL;
    long error = socket_from_fd((int)args->a[0], &f, &s);
    if (error)
        return error;
    for (; done < count && !left; entry = user_add(entry, sizeof(struct mmsghdr))) {
        long n = send_header(f, s, entry, args->a[3], &left);
        error = n < 0 ? n : put_length(entry, n);
        if (error)
            break;
        done++;
        task_relax();
    }
    file_put(f);
    return done ? (long)done : error;
}

/* Until all are filled, the time is over (looked at after each message: recvmmsg(2)), or the next one is an error. */
static long receive_many(struct file *f, struct socket *s, const struct syscall_args *args, uint64_t deadline)
{
    unsigned count = (unsigned)args->a[2], done = 0;
    uint64_t flags = args->a[3] & ~(uint64_t)MSG_WAITFORONE;
    user_ptr entry = user(args->a[1]);
    uint32_t result_flags = 0;
    long error = flags & MSG_ERRQUEUE ? 0 : socket_take_error(s);

    if (error)
        return error;
    while (done < count) {
        long n = receive_header(f, s, entry, flags, &result_flags);
        error = n < 0 ? n : put_length(entry, n);
        if (error)
            break;
        done++;
        entry = user_add(entry, sizeof(struct mmsghdr));
        if (args->a[3] & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
        if ((result_flags & MSG_OOB) || (deadline != WAIT_FOREVER && !poll_rest(deadline)))
            break;
        task_relax();
    }
    if (error && !done)
        return error;
    if (error && error != -EAGAIN) /* the next call is told of it */
        __atomic_store_n(&s->error, (uint32_t)-error, __ATOMIC_RELEASE);
    return done;
}

long sys_recvmmsg(const struct syscall_args *args)
{
    user_ptr timeout = user(args->a[4]);
    struct socket *s;
    struct file *f;
    uint64_t deadline;

    if (args->a[3] & MSG_CMSG_COMPAT)
        return -EINVAL;
    long n = poll_deadline_timespec(timeout, &deadline);
    if (!n)
        n = socket_from_fd((int)args->a[0], &f, &s);
    if (n)
        return n;
    n = receive_many(f, s, args, deadline);
    file_put(f);
    if (n > 0 && !user_is_null(timeout)) {
        uint64_t rest = poll_rest(deadline);
        struct __kernel_timespec t = {(int64_t)(rest / NS_PER_S), (int64_t)(rest % NS_PER_S)};
        if (put_user(timeout, t))
            return -EFAULT;
    }
    return n;
}
