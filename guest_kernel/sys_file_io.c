/*
 * read(2), write(2) and their positioned and vectored forms; lseek(2).
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <linux/fs.h>
#include <linux/uio.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/sys_file.h"

enum direction { READ, WRITE };

#define POSITION_CURRENT UINT64_MAX

static long transfer(struct file *f, enum direction direction, struct io_iter *it, uint64_t position)
{
    if (position == POSITION_CURRENT)
        return direction == READ ? file_read(f, it) : file_write(f, it);
    return direction == READ ? file_read_at(f, it, position) : file_write_at(f, it, position);
}

static long transfer_buffer(int fd, enum direction direction, uint64_t buffer, uint64_t count, uint64_t position)
{
    struct file *f = fd_get(fd);
    struct io_iter it;

    if (!f)
        return -EBADF;
    bool range_ok = user_range_ok(buffer, count);
    iter_init_user(&it, user(buffer), range_ok ? MIN(count, RW_COUNT_MAX) : 0);
    long n = transfer(f, direction, &it, position); /* what the file itself has against it comes first */
    file_put(f);
    return n >= 0 && !range_ok ? -EFAULT : n;
}

long sys_read(const struct syscall_args *args)
{
    return transfer_buffer((int)args->a[0], READ, args->a[1], args->a[2], POSITION_CURRENT);
}

long sys_write(const struct syscall_args *args)
{
    return transfer_buffer((int)args->a[0], WRITE, args->a[1], args->a[2], POSITION_CURRENT);
}

long sys_pread64(const struct syscall_args *args)
{
    if ((int64_t)args->a[3] < 0)
        return -EINVAL;
    return transfer_buffer((int)args->a[0], READ, args->a[1], args->a[2], args->a[3]);
}

long sys_pwrite64(const struct syscall_args *args)
{
    if ((int64_t)args->a[3] < 0)
        return -EINVAL;
    return transfer_buffer((int)args->a[0], WRITE, args->a[1], args->a[2], args->a[3]);
}

/* Checks the segments and cuts them so that their sum stays below RW_COUNT_MAX. */
static int vector_check(struct io_segment *segments, size_t count)
{
    uint64_t total = 0;

    for (size_t n = 0; n < count; n++) {
        if ((int64_t)segments[n].length < 0)
            return -EINVAL;
        if (!user_range_ok(segments[n].base, segments[n].length))
            return -EFAULT;
        segments[n].length = MIN(segments[n].length, RW_COUNT_MAX - total);
        total += segments[n].length;
    }
    return 0;
}

_Static_assert(sizeof(struct io_segment) == sizeof(struct iovec), "a user's iovec is copied into segments");

int vector_from_user(struct vector *v, user_ptr vector, size_t count)
{
    v->segments = v->few;
    if (count > UIO_MAXIOV)
        return -EINVAL;
    if (count > VECTOR_INLINE)
        v->segments = mem_alloc(count * sizeof *v->segments);
    if (!v->segments)
        return -ENOMEM;
    int error = copy_from_user(v->segments, vector, count * sizeof *v->segments);
    if (!error)
        error = vector_check(v->segments, count);
    if (error)
        vector_free(v);
    else
        iter_init_segments(&v->it, v->segments, count);
    return error;
}

void vector_free(struct vector *v)
{
    if (v->segments != v->few)
        mem_free(v->segments);
}

static long transfer_segments(struct file *f, enum direction direction, user_ptr vector, size_t count,
                              uint64_t position)
{
    struct vector v;
    long n = vector_from_user(&v, vector, count);

    if (n)
        return n;
    n = transfer(f, direction, &v.it, position);
    vector_free(&v);
    return n;
}

static long transfer_vector(const struct syscall_args *args, enum direction direction, uint64_t position)
{
    struct file *f = fd_get((int)args->a[0]);

    if (!f)
        return -EBADF;
    long n = transfer_segments(f, direction, user(args->a[1]), args->a[2], position);
    file_put(f);
    return n;
}

long sys_readv(const struct syscall_args *args)
{
    return transfer_vector(args, READ, POSITION_CURRENT);
}

long sys_writev(const struct syscall_args *args)
{
    return transfer_vector(args, WRITE, POSITION_CURRENT);
}

/* The position's high half (a[4]) has no bits on a 64-bit machine. */
long sys_preadv(const struct syscall_args *args)
{
    return (int64_t)args->a[3] < 0 ? -EINVAL : transfer_vector(args, READ, args->a[3]);
}

long sys_pwritev(const struct syscall_args *args)
{
    return (int64_t)args->a[3] < 0 ? -EINVAL : transfer_vector(args, WRITE, args->a[3]);
}

/*
 * RWF_HIPRI, RWF_DSYNC and RWF_SYNC ask for no more than what happens anyway: memory is all the storage there is.
 * The others change what the call does and are refused, as by a file that cannot.
 */
static long transfer_flagged(const struct syscall_args *args, enum direction direction)
{
    if (args->a[5] & ~(uint64_t)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC))
        return -EOPNOTSUPP;
    if ((int64_t)args->a[3] < -1)
        return -EINVAL;
    return transfer_vector(args, direction, args->a[3]); /* -1 is POSITION_CURRENT */
}

long sys_preadv2(const struct syscall_args *args)
{
    return transfer_flagged(args, READ);
}

long sys_pwritev2(const struct syscall_args *args)
{
    return transfer_flagged(args, WRITE);
}

long sys_lseek(const struct syscall_args *args)
{
    struct file *f = fd_get((int)args->a[0]);

    if (!f)
        return -EBADF;
    long position = file_seek(f, (int64_t)args->a[1], (int)args->a[2]);
    file_put(f);
    return position;
}
