/*
 * Descriptors: dup(2), fcntl(2), ioctl(2), pipe(2).
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/resource.h>

#include "fs/lease.h"
#include "fs/pipe.h"
#include "guest_kernel/file_owner.h"
#include "fs/shmem.h"
#include "guest_kernel/sys_file.h"
#include "guest_kernel/sys_lock.h"

/* O_ flags that fcntl(F_SETFL) may change. */
#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT | FASYNC)

static long duplicate(int fd, int lowest, bool close_on_exec)
{
    struct file *f = fd_get_any(fd);

    if (!f)
        return -EBADF;
    int result = fd_install(f, lowest, close_on_exec);
    if (result < 0)
        file_put(f);
    return result;
}

long sys_dup(const struct syscall_args *args)
{
    return duplicate((int)args->a[0], 0, false);
}

static long duplicate_to(int fd, int to, bool close_on_exec)
{
    struct file *f = fd_get_any(fd);

    if (!f)
        return -EBADF;
    int result = fd_install_at(f, to, close_on_exec);
    if (result < 0)
        file_put(f);
    return result;
}

long sys_dup2(const struct syscall_args *args)
{
    int fd = (int)args->a[0], to = (int)args->a[1];

    if (fd != to)
        return duplicate_to(fd, to, false);
    return fd_flags(fd, -1) < 0 ? -EBADF : to;
}

long sys_dup3(const struct syscall_args *args)
{
    int fd = (int)args->a[0], to = (int)args->a[1], flags = (int)args->a[2];

    if ((flags & ~O_CLOEXEC) || fd == to)
        return -EINVAL;
    return duplicate_to(fd, to, flags & O_CLOEXEC);
}

/* Before the flag itself. */
static void async_set(struct file *f, int fd, bool on)
{
    if (!(f->flags & FASYNC) == !on || !f->ops->async)
        return;
    f->async_fd = fd;
    f->ops->async(f, on);
}

static long set_status_flags(struct file *f, int fd, unsigned flags)
{
    if ((flags & O_NOATIME) && !(f->flags & O_NOATIME) && f->inode && !identity_owns(f->inode))
        return -EPERM;
    if ((flags & O_DIRECT) && !file_is_pipe(f))
        return -EINVAL; /* no file here bypasses a cache */
    if (!f->ops->async) /* it keeps no such flag */
        flags &= ~(unsigned)FASYNC;
    async_set(f, fd, flags & FASYNC);
    mutex_lock(&f->lock);
    f->flags = (f->flags & ~SETFL_MASK) | (flags & SETFL_MASK);
    mutex_unlock(&f->lock);
    return 0;
}

static long duplicate_above(int fd, uint64_t lowest, bool close_on_exec)
{
    if (lowest >= fs_limit(RLIMIT_NOFILE))
        return -EINVAL;
    return duplicate(fd, (int)lowest, close_on_exec);
}

/* What can be asked of an O_PATH descriptor, too. */
static bool is_path_command(unsigned command)
{
    return command == F_DUPFD || command == F_DUPFD_CLOEXEC || command == F_GETFD || command == F_SETFD ||
           command == F_GETFL;
}

static long fcntl_file(struct file *f, int fd, unsigned command, uint64_t argument)
{
    switch (command) {
    case F_DUPFD:
        return duplicate_above(fd, argument, false);
    case F_DUPFD_CLOEXEC:
        return duplicate_above(fd, argument, true);
    case F_GETFD:
        return fd_flags(fd, -1);
    case F_SETFD: {
        int flags = fd_flags(fd, (int)(argument & FD_CLOEXEC));
        return flags < 0 ? flags : 0;
    }
    case F_GETFL:
        return f->flags;
    case F_SETFL:
        return set_status_flags(f, fd, (unsigned)argument);
    case F_GETLK: case F_SETLK: case F_SETLKW: case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
        return lock_fcntl(f, command, user(argument));
    case F_SETLEASE:
        return lease_fcntl(f, fd, (int)argument);
    case F_GETLEASE:
        return lease_get(f);
    case F_SETOWN: case F_GETOWN: case F_SETOWN_EX: case F_GETOWN_EX: case F_SETSIG: case F_GETSIG:
        return file_owner_fcntl(f, command, argument);
    case F_GETPIPE_SZ:
        return pipe_get_size(f);
    case F_SETPIPE_SZ:
        return pipe_set_size(f, (unsigned)argument);
    case F_GET_SEALS:
        return shmem_seals(f);
    case F_ADD_SEALS:
        return argument > UINT32_MAX ? -EINVAL : shmem_seal(f, (unsigned)argument);
    default:
        return -EINVAL;
    }
}

