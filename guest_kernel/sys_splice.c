/*
 * splice(2), tee(2), vmsplice(2): arguments and their refusals, in Linux's order.  What moves is in fs/splice.c.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "abi/splice_flags.h"
#include "abi/syscalls.h"
#include "fs/pipe.h"
#include "fs/splice.h"
#include "guest_kernel/sys_file.h"

static bool can_read(const struct file *f)
{
    return (f->flags & O_ACCMODE) != O_WRONLY;
}

static bool can_write(const struct file *f)
{
    return (f->flags & O_ACCMODE) != O_RDONLY;
}

static long check_offset(const struct file *f, const uint64_t *offset, size_t length)
{
    if (!offset)
        return 0;
    if (!f->ops->seek)
        return -EINVAL;
    return (int64_t)*offset < 0 || *offset + length > (uint64_t)INT64_MAX ? -EINVAL : 0;
}

static long splice_two(struct file *in, uint64_t *in_offset, struct file *out, uint64_t *out_offset, size_t length,
                       unsigned flags)
{
    bool from_pipe = file_is_pipe(in), to_pipe = file_is_pipe(out);
    long error = 0;

    if (!can_read(in) || !can_write(out))
        return -EBADF;
    if (from_pipe && to_pipe)
        return splice_is_same_pipe(in, out) ? -EINVAL : splice_pipes(in, out, length, flags);
    if (!from_pipe && !to_pipe)
        return -EINVAL;
    if (from_pipe) {
        error = out->flags & O_APPEND ? -EINVAL : check_offset(out, out_offset, length);
        return error ? error : splice_to_file(in, out, out_offset, length, flags);
    }
    error = check_offset(in, in_offset, length);
    return error ? error : splice_from_file(in, in_offset, out, length, flags);
}

static long splice_with_offsets(struct file *in, user_ptr in_at, struct file *out, user_ptr out_at, size_t length,
                                unsigned flags)
{
    uint64_t in_offset, out_offset;
    bool has_in = !user_is_null(in_at), has_out = !user_is_null(out_at);

    if ((file_is_pipe(in) && has_in) || (file_is_pipe(out) && has_out))
        return -ESPIPE;
    if (has_out && get_user(out_offset, out_at))
        return -EFAULT;
    if (has_in && get_user(in_offset, in_at))
        return -EFAULT;
    long n = splice_two(in, has_in ? &in_offset : NULL, out, has_out ? &out_offset : NULL, length, flags);
    if (n < 0)
        return n;
    if (has_out && put_user(out_at, out_offset))
        return -EFAULT;
    return has_in && put_user(in_at, in_offset) ? -EFAULT : n;
}

static bool flags_are_bad(unsigned flags)
{
    return flags & ~(unsigned)(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT);
}

long sys_splice(const struct syscall_args *args)
{
    size_t length = MIN(args->a[4], (uint64_t)RW_COUNT_MAX);
    unsigned flags = (unsigned)args->a[5];

    if (!args->a[4])
        return 0;
    if (flags_are_bad(flags))
        return -EINVAL;
    struct file *in = fd_get((int)args->a[0]), *out = fd_get((int)args->a[2]);
    long n = -EBADF;

    if (in && out)
        n = splice_with_offsets(in, user(args->a[1]), out, user(args->a[3]), length, flags);
    if (in)
        file_put(in);
    if (out)
        file_put(out);
    return n;
}

static long tee(struct file *in, struct file *out, size_t length, unsigned flags)
{
    if (!can_read(in) || !can_write(out))
        return -EBADF;
    if (!file_is_pipe(in) || !file_is_pipe(out) || splice_is_same_pipe(in, out))
        return -EINVAL;
    return splice_tee(in, out, length, flags);
}

long sys_tee(const struct syscall_args *args)
{
    unsigned flags = (unsigned)args->a[3];

    if (flags_are_bad(flags))
        return -EINVAL;
    if (!args->a[2])
        return 0;
    struct file *in = fd_get((int)args->a[0]), *out = fd_get((int)args->a[1]);
    long n = in && out ? tee(in, out, args->a[2], flags) : -EBADF;

    if (in)
        file_put(in);
    if (out)
        file_put(out);
    return n;
}

static long splice_memory(struct file *f, struct io_iter *it, unsigned flags)
{
    if (!it->remaining)
        return 0;
    if (!file_is_pipe(f))
        return -EBADF;
    return can_write(f) ? splice_from_user(f, it, flags) : splice_to_user(f, it, flags);
}

long sys_vmsplice(const struct syscall_args *args)
{
    unsigned flags = (unsigned)args->a[3];
    struct vector v;

    if (flags_are_bad(flags))
        return -EINVAL;
    struct file *f = fd_get((int)args->a[0]);
    if (!f)
        return -EBADF;
    long n = vector_from_user(&v, user(args->a[1]), args->a[2]);
    if (!n) {
        n = splice_memory(f, &v.it, flags);
        vector_free(&v);
    }
    file_put(f);
    return n;
}
