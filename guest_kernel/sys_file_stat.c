/*
 * stat(2), statx(2), access(2), readlink(2), statfs(2) and their relatives.
 */
#include <asm/errno.h>
#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/mount.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/time.h"
#include "guest_kernel/sys_file.h"

#define STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH)

struct found { /* what a stat call is about: a path, or a file without one */
    struct path path;
    struct file *file;
};

static void found_put(struct found *what)
{
    path_put(&what->path);
    if (what->file)
        file_put(what->file);
}

/* AT_EMPTY_PATH must also do for files that have no path at all (sockets); an absent name counts as empty. */
static int find(int dirfd, user_ptr name, int at_flags, struct found *what)
{
    char *path = NULL;
    bool no_name = user_is_null(name) && (at_flags & AT_EMPTY_PATH);
    int error = no_name ? 0 : path_from_user(name, &path);

    *what = (struct found){0};
    if (error)
        return error;
    if ((no_name || !*path) && (at_flags & AT_EMPTY_PATH) && dirfd != AT_FDCWD) {
        what->file = fd_get_any(dirfd);
        error = what->file ? 0 : -EBADF;
    } else {
        error = path_walk(dirfd, no_name ? "" : path, walk_flags_of(at_flags), &what->path);
    }
    mem_free(path);
    return error;
}

static int found_stat(const struct found *what, struct stat *out)
{
    if (what->file)
        return file_stat(what->file, out);
    inode_stat(what->path.dentry->inode, out);
    return 0;
}

static long stat_at(int dirfd, user_ptr name, user_ptr out, int at_flags)
{
    struct found what;
    struct stat st;
    int error = find(dirfd, name, at_flags, &what);

    if (error)
        return error;
    error = found_stat(&what, &st);
    found_put(&what);
    return error ? error : put_user(out, st);
}

long sys_stat(const struct syscall_args *args)
{
    return stat_at(AT_FDCWD, user(args->a[0]), user(args->a[1]), 0);
}

long sys_lstat(const struct syscall_args *args)
{
    return stat_at(AT_FDCWD, user(args->a[0]), user(args->a[1]), AT_SYMLINK_NOFOLLOW);
}

long sys_newfstatat(const struct syscall_args *args)
{
    if ((int)args->a[3] & ~STAT_FLAGS)
        return -EINVAL;
    return stat_at((int)args->a[0], user(args->a[1]), user(args->a[2]), (int)args->a[3]);
}

long sys_fstat(const struct syscall_args *args)
{
    struct file *f = fd_get_any((int)args->a[0]);
    struct stat st;

    if (!f)
        return -EBADF;
    int error = file_stat(f, &st);
    file_put(f);
    return error ? error : put_user(user(args->a[1]), st);
}

static struct statx_timestamp statx_time(uint64_t seconds, uint64_t nanoseconds)
{
    return (struct statx_timestamp){.tv_sec = (int64_t)seconds, .tv_nsec = (uint32_t)nanoseconds};
}

static void statx_fill(const struct found *what, const struct stat *st, unsigned wanted, struct statx *out)
{
    const struct inode *i = what->file ? what->file->inode : what->path.dentry->inode;
    const struct mount *m = what->file ? what->file->mount : what->path.mount;

    *out = (struct statx){
        .stx_mask = STATX_BASIC_STATS, .stx_blksize = (uint32_t)st->st_blksize, .stx_nlink = (uint32_t)st->st_nlink,
        .stx_uid = st->st_uid, .stx_gid = st->st_gid, .stx_mode = (uint16_t)st->st_mode, .stx_ino = st->st_ino,
        .stx_size = (uint64_t)st->st_size, .stx_blocks = (uint64_t)st->st_blocks,
        .stx_atime = statx_time(st->st_atime, st->st_atime_nsec),
        .stx_mtime = statx_time(st->st_mtime, st->st_mtime_nsec),
        .stx_ctime = statx_time(st->st_ctime, st->st_ctime_nsec),
        .stx_rdev_major = device_major(st->st_rdev), .stx_rdev_minor = device_minor(st->st_rdev),
        .stx_dev_major = device_major(st->st_dev), .stx_dev_minor = device_minor(st->st_dev),
    };
    if (i && (wanted & STATX_BTIME)) {
        out->stx_mask |= STATX_BTIME;
        out->stx_btime = statx_time(i->birth_ns / NS_PER_S, i->birth_ns % NS_PER_S);
    }
    if (m) {
        out->stx_mask |= STATX_MNT_ID;
        out->stx_mnt_id = (uint64_t)m->id;
        out->stx_attributes_mask = STATX_ATTR_MOUNT_ROOT;
        if (!what->file && what->path.dentry == m->root)
            out->stx_attributes = STATX_ATTR_MOUNT_ROOT;
    }
}

