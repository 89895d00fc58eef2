/*
 * mount(2) and umount2(2): tmpfs, proc, devtmpfs, bind mounts, and changing a mount's flags.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>

#include "fs/devfs.h"
#include "fs/devpts.h"
#include "fs/procfs.h"
#include "fs/tmpfs.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/cred.h"
#include "guest_kernel/sys_file.h"
#include "lib/string.h"

#define TYPE_MAX 64
#define PER_MOUNT_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME)
/* man 2 umount: not in the headers that programs and kernels share. */
#define UMOUNT_DETACH 2
#define UMOUNT_NOFOLLOW 8
#define UMOUNT_FORCE 1

/* A number with k, m, g or % behind (of RAM), in bytes; false: malformed. */
static bool parse_size(const char *text, uint64_t *bytes)
{
    struct memory_stats memory;
    uint64_t value = 0;

    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *text - '0', &value))
            return false;
    memory_stats(&memory);
    switch (*text | 0x20) {
    case 'g': value = value << 10; /* fallthrough */
    case 'm': value = value << 10; /* fallthrough */
    case 'k': value = value << 10; text++; break;
    case '%' | 0x20: value = value * memory.total_pages * PAGE_SIZE / 100; text++; break;
    default: break;
    }
    *bytes = value;
    return !*text;
}

static bool parse_octal(const char *text, unsigned *mode)
{
    *mode = 0;
    for (; *text >= '0' && *text <= '7'; text++)
        *mode = *mode << 3 | (unsigned)(*text - '0');
    return !*text && *mode <= S_PERMISSIONS;
}

struct tmpfs_options {
    uint64_t size; /* bytes; 0: no limit */
    unsigned mode;
};

/* "size=64m,mode=1777": those two, and what Linux also knows and we need not heed: nr_inodes. */
static int parse_options(char *text, struct tmpfs_options *o)
{
    while (text && *text) {
        char *next = strchr(text, ',');
        if (next)
            *next++ = '\0';
        if (!strncmp(text, "size=", 5)) {
            if (!parse_size(text + 5, &o->size))
                return -EINVAL;
        } else if (!strncmp(text, "mode=", 5)) {
            if (!parse_octal(text + 5, &o->mode))
                return -EINVAL;
        } else if (strncmp(text, "nr_inodes=", 10)) {
            return -EINVAL;
        }
        text = next;
    }
    return 0;
}

static int mount_tmpfs(const struct path *at, unsigned flags, const char *source, char *options)
{
    struct memory_stats memory;
    struct tmpfs_options o = {.mode = S_ISVTX | 0777};

    memory_stats(&memory);
    o.size = memory.total_pages / 2 * PAGE_SIZE;
    int error = parse_options(options, &o);
    if (error)
        return error;
    struct superblock *sb = tmpfs_create("tmpfs", o.mode);
    if (!sb)
        return -ENOMEM;
    tmpfs_limit(sb, o.size ? ALIGN_UP(o.size, PAGE_SIZE) / PAGE_SIZE : 0);
    error = mount_attach(sb, sb->root, at, flags, source);
    if (error)
        tmpfs_abandon(sb);
    superblock_put(sb);
    return error;
}

static int mount_devpts(const struct path *at, unsigned flags, const char *source, char *options)
{
    struct superblock *sb;
    int error = devpts_create(options, &sb);

    if (error)
        return error;
    error = mount_attach(sb, sb->root, at, flags, source);
    if (error)
        devpts_abandon(sb);
    superblock_put(sb);
    return error;
}

static int mount_new(const struct path *at, const char *type, unsigned flags, const char *source, char *options)
{
    struct superblock *sb;

    if (!strcmp(type, "tmpfs") || !strcmp(type, "ramfs"))
        return mount_tmpfs(at, flags, source, options);
    if (!strcmp(type, "devpts"))
        return mount_devpts(at, flags, source, options);
    if (!strcmp(type, "proc"))
        sb = procfs_superblock();
    else if (!strcmp(type, "devtmpfs"))
        sb = devfs_superblock();
    else
        return -ENODEV;
    return mount_attach(sb, sb->root, at, flags, source);
}

