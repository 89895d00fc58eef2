/*
 * Making, naming, connecting and describing sockets: socket(2), socketpair(2), bind(2), listen(2), accept(2),
 * connect(2), shutdown(2), getsockname(2), getsockopt(2) and their kin.
 */
#include "guest_kernel/sys_socket.h"

#include <asm/errno.h>
#include <linux/fcntl.h>

#include "abi/syscalls.h"
#include "fs/file.h"
#include "guest_kernel/socket_file.h"

int address_from_user(struct socket_address *a, user_ptr from, int length)
{
    if (length < 0 || (size_t)length > sizeof a->storage)
        return -EINVAL;
    a->length = (uint32_t)length;
    a->family = AF_UNSPEC;
    return copy_address_from_user(a->bytes, from, (size_t)length);
}

int address_to_user(const struct socket_address *a, user_ptr to, user_ptr length)
{
    int room;

    if (get_user(room, length))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if (copy_to_user(to, a->bytes, MIN((uint32_t)room, a->length)))
        return -EFAULT;
    return put_user(length, a->length);
}

/* A socket as an open file: the reference is the file's, or gone. */
static struct file *file_for(struct socket *s, unsigned flags)
{
    struct file *f = socket_file_create(flags);

    if (f)
        socket_file_attach(f, s);
    else
        socket_release(s);
    return f;
}

