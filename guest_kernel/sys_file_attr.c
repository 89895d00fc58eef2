/*
 * Attributes: chmod(2), chown(2), umask(2), and their relatives by descriptor and by directory.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "guest_kernel/core/task.h"
#include "guest_kernel/sys_file.h"

/* The path behind a descriptor, counted.  -EBADF also for O_PATH, and for files that no path leads to. */
static int path_of_fd(int fd, struct path *out)
{
    struct file *f = fd_get(fd);

    if (!f)
        return -EBADF;
    int error = f->dentry ? 0 : -EBADF;
    if (!error) {
        *out = (struct path){f->mount, f->dentry};
        path_get(out);
    }
    file_put(f);
    return error;
}

static long chmod_at(int dirfd, user_ptr name, unsigned mode, int at_flags)
{
    struct path p;

    if (at_flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int error = path_at(dirfd, name, at_flags, &p);
    if (error)
        return error;
    error = inode_chmod(&p, mode);
    path_put(&p);
    return error;
}

long sys_chmod(const struct syscall_args *args)
{
    return chmod_at(AT_FDCWD, user(args->a[0]), (unsigned)args->a[1], 0);
}

/* Three arguments: flags exist only in the C library's version and in fchmodat2. */
long sys_fchmodat(const struct syscall_args *args)
{
    return chmod_at((int)args->a[0], user(args->a[1]), (unsigned)args->a[2], 0);
}

long sys_fchmod(const struct syscall_args *args)
{
    struct path p;
    int error = path_of_fd((int)args->a[0], &p);

    if (error)
        return error;
    error = inode_chmod(&p, (unsigned)args->a[1]);
    path_put(&p);
    return error;
}

static long chown_at(int dirfd, user_ptr name, uint32_t uid, uint32_t gid, int at_flags)
{
    struct path p;

    if (at_flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int error = path_at(dirfd, name, at_flags, &p);
    if (error)
        return error;
    error = inode_chown(&p, uid, gid);
    path_put(&p);
    return error;
}

long sys_chown(const struct syscall_args *args)
{
    return chown_at(AT_FDCWD, user(args->a[0]), (uint32_t)args->a[1], (uint32_t)args->a[2], 0);
}

long sys_lchown(const struct syscall_args *args)
{
    return chown_at(AT_FDCWD, user(args->a[0]), (uint32_t)args->a[1], (uint32_t)args->a[2], AT_SYMLINK_NOFOLLOW);
}

long sys_fchownat(const struct syscall_args *args)
{
    return chown_at((int)args->a[0], user(args->a[1]), (uint32_t)args->a[2], (uint32_t)args->a[3], (int)args->a[4]);
}

long sys_fchown(const struct syscall_args *args)
{
    struct path p;
    int error = path_of_fd((int)args->a[0], &p);

    if (error)
        return error;
    error = inode_chown(&p, (uint32_t)args->a[1], (uint32_t)args->a[2]);
    path_put(&p);
    return error;
}

long sys_umask(const struct syscall_args *args)
{
    struct fs_context *c = task_current()->fs;

    spin_lock(&c->lock);
    uint32_t old = c->umask;
    __atomic_store_n(&c->umask, (uint32_t)args->a[0] & 0777, __ATOMIC_RELAXED);
    spin_unlock(&c->lock);
    return old;
}
