/*
 * madvise(2) and process_madvise(2): what each advice does to an area, and what refuses it.
 */
#include <asm/errno.h>
#include <asm/mman.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <linux/mman.h>
#include <linux/uio.h>

#include "abi/syscalls.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/pidfd.h"
#include "guest_kernel/sys_file.h"

static int not_locked(const struct area *a)
{
    return a->flags & MAP_LOCKED ? -EINVAL : 0;
}

static int private_memory(const struct area *a)
{
    return a->file || (a->flags & MAP_SHARED) ? -EINVAL : 0;
}

static int freeable(const struct area *a)
{
    return not_locked(a) ? -EINVAL : private_memory(a);
}

/*
 * Nothing is written out, and there is no read-ahead: advice about that is taken and comes to nothing, but it is shown.
 * MADV_FREE may drop pages at any time: it does so at once.
 */
static const struct {
    uint8_t number;
    struct space_advice advice;
} table[] = {
    {MADV_NORMAL, {.clear = SPACE_MAP_RANDOM | SPACE_MAP_SEQUENTIAL}},
    {MADV_RANDOM, {.set = SPACE_MAP_RANDOM, .clear = SPACE_MAP_SEQUENTIAL}},
    {MADV_SEQUENTIAL, {.set = SPACE_MAP_SEQUENTIAL, .clear = SPACE_MAP_RANDOM}},
    {MADV_WILLNEED, {0}},
    {MADV_COLD, {.check = not_locked}},
    {MADV_PAGEOUT, {.check = not_locked}},
    {MADV_DONTNEED, {.check = not_locked, .what = ADVICE_DROP}},
    {MADV_DONTNEED_LOCKED, {.what = ADVICE_DROP}},
    {MADV_FREE, {.check = freeable, .what = ADVICE_DROP}},
    {MADV_DONTFORK, {.set = SPACE_MAP_NO_FORK}},
    {MADV_DOFORK, {.clear = SPACE_MAP_NO_FORK}},
    {MADV_WIPEONFORK, {.set = SPACE_MAP_WIPE_ON_FORK, .check = private_memory}},
    {MADV_KEEPONFORK, {.clear = SPACE_MAP_WIPE_ON_FORK}},
    {MADV_DONTDUMP, {.set = SPACE_MAP_NO_DUMP}},
    {MADV_DODUMP, {.clear = SPACE_MAP_NO_DUMP}},
    {MADV_HUGEPAGE, {.set = SPACE_MAP_LARGE, .clear = SPACE_MAP_NO_LARGE}},
    {MADV_NOHUGEPAGE, {.set = SPACE_MAP_NO_LARGE, .clear = SPACE_MAP_LARGE}},
};

static const struct space_advice *advice_find(int number)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (table[i].number == number)
            return &table[i].advice;
    return NULL;
}

/* MADV_REMOVE of one area: a hole in its file. */
static long remove_from_file(const struct area *a, uint64_t start, uint64_t end)
{
    struct file *f = a->file ? mapping_file(a->file) : NULL;

    if ((a->flags & MAP_LOCKED) || !f)
        return -EINVAL;
    if (!(a->flags & MAP_SHARED) || (a->flags & SPACE_MAP_NO_WRITE) || !(a->prot & PROT_WRITE))
        return -EACCES;
    return file_allocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, a->file_offset + (start - a->start),
                         end - start);
}

static long advise_remove(struct space *s, uint64_t start, uint64_t length)
{
    uint64_t end = start + length;
    long result = 0;

    while (start < end) {
        struct area a;

        if (!space_area_copy(s, start, &a))
            return -ENOMEM;
        uint64_t from = MAX(a.start, start), to = MIN(a.end, end);
        long error = from < end ? remove_from_file(&a, from, to) : 0;

        if (a.start > start)
            result = -ENOMEM; /* a hole in the range */
        start = a.end;
        if (a.file)
            a.file->ops->put(a.file, false);
        if (error)
            return error;
    }
    return result;
}

static long advise(struct space *s, uint64_t start, uint64_t length, int number)
{
    const struct space_advice *advice = advice_find(number);
    bool known = advice || number == MADV_REMOVE || number == MADV_POPULATE_READ || number == MADV_POPULATE_WRITE ||
                 number == MADV_COLLAPSE;
    uint64_t size = ALIGN_UP(length, PAGE_SIZE);

    if (!known || !IS_ALIGNED(start, PAGE_SIZE) || size < length || start + size < start)
        return -EINVAL;
    if (!size)
        return 0;
    switch (number) {
    case MADV_REMOVE:
        return advise_remove(s, start, size);
    case MADV_POPULATE_READ:
        return space_populate(s, start, size, POPULATE_READ);
    case MADV_POPULATE_WRITE:
        return space_populate(s, start, size, POPULATE_WRITE);
    case MADV_COLLAPSE:
        return space_collapse(s, start, size);
    default:
        return space_advise(s, start, size, advice);
    }
}

long sys_madvise(const struct syscall_args *args)
{
    return advise(task_current()->space, args->a[0], args->a[1], (int)args->a[2]);
}

/* The pieces of a vector in turn; bytes advised, or why the first was not. */
static long advise_vector(struct space *s, const struct iovec *v, uint32_t count, int number)
{
    uint64_t done = 0;

    for (uint32_t n = 0; n < count; n++) {
        long error = advise(s, (uint64_t)v[n].iov_base, v[n].iov_len, number);

        if (error)
            return done ? (long)done : error;
        done += v[n].iov_len;
    }
    return (long)done;
}

static long check_process(const struct process *p)
{
    long error = process_check_access(p->pid, true);

    if (error)
        return error == -EPERM ? -EACCES : error;
    return cred_may(CAP_SYS_NICE) ? 0 : -EPERM;
}

static long advise_process(int fd, const struct iovec *v, uint32_t count, int number)
{
    struct process *p = pidfd_process(fd, NULL);
    long result = -EINVAL;

    if (!p)
        return -EBADF;
    if (number == MADV_COLD || number == MADV_PAGEOUT || number == MADV_WILLNEED || number == MADV_COLLAPSE)
        result = check_process(p);
    struct space *s = result ? NULL : process_space(p->pid);
    if (s) {
        result = advise_vector(s, v, count, number);
        space_put(s);
    } else if (!result) {
        result = -ESRCH;
    }
    process_put(p);
    return result;
}

/* Linux counts the pieces in 32 bits, and reads them all before it asks whose memory it is. */
long sys_process_madvise(const struct syscall_args *args)
{
    uint32_t count = (uint32_t)args->a[2];
    struct iovec *v;

    if (args->a[4] || count > UIO_MAXIOV)
        return -EINVAL;
    v = mem_alloc(MAX(count, 1u) * sizeof *v);
    if (!v)
        return -ENOMEM;
    long result = copy_from_user(v, user(args->a[1]), count * sizeof *v) ? -EFAULT : 0;
    if (!result)
        result = advise_process((int)args->a[0], v, count, (int)args->a[3]);
    mem_free(v);
    return result;
}
