/*
 * truncate(2), fallocate(2), fsync(2) and relatives, fadvise(2).
 */
#include <asm/errno.h>
#include <linux/fadvise.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>

#include "fs/lease.h"
#include "guest_kernel/sys_file.h"

static int truncate_path(const struct path *p, uint64_t size)
{
    struct inode *i = p->dentry->inode;

    if (S_ISDIR(i->mode))
        return -EISDIR;
    if (!S_ISREG(i->mode))
        return -EINVAL;
    int error = mount_writable(p->mount);
    if (!error)
        error = inode_permission(i, MAY_WRITE);
    if (!error && __atomic_load_n(&i->writers, __ATOMIC_RELAXED) < 0)
        error = -ETXTBSY;
    if (!error)
        error = lease_break(i, O_WRONLY);
    return error ? error : inode_truncate(p->mount, i, size);
}

long sys_truncate(const struct syscall_args *args)
{
    struct path p;

    if ((int64_t)args->a[1] < 0)
        return -EINVAL;
    int error = path_at(AT_FDCWD, user(args->a[0]), 0, &p);
    if (error)
        return error;
    error = truncate_path(&p, args->a[1]);
    path_put(&p);
    return error;
}

static bool is_writable(const struct file *f)
{
    return (f->flags & O_ACCMODE) != O_RDONLY;
}

long sys_ftruncate(const struct syscall_args *args)
{
    int error;

    if ((int64_t)args->a[1] < 0)
        return -EINVAL;
    struct file *f = fd_get((int)args->a[0]);
    if (!f)
        return -EBADF;
    if (!f->inode || !S_ISREG(f->inode->mode) || !is_writable(f))
        error = -EINVAL;
    else
        error = inode_truncate(f->mount, f->inode, args->a[1]);
    file_put(f);
    return error;
}

int file_allocate(struct file *f, int mode, uint64_t offset, uint64_t length)
{
    struct inode *i = f->inode;

    if (!is_writable(f))
        return -EBADF;
    if (!i || S_ISFIFO(i->mode))
        return -ESPIPE;
    if (S_ISDIR(i->mode))
        return -EISDIR;
    if (!S_ISREG(i->mode))
        return -ENODEV;
    if (offset + length > (uint64_t)INT64_MAX)
        return -EFBIG;
    if (!i->ops->allocate)
        return -EOPNOTSUPP;
    mutex_lock(&i->lock);
    int error = i->ops->allocate(i, mode, offset, length);
    if (!error)
        inode_touch(i, true);
    mutex_unlock(&i->lock);
    return error;
}

long sys_fallocate(const struct syscall_args *args)
{
    int mode = (int)args->a[1];
    int64_t offset = (int64_t)args->a[2], length = (int64_t)args->a[3];
    struct file *f = fd_get((int)args->a[0]);

    if (!f)
        return -EBADF;
    int error = 0;
    if (offset < 0 || length <= 0)
        error = -EINVAL;
    else if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
        error = -EOPNOTSUPP;
    else if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
        error = -EOPNOTSUPP;
    if (!error)
        error = file_allocate(f, mode, (uint64_t)offset, (uint64_t)length);
    file_put(f);
    return error;
}

/* EINVAL where there is nothing that could be synchronised: pipes, sockets, terminals. */
static long sync_file(int fd)
{
    struct file *f = fd_get(fd);

    if (!f)
        return -EBADF;
    int error = f->ops->sync ? f->ops->sync(f) : -EINVAL;
    file_put(f);
    return error;
}

long sys_fsync(const struct syscall_args *args)
{
    return sync_file((int)args->a[0]);
}

long sys_fdatasync(const struct syscall_args *args)
{
    return sync_file((int)args->a[0]);
}

/* All file systems live in memory: there is nothing to be written. */
long sys_sync(const struct syscall_args *args)
{
    return 0;
}

long sys_syncfs(const struct syscall_args *args)
{
    struct file *f = fd_get((int)args->a[0]);

    if (!f)
        return -EBADF;
    file_put(f);
    return 0;
}

/* Advice that nothing follows from: all pages are in memory and stay there. */
long sys_fadvise64(const struct syscall_args *args)
{
    struct file *f = fd_get((int)args->a[0]);
    int error = 0;

    if (!f)
        return -EBADF;
    if (f->inode && S_ISFIFO(f->inode->mode))
        error = -ESPIPE;
    else if ((int64_t)args->a[2] < 0 || args->a[3] > POSIX_FADV_NOREUSE)
        error = -EINVAL;
    file_put(f);
    return error;
}
