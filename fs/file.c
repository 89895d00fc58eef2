/*
 * Open file descriptions: references, and reading, writing and seeking with the checks that all files share.  The
 * position of a seekable file is guarded by file.lock for the whole call, so that two readers of one description never
 * get the same bytes (POSIX 2.9.7).
 */
#include "fs/file.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fs.h>
#include <linux/poll.h>

#include "fs/epoll.h"
#include "fs/file_lock.h"
#include "fs/lease.h"
#include "fs/inode.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/poll.h"

struct file *file_create(const struct file_ops *ops, void *data, uint32_t flags)
{
    struct file *f = mem_alloc_zero(sizeof *f);

    if (!f)
        return NULL;
    f->refs = 1;
    f->ops = ops;
    f->data = data;
    f->flags = flags;
    mutex_init(&f->lock);
    return f;
}

struct file *file_get(struct file *f)
{
    __atomic_fetch_add(&f->refs, 1, __ATOMIC_RELAXED);
    return f;
}

void file_put(struct file *f)
{
    if (__atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    epoll_forget_file(f);
    file_locks_release_file(f);
    leases_release_file(f);
    if (f->ops->release)
        f->ops->release(f);
    if (f->text_claim)
        __atomic_fetch_sub(&f->inode->writers, f->text_claim, __ATOMIC_RELEASE);
    if (f->counted_reader)
        __atomic_fetch_sub(&f->inode->readers, 1, __ATOMIC_RELEASE);
    inode_put(f->inode);
    path_put(&(struct path){f->mount, f->dentry});
    mem_free(f);
}

static bool is_directory(const struct file *f)
{
    return f->inode && S_ISDIR(f->inode->mode);
}

static int check_readable(struct file *f)
{
    if ((f->flags & O_PATH) || (f->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    if (is_directory(f))
        return -EISDIR;
    return f->ops->read ? 0 : -EINVAL;
}

static int check_writable(struct file *f)
{
    if ((f->flags & O_PATH) || (f->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    return f->ops->write ? 0 : -EINVAL;
}

/* Positions are signed in the interface: what would end past them is refused (rw_verify_area of Linux). */
static int check_range(uint64_t position, const struct io_iter *it)
{
    return position + it->remaining > (uint64_t)INT64_MAX ? -EINVAL : 0;
}

long file_read(struct file *f, struct io_iter *it)
{
    int error = check_readable(f);

    if (error)
        return error;
    if (!f->ops->seek)
        return f->ops->read(f, it, NULL);
    mutex_lock(&f->lock);
    long n = check_range(f->position, it);
    if (!n)
        n = f->ops->read(f, it, &f->position);
    mutex_unlock(&f->lock);
    return n;
}

long file_write(struct file *f, struct io_iter *it)
{
    int error = check_writable(f);

    if (error)
        return error;
    if (!f->ops->seek)
        return f->ops->write(f, it, NULL);
    mutex_lock(&f->lock);
    long n = check_range(f->position, it);
    if (!n)
        n = f->ops->write(f, it, &f->position);
    mutex_unlock(&f->lock);
    return n;
}

long file_read_at(struct file *f, struct io_iter *it, uint64_t offset)
{
    if (!f->ops->seek && !is_directory(f) && !(f->flags & O_PATH))
        return -ESPIPE;
    int error = check_readable(f);
    if (!error)
        error = check_range(offset, it);
    return error ? error : f->ops->read(f, it, &offset);
}

long file_write_at(struct file *f, struct io_iter *it, uint64_t offset)
{
    if (!f->ops->seek && !(f->flags & O_PATH))
        return -ESPIPE;
    int error = check_writable(f);
    if (!error)
        error = check_range(offset, it);
    return error ? error : f->ops->write(f, it, &offset);
}

long file_seek(struct file *f, int64_t offset, int whence)
{
    if (f->flags & O_PATH)
        return -EBADF;
    if (whence < SEEK_SET || whence > SEEK_MAX)
        return -EINVAL;
    if (!f->ops->seek)
        return f->ops->seeks_nowhere ? 0 : -ESPIPE;
    mutex_lock(&f->lock);
    long position = f->ops->seek(f, offset, whence);
    mutex_unlock(&f->lock);
    return position;
}

long file_generic_seek(struct file *f, int64_t offset, int whence, uint64_t size, uint64_t limit)
{
    int64_t base = 0;

    if (whence == SEEK_CUR)
        base = (int64_t)f->position;
    else if (whence == SEEK_END)
        base = (int64_t)size;
    else if (whence != SEEK_SET)
        return -EINVAL; /* SEEK_DATA and SEEK_HOLE are the file system's own */
    int64_t to;
    if (__builtin_add_overflow(base, offset, &to))
        return -EINVAL;
    if (to < 0 || (uint64_t)to > limit)
        return -EINVAL;
    f->position = (uint64_t)to;
    return to;
}

unsigned file_poll(struct file *f, struct poll_table *t)
{
    return f->ops->poll ? f->ops->poll(f, t) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

unsigned file_poll_keep(struct file *f, struct poll_table *t)
{
    if (t)
        t->asking = f;
    unsigned events = file_poll(f, t);
    if (!t || t->asking)
        file_put(f);
    if (t)
        t->asking = NULL;
    return events;
}

int file_permission(struct file *f, unsigned may)
{
    return inode_permission(f->inode, may); /* MAY_* are the same bits */
}

int file_stat(struct file *f, struct stat *out)
{
    if (f->inode) {
        inode_stat(f->inode, out);
        return 0;
    }
    if (f->ops->stat)
        return f->ops->stat(f, out);
    *out = (struct stat){.st_mode = 0600, .st_nlink = 1, .st_blksize = PAGE_SIZE};
    return 0;
}

int file_path(struct file *f, char *buf, size_t size)
{
    struct path root;
    bool deleted;

    if (!f->dentry)
        return -ENOENT;
    context_paths(&root, NULL);
    int n = path_format(&(struct path){f->mount, f->dentry}, &root, buf, size, &deleted);
    path_put(&root);
    return n;
}

long vfs_read_at(struct file *f, void *dst, size_t n, uint64_t offset)
{
    struct io_iter it;

    iter_init_kernel(&it, dst, n);
    return file_read_at(f, &it, offset);
}
