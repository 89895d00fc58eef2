/*
 * sendfile(2) and copy_file_range(2): from one file to another through a buffer of the kernel's.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/wait.h"
#include "guest_kernel/sys_file.h"

#define BUFFER_SIZE KiB(64)

/* Where each side reads or writes: a position of the call's own, or the file's. */
struct side {
    struct file *file;
    bool own_position;
    uint64_t position;
};

static long side_read(struct side *s, void *buffer, size_t n)
{
    struct io_iter it;

    iter_init_kernel(&it, buffer, n);
    return file_read_at(s->file, &it, s->position);
}

static long side_write(struct side *s, void *buffer, size_t n)
{
    struct io_iter it;

    iter_init_kernel(&it, buffer, n);
    return s->own_position ? file_write_at(s->file, &it, s->position) : file_write(s->file, &it);
}

/* Input is read at in->position, which moves by what was written: nothing is lost when the output takes less. */
static long copy(struct side *in, struct side *out, uint64_t count)
{
    char *buffer = mem_alloc(BUFFER_SIZE);
    long total = 0, n = 0;

    if (!buffer)
        return -ENOMEM;
    count = MIN(count, RW_COUNT_MAX);
    while ((uint64_t)total < count) {
        size_t want = MIN(count - (uint64_t)total, BUFFER_SIZE);
        long got = side_read(in, buffer, want);
        n = got > 0 ? side_write(out, buffer, (size_t)got) : got;
        if (n <= 0)
            break;
        total += n;
        in->position += (uint64_t)n;
        out->position += (uint64_t)n;
        if (n < got || (size_t)got < want || task_signal_pending())
            break;
    }
    mem_free(buffer);
    return total ? total : n;
}

/* A seekable source: a stream would lose what the output does not take. */
static int check_source(const struct file *f)
{
    if ((f->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    return f->ops->seek && f->ops->read ? 0 : -EINVAL;
}

static int check_target(const struct file *f)
{
    if ((f->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    return f->flags & O_APPEND ? -EINVAL : 0;
}

/* The position to start at: the caller's, or the file's own. */
static int side_take_offset(struct side *s, user_ptr offset)
{
    s->own_position = !user_is_null(offset);
    return s->own_position && copy_from_user(&s->position, offset, sizeof s->position) ? -EFAULT : 0;
}

static int side_read_offset(struct side *s, user_ptr offset)
{
    s->position = s->file->position;
    return side_take_offset(s, offset);
}

static int side_end(struct side *s, user_ptr offset)
{
    if (s->own_position)
        return put_user(offset, s->position);
    mutex_lock(&s->file->lock);
    s->file->position = s->position;
    mutex_unlock(&s->file->lock);
    return 0;
}

static long send(struct side *in, struct side *out, user_ptr offset, uint64_t count)
{
    int error = check_source(in->file);

    if (!error)
        error = check_target(out->file);
    if (!in->own_position)
        in->position = in->file->position;
    if (!error && ((int64_t)in->position < 0 || (int64_t)count < 0))
        error = -EINVAL;
    if (error)
        return error;
    long n = copy(in, out, count);
    if (n > 0 && side_end(in, offset))
        return -EFAULT;
    return n;
}

long sys_sendfile(const struct syscall_args *args)
{
    struct side in = {0}, out = {0};

    if (side_take_offset(&in, user(args->a[2]))) /* before the descriptors are looked at */
        return -EFAULT;
    in.file = fd_get((int)args->a[1]);
    out.file = fd_get((int)args->a[0]);
    long n = in.file && out.file ? send(&in, &out, user(args->a[2]), args->a[3]) : -EBADF;

    if (in.file)
        file_put(in.file);
    if (out.file)
        file_put(out.file);
    return n;
}

static bool overlaps(const struct side *in, const struct side *out, uint64_t count)
{
    return in->file->inode == out->file->inode && in->position < out->position + count &&
           out->position < in->position + count;
}

static int check_regular(const struct file *f)
{
    if (f->inode && S_ISDIR(f->inode->mode))
        return -EISDIR;
    return f->inode && S_ISREG(f->inode->mode) ? 0 : -EINVAL;
}

static long copy_range(struct side *in, user_ptr in_offset, struct side *out, user_ptr out_offset, uint64_t count,
                       uint32_t flags)
{
    int error = side_read_offset(in, in_offset);

    if (!error)
        error = side_read_offset(out, out_offset);
    if (!error && flags)
        error = -EINVAL;
    if (!error)
        error = check_regular(in->file);
    if (!error)
        error = check_regular(out->file);
    if (!error && ((in->file->flags & O_ACCMODE) == O_WRONLY || (out->file->flags & O_ACCMODE) == O_RDONLY ||
                   (out->file->flags & O_APPEND)))
        error = -EBADF;
    if (!error && ((int64_t)in->position < 0 || (int64_t)out->position < 0))
        error = -EINVAL;
    if (!error && in->file->inode->sb != out->file->inode->sb)
        error = -EXDEV;
    if (error)
        return error;
    count = in->position < in->file->inode->size ? MIN(count, in->file->inode->size - in->position) : 0;
    if (overlaps(in, out, count))
        return -EINVAL;
    bool own = out->own_position;
    out->own_position = true; /* write at out->position; the file's own is set at the end */
    long n = count ? copy(in, out, count) : 0;
    out->own_position = own;
    if (n > 0 && (side_end(in, in_offset) || side_end(out, out_offset)))
        return -EFAULT;
    return n;
}

long sys_copy_file_range(const struct syscall_args *args)
{
    struct side in = {.file = fd_get((int)args->a[0])}, out = {.file = fd_get((int)args->a[2])};
    long n = -EBADF;

    if (in.file && out.file)
        n = copy_range(&in, user(args->a[1]), &out, user(args->a[3]), args->a[4], (uint32_t)args->a[5]);
    if (in.file)
        file_put(in.file);
    if (out.file)
        file_put(out.file);
    return n;
}
