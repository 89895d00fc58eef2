/*
 * utimensat(2) and the calls before it.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/time.h>

#include "guest_kernel/core/time.h"
#include "guest_kernel/sys_file.h"

/* man 2 utimensat; the kernel's headers for programs do not have them. */
#define UTIME_NOW ((1L << 30) - 1)
#define UTIME_OMIT ((1L << 30) - 2)

static const struct time_change now = {.access = TIME_NOW, .modify = TIME_NOW};

/* Without a name, the file behind dirfd itself. */
static long set_times(int dirfd, user_ptr name, const struct time_change *change, int at_flags)
{
    struct path p;
    int error = -EBADF;

    if (at_flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (user_is_null(name)) {
        struct file *f = fd_get(dirfd);
        if (at_flags)
            error = -EINVAL;
        else if (f && f->dentry)
            error = inode_set_times(&(struct path){f->mount, f->dentry}, change);
        if (f)
            file_put(f);
        return dirfd == AT_FDCWD ? -EFAULT : error;
    }
    error = path_at(dirfd, name, at_flags, &p);
    if (error)
        return error;
    error = inode_set_times(&p, change);
    path_put(&p);
    return error;
}

static int decode_timespec(const struct __kernel_timespec *t, int *what, uint64_t *ns)
{
    *what = TIME_SET;
    if (t->tv_nsec == UTIME_NOW)
        *what = TIME_NOW;
    else if (t->tv_nsec == UTIME_OMIT)
        *what = TIME_KEEP;
    else if (t->tv_nsec < 0 || t->tv_nsec >= (long long)NS_PER_S)
        return -EINVAL;
    else
        *ns = time_to_ns(t->tv_sec, (uint64_t)t->tv_nsec);
    return 0;
}

long sys_utimensat(const struct syscall_args *args)
{
    struct __kernel_timespec t[2];
    struct time_change change = now;
    int access = TIME_NOW, modify = TIME_NOW;

    if (args->a[2]) {
        int error = copy_from_user(t, user(args->a[2]), sizeof t);
        if (!error)
            error = decode_timespec(&t[0], &access, &change.access_ns);
        if (!error)
            error = decode_timespec(&t[1], &modify, &change.modify_ns);
        if (error)
            return error;
        if (access == TIME_KEEP && modify == TIME_KEEP)
            return 0; /* not even the path is looked at */
        change.access = (unsigned)access;
        change.modify = (unsigned)modify;
    }
    return set_times((int)args->a[0], user(args->a[1]), &change, (int)args->a[3]);
}

static long set_timevals(int dirfd, user_ptr name, user_ptr times)
{
    struct __kernel_old_timeval t[2];

    if (user_is_null(times))
        return set_times(dirfd, name, &now, 0);
    if (copy_from_user(t, times, sizeof t))
        return -EFAULT;
    for (int n = 0; n < 2; n++)
        if (t[n].tv_usec < 0 || t[n].tv_usec >= 1000000)
            return -EINVAL;
    struct time_change change = {
        .access = TIME_SET, .modify = TIME_SET,
        .access_ns = time_to_ns(t[0].tv_sec, (uint64_t)t[0].tv_usec * 1000),
        .modify_ns = time_to_ns(t[1].tv_sec, (uint64_t)t[1].tv_usec * 1000),
    };
    return set_times(dirfd, name, &change, 0);
}

long sys_utimes(const struct syscall_args *args)
{
    return set_timevals(AT_FDCWD, user(args->a[0]), user(args->a[1]));
}

long sys_futimesat(const struct syscall_args *args)
{
    return set_timevals((int)args->a[0], user(args->a[1]), user(args->a[2]));
}

long sys_utime(const struct syscall_args *args)
{
    struct {
        int64_t access, modify;
    } t; /* struct utimbuf */

    if (!args->a[1])
        return set_times(AT_FDCWD, user(args->a[0]), &now, 0);
    if (copy_from_user(&t, user(args->a[1]), sizeof t))
        return -EFAULT;
    struct time_change change = {.access = TIME_SET, .modify = TIME_SET,
                                 .access_ns = time_to_ns(t.access, 0), .modify_ns = time_to_ns(t.modify, 0)};
    return set_times(AT_FDCWD, user(args->a[0]), &change, 0);
}
