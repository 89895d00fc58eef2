/*
 * Names: mkdir(2), mknod(2), rmdir(2), unlink(2), link(2), symlink(2), rename(2) and their *at() forms.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/cred.h"
#include "guest_kernel/sys_file.h"

static long make_at(int dirfd, user_ptr name, unsigned mode, uint64_t rdev)
{
    char *path;
    int error = path_from_user(name, &path);

    if (error)
        return error;
    error = tree_make(dirfd, path, mode & ~context_umask(), rdev);
    mem_free(path);
    return error;
}

/* Of the mode, mkdir takes the permissions and the sticky bit. */
static long mkdir_at(int dirfd, user_ptr name, unsigned mode)
{
    return make_at(dirfd, name, S_IFDIR | (mode & (S_ISVTX | 0777)), 0);
}

long sys_mkdir(const struct syscall_args *args)
{
    return mkdir_at(AT_FDCWD, user(args->a[0]), (unsigned)args->a[1]);
}

long sys_mkdirat(const struct syscall_args *args)
{
    return mkdir_at((int)args->a[0], user(args->a[1]), (unsigned)args->a[2]);
}

/* Device numbers come in 32 bits. */
static long mknod_at(int dirfd, user_ptr name, unsigned mode, uint64_t rdev)
{
    mode &= S_IFMT | S_PERMISSIONS;
    switch (mode & S_IFMT) {
    case 0:
        mode |= S_IFREG;
        break;
    case S_IFREG: case S_IFIFO: case S_IFSOCK:
        break;
    case S_IFCHR: case S_IFBLK:
        if (!cred_may(CAP_MKNOD))
            return -EPERM;
        return make_at(dirfd, name, mode, rdev & UINT32_MAX);
    case S_IFDIR:
        return -EPERM;
    default:
        return -EINVAL;
    }
    return make_at(dirfd, name, mode, 0);
}

long sys_mknod(const struct syscall_args *args)
{
    return mknod_at(AT_FDCWD, user(args->a[0]), (unsigned)args->a[1], args->a[2]);
}

long sys_mknodat(const struct syscall_args *args)
{
    return mknod_at((int)args->a[0], user(args->a[1]), (unsigned)args->a[2], args->a[3]);
}

static long remove_at(int dirfd, user_ptr name, bool directory)
{
    char *path;
    int error = path_from_user(name, &path);

    if (error)
        return error;
    error = tree_remove(dirfd, path, directory);
    mem_free(path);
    return error;
}

long sys_rmdir(const struct syscall_args *args)
{
    return remove_at(AT_FDCWD, user(args->a[0]), true);
}

long sys_unlink(const struct syscall_args *args)
{
    return remove_at(AT_FDCWD, user(args->a[0]), false);
}

long sys_unlinkat(const struct syscall_args *args)
{
    if ((int)args->a[2] & ~AT_REMOVEDIR)
        return -EINVAL;
    return remove_at((int)args->a[0], user(args->a[1]), (int)args->a[2] & AT_REMOVEDIR);
}

static long link_at(int from_dirfd, user_ptr from, int to_dirfd, user_ptr to, int at_flags)
{
    struct path source;
    char *path;

    if (at_flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if ((at_flags & AT_EMPTY_PATH) && !cred_may(CAP_DAC_READ_SEARCH))
        return -ENOENT;
    int walk = (at_flags & AT_EMPTY_PATH) | (at_flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW);
    int error = path_at(from_dirfd, from, walk, &source);
    if (error)
        return error;
    error = path_from_user(to, &path);
    if (!error) {
        error = tree_link(&source, to_dirfd, path);
        mem_free(path);
    }
    path_put(&source);
    return error;
}

long sys_link(const struct syscall_args *args)
{
    return link_at(AT_FDCWD, user(args->a[0]), AT_FDCWD, user(args->a[1]), 0);
}

long sys_linkat(const struct syscall_args *args)
{
    return link_at((int)args->a[0], user(args->a[1]), (int)args->a[2], user(args->a[3]), (int)args->a[4]);
}

/* Two paths from user memory, for calls that take both. */
static int two_paths(user_ptr first, user_ptr second, char **a, char **b)
{
    int error = path_from_user(first, a);

    if (error)
        return error;
    error = path_from_user(second, b);
    if (error)
        mem_free(*a);
    return error;
}

static long symlink_at(user_ptr target, int dirfd, user_ptr name)
{
    char *to, *path;
    int error = two_paths(target, name, &to, &path);

    if (error)
        return error;
    error = tree_symlink(to, dirfd, path);
    mem_free(to);
    mem_free(path);
    return error;
}

long sys_symlink(const struct syscall_args *args)
{
    return symlink_at(user(args->a[0]), AT_FDCWD, user(args->a[1]));
}

long sys_symlinkat(const struct syscall_args *args)
{
    return symlink_at(user(args->a[0]), (int)args->a[1], user(args->a[2]));
}

static long rename_at(int from_dirfd, user_ptr from, int to_dirfd, user_ptr to, unsigned flags)
{
    char *old, *new;
    int error = two_paths(from, to, &old, &new);

    if (error)
        return error;
    error = tree_rename(from_dirfd, old, to_dirfd, new, flags);
    mem_free(old);
    mem_free(new);
    return error;
}

long sys_rename(const struct syscall_args *args)
{
    return rename_at(AT_FDCWD, user(args->a[0]), AT_FDCWD, user(args->a[1]), 0);
}

long sys_renameat(const struct syscall_args *args)
{
    return rename_at((int)args->a[0], user(args->a[1]), (int)args->a[2], user(args->a[3]), 0);
}

long sys_renameat2(const struct syscall_args *args)
{
    return rename_at((int)args->a[0], user(args->a[1]), (int)args->a[2], user(args->a[3]), (unsigned)args->a[4]);
}