long sys_socket(const struct syscall_args *args)
{
    unsigned type = (unsigned)args->a[1], flags = type & ~(unsigned)SOCK_TYPE_MASK;
    struct socket *s;

    if (flags & ~(unsigned)(SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    int error = socket_create((int)args->a[0], (int)(type & SOCK_TYPE_MASK), (int)args->a[2], &s);
    if (error)
        return error;
    struct file *f = file_for(s, flags);
    if (!f)
        return -ENOMEM;
    int fd = fd_install(f, 0, flags & SOCK_CLOEXEC);
    if (fd < 0)
        file_put(f);
    return fd;
}

/* Two connected sockets as files. */
static int make_pair(int family, int type, int protocol, unsigned flags, struct file *out[2])
{
    struct socket *a, *b;
    int error = socket_create(family, type, protocol, &a);

    if (error)
        return error;
    error = socket_create(family, type, protocol, &b);
    if (error)
        goto release_a;
    error = a->ops->pair(a, b);
    if (error)
        goto release_b;
    out[0] = file_for(a, flags);
    if (!out[0]) {
        socket_release(b);
        return -ENOMEM;
    }
    out[1] = file_for(b, flags);
    if (out[1])
        return 0;
    file_put(out[0]);
    return -ENOMEM;
release_b:
    socket_release(b);
release_a:
    socket_release(a);
    return error;
}

/* Both numbers come first, and are told even if there will be no sockets: as on Linux. */
long sys_socketpair(const struct syscall_args *args)
{
    unsigned type = (unsigned)args->a[1], flags = type & ~(unsigned)SOCK_TYPE_MASK;
    bool close_on_exec = flags & SOCK_CLOEXEC;
    struct file *files[2];
    int fds[2];

    if (flags & ~(unsigned)(SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    fds[0] = fd_reserve(0, close_on_exec);
    if (fds[0] < 0)
        return fds[0];
    fds[1] = fd_reserve(0, close_on_exec);
    int error = fds[1] < 0 ? fds[1] : copy_to_user(user(args->a[3]), fds, sizeof fds);
    if (!error)
        error = make_pair((int)args->a[0], (int)(type & SOCK_TYPE_MASK), (int)args->a[2], flags, files);
    if (!error) {
        fd_publish(fds[0], files[0]);
        fd_publish(fds[1], files[1]);
        return 0;
    }
    if (fds[1] >= 0)
        fd_unreserve(fds[1]);
    fd_unreserve(fds[0]);
    return error;
}

long sys_bind(const struct syscall_args *args)
{
    struct socket_address a;
    struct socket *s;
    struct file *f;
    int error = socket_from_fd((int)args->a[0], &f, &s);

    if (error)
        return error;
    error = address_from_user(&a, user(args->a[1]), (int)args->a[2]);
    if (!error)
        error = s->ops->bind(s, &a);
    file_put(f);
    return error;
}

long sys_connect(const struct syscall_args *args)
{
    struct file *f = fd_get((int)args->a[0]);
    struct socket_address a;

    if (!f)
        return -EBADF;
    int error = address_from_user(&a, user(args->a[1]), (int)args->a[2]);
    struct socket *s = socket_of_file(f);
    if (!error)
        error = s ? s->ops->connect(s, &a, !(f->flags & O_NONBLOCK)) : -ENOTSOCK;
    file_put(f);
    return error;
}

long sys_listen(const struct syscall_args *args)
{
    struct socket *s;
    struct file *f;
    int error = socket_from_fd((int)args->a[0], &f, &s);

    if (error)
        return error;
    error = s->ops->listen(s, (int)MIN((uint32_t)args->a[1], (uint32_t)BACKLOG_LIMIT));
    file_put(f);
    return error;
}

static int tell_name(struct socket *s, bool of_peer, user_ptr to, user_ptr length)
{
    struct socket_address a;
    int error = s->ops->name(s, of_peer, &a);

    return error ? error : address_to_user(&a, to, length);
}

/* The new connection's file, already numbered: it is there when the connection is taken. */
static int accept_into(struct file *new_file, struct file *f, user_ptr to, user_ptr length)
{
    struct socket *s = socket_of_file(f), *accepted;
    int error = s ? s->ops->accept(s, !(f->flags & O_NONBLOCK), &accepted) : -ENOTSOCK;

    if (error)
        return error;
    socket_file_attach(new_file, accepted);
    if (user_is_null(to))
        return 0;
    error = tell_name(accepted, true, to, length);
    return error == -ENOTCONN ? -ECONNABORTED : error;
}

static long accept_flagged(const struct syscall_args *args, unsigned flags)
{
    struct file *f = fd_get((int)args->a[0]), *new_file = NULL;

    if (!f)
        return -EBADF;
    int fd = flags & ~(unsigned)(SOCK_CLOEXEC | SOCK_NONBLOCK) ? -EINVAL : fd_reserve(0, flags & SOCK_CLOEXEC);
    int error = fd < 0 ? fd : 0;
    if (!error) {
        new_file = socket_file_create(flags);
        error = new_file ? accept_into(new_file, f, user(args->a[1]), user(args->a[2])) : -ENOMEM;
    }
    if (!error)
        fd_publish(fd, new_file);
    else if (new_file)
        file_put(new_file);
    if (error && fd >= 0)
        fd_unreserve(fd);
    file_put(f);
    return error ? error : fd;
}

long sys_accept(const struct syscall_args *args)
{
    return accept_flagged(args, 0);
}

long sys_accept4(const struct syscall_args *args)
{
    return accept_flagged(args, (unsigned)args->a[3]);
}

long sys_shutdown(const struct syscall_args *args)
{
    struct socket *s;
    struct file *f;
    int error = socket_from_fd((int)args->a[0], &f, &s);

    if (error)
        return error;
    error = s->ops->shutdown(s, (int)args->a[1]);
    file_put(f);
    return error;
}

static long tell_name_of(const struct syscall_args *args, bool of_peer)
{
    struct socket *s;
    struct file *f;
    int error = socket_from_fd((int)args->a[0], &f, &s);

    if (error)
        return error;
    error = tell_name(s, of_peer, user(args->a[1]), user(args->a[2]));
    file_put(f);
    return error;
}

long sys_getsockname(const struct syscall_args *args)
{
    return tell_name_of(args, false);
}

long sys_getpeername(const struct syscall_args *args)
{
    return tell_name_of(args, true);
}

/* AF_UNIX has no level of its own. */
long sys_setsockopt(const struct syscall_args *args)
{
    struct socket *s;
    struct file *f;

    if ((int)args->a[4] < 0)
        return -EINVAL;
    int error = socket_from_fd((int)args->a[0], &f, &s);
    if (error)
        return error;
    error = (int)args->a[1] != SOL_SOCKET
                ? -EOPNOTSUPP
                : socket_set_option(s, (int)args->a[2], user(args->a[3]), (uint32_t)args->a[4]);
    file_put(f);
    return error;
}

long sys_getsockopt(const struct syscall_args *args)
{
    struct socket *s;
    struct file *f;
    int error = socket_from_fd((int)args->a[0], &f, &s);

    if (error)
        return error;
    error = (int)args->a[1] != SOL_SOCKET ? -EOPNOTSUPP
                                          : socket_get_option(s, (int)args->a[2], user(args->a[3]), user(args->a[4]));
    file_put(f);
    return error;
}
