/*
 * process_vm_readv(2), process_vm_writev(2): another process's memory, through a buffer of the kernel.
 */
#include <asm/errno.h>
#include <linux/uio.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/process.h"

#define SEGMENTS_MAX 1024 /* UIO_MAXIOV */

struct segments { /* a list of ranges, walked piece by piece */
    struct iovec *list;
    uint64_t count, index, offset;
};

static long segments_read(struct segments *s, uint64_t address, uint64_t count)
{
    *s = (struct segments){.count = count};
    if (count > SEGMENTS_MAX)
        return -EINVAL;
    if (!count)
        return 0;
    s->list = mem_alloc(count * sizeof(struct iovec));
    if (!s->list)
        return -ENOMEM;
    if (copy_from_user(s->list, user(address), count * sizeof(struct iovec)))
        return -EFAULT;
    uint64_t total = 0;
    for (uint64_t i = 0; i < count; i++) {
        total += s->list[i].iov_len;
        if (s->list[i].iov_len > INT64_MAX || total > INT64_MAX)
            return -EINVAL;
    }
    return 0;
}

/* The next piece, at most PAGE_SIZE; length 0: all done. */
static uint64_t segments_piece(struct segments *s, uint64_t *address)
{
    while (s->index < s->count && s->offset == s->list[s->index].iov_len) {
        s->index++;
        s->offset = 0;
    }
    if (s->index == s->count)
        return 0;
    *address = (uint64_t)s->list[s->index].iov_base + s->offset;
    return MIN(s->list[s->index].iov_len - s->offset, PAGE_SIZE);
}

static long move(struct space *space, struct segments *local, struct segments *remote, void *buffer, bool write)
{
    uint64_t here, there, total = 0;

    for (;;) {
        uint64_t n = segments_piece(local, &here), m = segments_piece(remote, &there);
        n = MIN(n, m);
        if (!n)
            return (long)total;
        uint64_t done = write ? copy_from_user_some(buffer, user(here), n) : space_read(space, there, buffer, n);
        if (done)
            done = write ? space_write(space, there, buffer, done) : copy_to_user_some(user(here), buffer, done);
        local->offset += done;
        remote->offset += done;
        total += done;
        if (done < n)
            return total ? (long)total : -EFAULT;
    }
}

static long transfer(const struct syscall_args *args, bool write)
{
    struct segments local = {0}, remote = {0};
    struct space *space = NULL;
    void *buffer = NULL;

    if (args->a[5])
        return -EINVAL;
    long result = segments_read(&local, args->a[1], args->a[2]);
    if (!result)
        result = segments_read(&remote, args->a[3], args->a[4]);
    if (!result)
        result = process_check_access((int32_t)args->a[0], false);
    if (result)
        goto out;
    space = process_space((int32_t)args->a[0]);
    buffer = mem_alloc(PAGE_SIZE);
    result = !space ? -ESRCH : !buffer ? -ENOMEM : move(space, &local, &remote, buffer, write);
out:
    mem_free(buffer);
    if (space)
        space_put(space);
    mem_free(local.list);
    mem_free(remote.list);
    return result;
}

long sys_process_vm_readv(const struct syscall_args *args)
{
    return transfer(args, false);
}

long sys_process_vm_writev(const struct syscall_args *args)
{
    return transfer(args, true);
}
