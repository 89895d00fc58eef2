/*
 * Directories: getdents(2), getcwd(2), chdir(2), chroot(2).
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/cred.h"
#include "guest_kernel/sys_file.h"
#include "lib/string.h"

/* Both layouts of an entry (man 2 getdents): number, next offset, length; then name, NUL, ... */
struct entry_head {
    uint64_t inode, next;
    uint16_t length;
};

#define NAME_OFFSET_OLD 18u /* and the type in the record's last byte */
#define NAME_OFFSET_64 19u  /* behind the type */
#define RECORD_MAX ALIGN_UP(NAME_OFFSET_64 + FS_NAME_MAX + 1 + 1, 8)

struct user_sink {
    struct dir_sink sink;
    user_ptr at;
    size_t left;
    bool is_64;
    int error;
};

/* One whole record at a time, so that what is behind the name is zeros. */
static bool add_entry(struct dir_sink *sink, const char *name, size_t length, uint64_t inode, uint64_t next,
                      unsigned type)
{
    struct user_sink *s = container_of(sink, struct user_sink, sink);
    unsigned char record[RECORD_MAX] = {0};
    size_t name_offset = s->is_64 ? NAME_OFFSET_64 : NAME_OFFSET_OLD;
    size_t size = ALIGN_UP(name_offset + length + (s->is_64 ? 1 : 2), 8);

    if (length > FS_NAME_MAX || size > s->left) {
        s->error = -EINVAL; /* counts only if not a single record fits */
        return false;
    }
    struct entry_head head = {inode, next, (uint16_t)size};
    memcpy(record, &head, NAME_OFFSET_OLD);
    memcpy(record + name_offset, name, length);
    record[s->is_64 ? NAME_OFFSET_OLD : size - 1] = (unsigned char)type;
    if (copy_to_user(s->at, record, size)) {
        s->error = -EFAULT;
        return false;
    }
    s->at = user_add(s->at, size);
    s->left -= size;
    return true;
}

static long read_entries(struct file *f, struct user_sink *s)
{
    size_t size = s->left;

    if (!f->ops->readdir)
        return -ENOTDIR;
    if (f->inode && f->inode->dead)
        return -ENOENT;
    mutex_lock(&f->lock);
    long error = f->ops->readdir(f, &s->sink);
    mutex_unlock(&f->lock);
    if (error)
        return error;
    return s->left < size ? (long)(size - s->left) : s->error;
}

static long get_entries(const struct syscall_args *args, bool is_64)
{
    struct file *f = fd_get((int)args->a[0]);
    struct user_sink s = {.sink.add = add_entry, .at = user(args->a[1]), .left = (unsigned)args->a[2], .is_64 = is_64};

    if (!f)
        return -EBADF;
    long n = read_entries(f, &s);
    file_put(f);
    return n;
}

long sys_getdents(const struct syscall_args *args)
{
    return get_entries(args, false);
}

long sys_getdents64(const struct syscall_args *args)
{
    return get_entries(args, true);
}

static int format_cwd(char *buf, size_t size)
{
    struct path root, cwd;
    bool deleted;

    context_paths(&root, &cwd);
    int n = path_format(&cwd, &root, buf, size, &deleted);
    path_put(&cwd);
    path_put(&root);
    return deleted ? -ENOENT : n;
}

long sys_getcwd(const struct syscall_args *args)
{
    char *buf = mem_alloc(FS_PATH_MAX);

    if (!buf)
        return -ENOMEM;
    long n = format_cwd(buf, FS_PATH_MAX);
    if (n >= 0) {
        n++; /* with the NUL */
        if ((uint64_t)n > args->a[1])
            n = -ERANGE;
        else if (copy_to_user(user(args->a[0]), buf, (size_t)n))
            n = -EFAULT;
    }
    mem_free(buf);
    return n;
}

static int may_enter(const struct path *p)
{
    if (!S_ISDIR(p->dentry->inode->mode))
        return -ENOTDIR;
    return inode_permission(p->dentry->inode, MAY_EXEC);
}

long sys_chdir(const struct syscall_args *args)
{
    struct path p;
    int error = path_at(AT_FDCWD, user(args->a[0]), 0, &p);

    if (error)
        return error;
    error = may_enter(&p);
    if (!error)
        fs_context_set_cwd(&p);
    path_put(&p);
    return error;
}

long sys_fchdir(const struct syscall_args *args)
{
    struct file *f = fd_get_any((int)args->a[0]);

    if (!f)
        return -EBADF;
    struct path p = {f->mount, f->dentry};
    int error = p.dentry ? may_enter(&p) : -ENOTDIR;
    if (!error)
        fs_context_set_cwd(&p);
    file_put(f);
    return error;
}

long sys_chroot(const struct syscall_args *args)
{
    struct path p;
    int error = path_at(AT_FDCWD, user(args->a[0]), 0, &p);

    if (error)
        return error;
    error = may_enter(&p);
    if (!error && !cred_may(CAP_SYS_CHROOT))
        error = -EPERM;
    if (!error)
        fs_context_set_root(&p);
    path_put(&p);
    return error;
}