long sys_statx(const struct syscall_args *args)
{
    int at_flags = (int)args->a[2];
    unsigned mask = (unsigned)args->a[3];
    struct found what;
    struct statx out;
    struct stat st;

    if (mask & STATX__RESERVED)
        return -EINVAL;
    if ((at_flags & ~(STAT_FLAGS | AT_STATX_SYNC_TYPE)) || (at_flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
        return -EINVAL;
    int error = find((int)args->a[0], user(args->a[1]), at_flags, &what);
    if (error)
        return error;
    error = found_stat(&what, &st);
    if (!error)
        statx_fill(&what, &st, mask, &out);
    found_put(&what);
    return error ? error : put_user(user(args->a[4]), out);
}

static int check_access(const struct path *p, unsigned may, bool effective)
{
    struct inode *i = p->dentry->inode;
    struct identity id;
    unsigned type = i->mode & S_IFMT;

    if (effective)
        identity_current(&id);
    else
        identity_real(&id);
    if ((may & MAY_EXEC) && type == S_IFREG && (p->mount->flags & MS_NOEXEC))
        return -EACCES;
    int error = inode_permission_as(i, may, &id);
    if (!error && (may & MAY_WRITE) && (type == S_IFREG || type == S_IFDIR || type == S_IFLNK))
        error = mount_writable(p->mount);
    return error;
}

/* Mode bits of access(2) are the MAY_* bits: X_OK 1, W_OK 2, R_OK 4. */
static long access_at(int dirfd, user_ptr name, unsigned may, int at_flags)
{
    bool effective = at_flags & AT_EACCESS;
    char *path;
    struct path p;

    if (may & ~(MAY_EXEC | MAY_WRITE | MAY_READ))
        return -EINVAL;
    if (at_flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int error = path_from_user(name, &path);
    if (error)
        return error;
    error = path_walk(dirfd, path, walk_flags_of(at_flags) | (effective ? 0 : WALK_REAL_IDS), &p);
    mem_free(path);
    if (error)
        return error;
    error = may ? check_access(&p, may, effective) : 0;
    path_put(&p);
    return error;
}

long sys_access(const struct syscall_args *args)
{
    return access_at(AT_FDCWD, user(args->a[0]), (unsigned)args->a[1], 0);
}

long sys_faccessat(const struct syscall_args *args)
{
    return access_at((int)args->a[0], user(args->a[1]), (unsigned)args->a[2], 0);
}

long sys_faccessat2(const struct syscall_args *args)
{
    return access_at((int)args->a[0], user(args->a[1]), (unsigned)args->a[2], (int)args->a[3]);
}

static long copy_link(const struct path *p, user_ptr out, size_t size)
{
    struct inode *i = p->dentry->inode;

    if (!i->ops->read_link)
        return -EINVAL;
    char *target = mem_alloc(FS_PATH_MAX);
    if (!target)
        return -ENOMEM;
    long n = i->ops->read_link(i, target, FS_PATH_MAX);
    if (n > 0) {
        n = MIN(n, (long)size);
        if (copy_to_user(out, target, (size_t)n))
            n = -EFAULT;
    }
    mem_free(target);
    return n;
}

static long readlink_at(int dirfd, user_ptr name, user_ptr out, int size)
{
    struct path p;
    char *path;

    if (size <= 0)
        return -EINVAL;
    int error = path_from_user(name, &path);
    if (error)
        return error;
    bool empty = !*path;
    error = path_walk(dirfd, path, WALK_EMPTY, &p);
    mem_free(path);
    if (error)
        return error;
    long n = copy_link(&p, out, (size_t)size);
    path_put(&p);
    return n == -EINVAL && empty ? -ENOENT : n;
}

long sys_readlink(const struct syscall_args *args)
{
    return readlink_at(AT_FDCWD, user(args->a[0]), user(args->a[1]), (int)args->a[2]);
}

long sys_readlinkat(const struct syscall_args *args)
{
    return readlink_at((int)args->a[0], user(args->a[1]), user(args->a[2]), (int)args->a[3]);
}

/* ST_* of statvfs(3), which f_flags carries: valid, and the mount's own. */
static long statfs_flags(const struct mount *m)
{
    enum { FLAG_VALID = 0x20, FLAG_NOATIME = 0x400, FLAG_RELATIME = 0x1000 };
    long flags = FLAG_VALID | (m->flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC));

    return flags | (m->flags & MS_NOATIME ? FLAG_NOATIME : FLAG_RELATIME);
}

static long statfs_of(struct superblock *sb, const struct mount *m, user_ptr out)
{
    struct statfs st = {
        .f_type = (long)sb->magic, .f_namelen = FS_NAME_MAX, .f_bsize = PAGE_SIZE, .f_frsize = PAGE_SIZE,
    };

    if (sb->ops->statfs) {
        int error = sb->ops->statfs(sb, &st);
        if (error)
            return error;
    }
    st.f_fsid.val[0] = (int)sb->device;
    if (m)
        st.f_flags = statfs_flags(m);
    return put_user(out, st);
}

long sys_statfs(const struct syscall_args *args)
{
    struct path p;
    int error = path_at(AT_FDCWD, user(args->a[0]), 0, &p);

    if (error)
        return error;
    long result = statfs_of(p.dentry->inode->sb, p.mount, user(args->a[1]));
    path_put(&p);
    return result;
}

long sys_fstatfs(const struct syscall_args *args)
{
    struct file *f = fd_get_any((int)args->a[0]);

    if (!f)
        return -EBADF;
    long result = f->inode ? statfs_of(f->inode->sb, f->mount, user(args->a[1])) : -ENOSYS;
    file_put(f);
    return result;
}
