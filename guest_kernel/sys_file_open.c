/*
 * open(2), openat2(2), creat(2), close(2), close_range(2).
 */
#include <asm/errno.h>
#include <linux/close_range.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/sys_file.h"

#define OPEN_FLAGS_KNOWN                                                                                               \
    (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | FASYNC | O_DIRECT |         \
     O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | __O_TMPFILE)
#define RESOLVE_KNOWN                                                                                                  \
    (RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED)

/* The number first: an open that gets none must leave no trace. */
static long open_file(int dirfd, user_ptr name, int flags, unsigned mode, uint64_t resolve)
{
    char *path;
    struct file *f;
    int error = path_from_user(name, &path);

    if (error)
        return error;
    int fd = fd_reserve(0, flags & O_CLOEXEC);
    if (fd >= 0) {
        error = vfs_open_at(dirfd, path, flags, mode, resolve, &f);
        if (error)
            fd_unreserve(fd);
        else
            fd_publish(fd, f);
    }
    mem_free(path);
    return error ? error : fd;
}

/* Unknown bits are ignored by the old calls; mode counts only where something may be made. */
static long open_old(int dirfd, user_ptr name, int flags, unsigned mode)
{
    return open_file(dirfd, name, (flags & OPEN_FLAGS_KNOWN) | O_LARGEFILE, mode, 0);
}

long sys_open(const struct syscall_args *args)
{
    return open_old(AT_FDCWD, user(args->a[0]), (int)args->a[1], (unsigned)args->a[2]);
}

long sys_openat(const struct syscall_args *args)
{
    return open_old((int)args->a[0], user(args->a[1]), (int)args->a[2], (unsigned)args->a[3]);
}

long sys_creat(const struct syscall_args *args)
{
    return open_old(AT_FDCWD, user(args->a[0]), O_CREAT | O_WRONLY | O_TRUNC, (unsigned)args->a[1]);
}

static int how_copy(struct open_how *how, user_ptr src, size_t size)
{
    if (size < sizeof *how)
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    return copy_struct_from_user(how, sizeof *how, src, size);
}

static int how_check(const struct open_how *how)
{
    bool makes = how->flags & (O_CREAT | __O_TMPFILE);

    if ((how->flags & ~(uint64_t)OPEN_FLAGS_KNOWN) || (how->resolve & ~(uint64_t)RESOLVE_KNOWN))
        return -EINVAL;
    if ((how->resolve & RESOLVE_BENEATH) && (how->resolve & RESOLVE_IN_ROOT))
        return -EINVAL;
    if (makes ? how->mode & ~(uint64_t)S_PERMISSIONS : how->mode)
        return -EINVAL;
    if ((how->flags & O_PATH) && (how->flags & ~(uint64_t)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
        return -EINVAL;
    if (how->resolve & RESOLVE_CACHED)
        return -EAGAIN; /* "may need more than the cache": always a permitted answer */
    return 0;
}

long sys_openat2(const struct syscall_args *args)
{
    struct open_how how;
    int error = how_copy(&how, user(args->a[2]), args->a[3]);

    if (!error)
        error = how_check(&how);
    if (error)
        return error;
    return open_file((int)args->a[0], user(args->a[1]), (int)how.flags, (unsigned)how.mode, how.resolve);
}

long sys_close(const struct syscall_args *args)
{
    return fd_close((int)args->a[0]);
}

long sys_close_range(const struct syscall_args *args)
{
    unsigned first = (unsigned)args->a[0], last = (unsigned)args->a[1], flags = (unsigned)args->a[2];

    if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
        return -EINVAL;
    if (first > last)
        return -EINVAL;
    if (flags & CLOSE_RANGE_UNSHARE) {
        int error = file_table_unshare();
        if (error)
            return error;
    }
    fd_close_range(first, last, flags & CLOSE_RANGE_CLOEXEC);
    return 0;
}