/* A bind mount shows another place again; MS_REC would have to copy the mounts below and finds none to copy here. */
static int mount_bind(const struct path *at, const char *source)
{
    struct path from;
    int error = *source ? path_walk(AT_FDCWD, source, WALK_FOLLOW, &from) : -EINVAL;

    if (error)
        return error;
    if (S_ISDIR(from.dentry->inode->mode) != S_ISDIR(at->dentry->inode->mode))
        error = -ENOTDIR;
    else
        error = mount_attach(from.mount->sb, from.dentry, at, from.mount->flags, from.mount->source);
    path_put(&from);
    return error;
}

static int mount_change(const struct path *at, unsigned flags)
{
    if (at->dentry != at->mount->root)
        return -EINVAL;
    __atomic_store_n(&at->mount->flags, flags & PER_MOUNT_FLAGS, __ATOMIC_RELAXED);
    return 0;
}

static int mount_at(const struct path *at, unsigned long flags, const char *type, const char *source, char *options)
{
    if (flags & MS_REMOUNT)
        return mount_change(at, (unsigned)flags);
    if (flags & MS_BIND)
        return mount_bind(at, source);
    if (flags & (MS_SHARED | MS_SLAVE | MS_UNBINDABLE | MS_MOVE))
        return -EINVAL;
    if (flags & MS_PRIVATE)
        return at->dentry == at->mount->root ? 0 : -EINVAL; /* all mounts are */
    if (!S_ISDIR(at->dentry->inode->mode))
        return -ENOTDIR;
    return mount_new(at, type, (unsigned)flags & PER_MOUNT_FLAGS, source, options);
}

/* An optional string: an empty one where the caller gave none. */
static int optional_string(user_ptr src, size_t size, char **out)
{
    char *text = mem_alloc(size);
    long n = 0;

    if (!text)
        return -ENOMEM;
    *text = '\0';
    if (!user_is_null(src))
        n = copy_string_from_user(text, src, size);
    if (n < 0) {
        mem_free(text);
        return n == -ENAMETOOLONG ? -EINVAL : (int)n;
    }
    *out = text;
    return 0;
}

long sys_mount(const struct syscall_args *args)
{
    char *source = NULL, *type = NULL, *options = NULL;
    unsigned long flags = args->a[3];
    struct path at;
    bool wants_options = !(flags & (MS_BIND | MS_REMOUNT | MS_PRIVATE));

    if ((flags & MS_MGC_MSK) == MS_MGC_VAL)
        flags &= ~(unsigned long)MS_MGC_MSK;
    int error = optional_string(user(args->a[2]), TYPE_MAX, &type);
    if (!error)
        error = optional_string(user(args->a[0]), FS_PATH_MAX, &source);
    if (!error)
        error = optional_string(wants_options ? user(args->a[4]) : user(0), FS_PATH_MAX, &options);
    if (!error)
        error = path_at(AT_FDCWD, user(args->a[1]), 0, &at);
    if (!error) {
        error = cred_may(CAP_SYS_ADMIN) ? mount_at(&at, flags, type, source, options) : -EPERM;
        path_put(&at);
    }
    mem_free(type);
    mem_free(source);
    mem_free(options);
    return error;
}

long sys_umount2(const struct syscall_args *args)
{
    int flags = (int)args->a[1];
    struct path p;

    if (flags & ~(UMOUNT_FORCE | UMOUNT_DETACH | UMOUNT_NOFOLLOW))
        return -EINVAL;
    if (!cred_may(CAP_SYS_ADMIN))
        return -EPERM;
    int error = path_at(AT_FDCWD, user(args->a[0]), flags & UMOUNT_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0, &p);
    if (error)
        return error;
    error = mount_detach(&p, flags & UMOUNT_DETACH);
    path_put(&p);
    return error;
}