long sys_fcntl(const struct syscall_args *args)
{
    int fd = (int)args->a[0];
    unsigned command = (unsigned)args->a[1];
    struct file *f = fd_get_any(fd);

    if (!f)
        return -EBADF;
    long result = -EBADF;
    if (!(f->flags & O_PATH) || is_path_command(command))
        result = fcntl_file(f, fd, command, args->a[2]);
    file_put(f);
    return result;
}

static long set_nonblocking(struct file *f, user_ptr argument)
{
    int on;

    if (get_user(on, argument))
        return -EFAULT;
    mutex_lock(&f->lock);
    f->flags = on ? f->flags | O_NONBLOCK : f->flags & ~O_NONBLOCK;
    mutex_unlock(&f->lock);
    return 0;
}

static long set_async(struct file *f, int fd, user_ptr argument)
{
    int on;

    if (get_user(on, argument))
        return -EFAULT;
    if (!(f->flags & FASYNC) == !on)
        return 0;
    if (!f->ops->async)
        return -ENOTTY;
    async_set(f, fd, on);
    mutex_lock(&f->lock);
    f->flags ^= FASYNC;
    mutex_unlock(&f->lock);
    return 0;
}

static long unread_of_regular(struct file *f, user_ptr argument)
{
    int left = (int)((int64_t)f->inode->size - (int64_t)f->position);

    return put_user(argument, left);
}

static long ioctl_file(struct file *f, int fd, unsigned request, uint64_t argument)
{
    bool regular = f->inode && S_ISREG(f->inode->mode);

    switch (request) {
    case FIOCLEX:
        return fd_flags(fd, FD_CLOEXEC) < 0 ? -EBADF : 0;
    case FIONCLEX:
        return fd_flags(fd, 0) < 0 ? -EBADF : 0;
    case FIONBIO:
        return set_nonblocking(f, user(argument));
    case FIOASYNC:
        return set_async(f, fd, user(argument));
    case FIGETBSZ: {
        int size = PAGE_SIZE;
        return f->inode ? put_user(user(argument), size) : -EBADF;
    }
    default:
        break;
    }
    if (request == FIONREAD && regular)
        return unread_of_regular(f, user(argument));
    return f->ops->ioctl ? f->ops->ioctl(f, request, argument) : -ENOTTY;
}

long sys_ioctl(const struct syscall_args *args)
{
    int fd = (int)args->a[0];
    struct file *f = fd_get(fd);

    if (!f)
        return -EBADF;
    long result = ioctl_file(f, fd, (unsigned)args->a[1], args->a[2]);
    file_put(f);
    return result;
}

/* Both numbers, in user memory, or nothing at all. */
static long install_pair(struct file *r, struct file *w, unsigned flags, user_ptr out)
{
    int fds[2] = {fd_reserve(0, flags & O_CLOEXEC), -1};
    long error = fds[0] < 0 ? fds[0] : 0;

    if (!error) {
        fds[1] = fd_reserve(0, flags & O_CLOEXEC);
        error = fds[1] < 0 ? fds[1] : 0;
    }
    if (!error)
        error = copy_to_user(out, fds, sizeof fds);
    if (!error) {
        fd_publish(fds[0], r);
        fd_publish(fds[1], w);
        return 0;
    }
    if (fds[0] >= 0)
        fd_unreserve(fds[0]);
    if (fds[1] >= 0)
        fd_unreserve(fds[1]);
    return error;
}

static long make_pipe(user_ptr out, unsigned flags)
{
    struct file *r, *w;

    if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
        return -EINVAL;
    int error = pipe_create(&r, &w, flags & (O_NONBLOCK | O_DIRECT));
    if (error)
        return error;
    long result = install_pair(r, w, flags, out);
    if (result) {
        file_put(r);
        file_put(w);
    }
    return result;
}

long sys_pipe(const struct syscall_args *args)
{
    return make_pipe(user(args->a[0]), 0);
}

long sys_pipe2(const struct syscall_args *args)
{
    return make_pipe(user(args->a[0]), (unsigned)args->a[1]);
}
