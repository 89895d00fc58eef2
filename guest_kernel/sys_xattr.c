/*
 * Extended attributes (xattr(7)): no file system here keeps any, which is what these calls say.  Paths, descriptors and
 * names are still checked first, so that a wrong call gets Linux's error for that.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/xattr.h>

#include "abi/syscalls.h"
#include "guest_kernel/sys_file.h"

static long check_name(user_ptr address)
{
    char name[XATTR_NAME_MAX + 1];
    long n = copy_string_from_user(name, address, sizeof(name));

    if (n == -EFAULT)
        return n;
    return n == -ENAMETOOLONG || n == 0 ? -ERANGE : 0;
}

static long check_path(uint64_t address, int at_flags)
{
    struct path path;
    int error = path_at(AT_FDCWD, user(address), at_flags, &path);

    if (!error)
        path_put(&path);
    return error;
}

static long check_descriptor(uint64_t fd)
{
    struct file *f = fd_get((int)fd);

    if (!f)
        return -EBADF;
    file_put(f);
    return 0;
}

/* The file is there, and the name is one: still no attribute can be had, set or removed. */
static long refuse(long file_error, uint64_t name)
{
    long error = file_error ? file_error : check_name(user(name));

    return error ? error : -EOPNOTSUPP;
}

static long refuse_change(long file_error, uint64_t name, uint64_t flags)
{
    if (flags & ~(uint64_t)(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    return refuse(file_error, name);
}

long sys_getxattr(const struct syscall_args *args)
{
    return refuse(check_path(args->a[0], 0), args->a[1]);
}

long sys_lgetxattr(const struct syscall_args *args)
{
    return refuse(check_path(args->a[0], AT_SYMLINK_NOFOLLOW), args->a[1]);
}

long sys_fgetxattr(const struct syscall_args *args)
{
    return refuse(check_descriptor(args->a[0]), args->a[1]);
}

long sys_setxattr(const struct syscall_args *args)
{
    return refuse_change(check_path(args->a[0], 0), args->a[1], (uint32_t)args->a[4]);
}

long sys_lsetxattr(const struct syscall_args *args)
{
    return refuse_change(check_path(args->a[0], AT_SYMLINK_NOFOLLOW), args->a[1], (uint32_t)args->a[4]);
}

long sys_fsetxattr(const struct syscall_args *args)
{
    return refuse_change(check_descriptor(args->a[0]), args->a[1], (uint32_t)args->a[4]);
}

long sys_removexattr(const struct syscall_args *args)
{
    return refuse(check_path(args->a[0], 0), args->a[1]);
}

long sys_lremovexattr(const struct syscall_args *args)
{
    return refuse(check_path(args->a[0], AT_SYMLINK_NOFOLLOW), args->a[1]);
}

long sys_fremovexattr(const struct syscall_args *args)
{
    return refuse(check_descriptor(args->a[0]), args->a[1]);
}

/* The list of a file without attributes is empty. */
long sys_listxattr(const struct syscall_args *args)
{
    return check_path(args->a[0], 0);
}

long sys_llistxattr(const struct syscall_args *args)
{
    return check_path(args->a[0], AT_SYMLINK_NOFOLLOW);
}

long sys_flistxattr(const struct syscall_args *args)
{
    return check_descriptor(args->a[0]);
}
