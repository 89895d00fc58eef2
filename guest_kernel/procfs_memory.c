/*
 * /proc/PID/cmdline, environ and auxv: what is read out of a process's address space; and what files that show the space
 * itself have in common.
 */
#include <asm/errno.h>
#include <linux/fs.h>

#include "fs/file.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/space.h"
#include "guest_kernel/process.h"
#include "guest_kernel/procfs.h"
#include "lib/string.h"

#define STRINGS_MAX KiB(128)    /* of arguments or environment that are shown */

bool procfs_is_gone(int pid)
{
    struct process_info info;

    return process_info(pid, &info);
}

int procfs_hold_space(const struct file *f, struct space **out)
{
    int pid = procfs_file_pid(f);
    long error = process_check_access(pid, true);

    *out = error ? NULL : process_space(pid);
    if (*out) {
        space_hold(*out);
        space_put(*out);
    }
    if (error == -ESRCH && !procfs_is_gone(pid))
        return 0; /* a zombie has nothing to be guarded */
    return error == -EPERM ? -EACCES : (int)error;
}

long procfs_seek_endless(struct file *f, int64_t offset, int whence)
{
    return whence == SEEK_END ? -EINVAL : file_generic_seek(f, offset, whence, 0, INT64_MAX);
}

static int show_range(struct space *s, uint64_t start, uint64_t end, struct text *t)
{
    size_t size = start < end ? MIN(end - start, STRINGS_MAX) : 0;
    char *copy = size ? mem_alloc(size) : NULL;

    if (!size)
        return 0;
    if (!copy)
        return -ENOMEM;
    text_write(t, copy, space_read(s, start, copy, size));
    mem_free(copy);
    return 0;
}

int procfs_show_cmdline(int pid, struct text *t)
{
    struct space *s = process_space(pid);
    int error = s ? show_range(s, space_layout(s)->arg_start, space_layout(s)->arg_end, t) : 0;

    if (s)
        space_put(s);
    return error;
}

/* What was allowed was a look into the memory that the process had then: another program's is not shown. */
static int range_open(struct file *f)
{
    struct space *s;
    int error = procfs_hold_space(f, &s);

    f->data = s;
    return error;
}

static void range_release(struct file *f)
{
    if (f->data)
        space_release(f->data);
}

/* Bytes from `start` + *position on, before `end`, by pages; 0: that is its end, or the memory is gone. */
static long range_transfer(struct space *s, struct io_iter *it, uint64_t *position, uint64_t start, uint64_t end)
{
    uint64_t size = start < end ? end - start : 0;
    char *page = mem_alloc(PAGE_SIZE);
    long total = 0;

    if (!page)
        return -ENOMEM;
    while (it->remaining && *position < size) {
        size_t n = MIN(MIN(it->remaining, PAGE_SIZE), size - *position);
        n = space_read(s, start + *position, page, n);
        if (!n)
            break;
        if (iter_write(it, page, n) != n) {
            total = -EFAULT;
            break;
        }
        *position += n;
        total += (long)n;
        task_relax();
    }
    mem_free(page);
    return total;
}

static long range_read(struct file *f, struct io_iter *it, uint64_t *position, bool environment)
{
    struct space *s = f->data;

    if (!s || !space_get_live(s))
        return 0;
    const struct space_layout *l = space_layout(s);
    long n = environment ? range_transfer(s, it, position, l->env_start, l->env_end)
                         : range_transfer(s, it, position, l->auxv_start, l->auxv_end);

    space_put(s);
    return n;
}

static long environ_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    return range_read(f, it, position, true);
}

static long auxv_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    return range_read(f, it, position, false);
}

static long range_seek(struct file *f, int64_t offset, int whence)
{
    return file_generic_seek(f, offset, whence, 0, INT64_MAX);
}

const struct file_ops procfs_environ_ops = {
    .open = range_open,
    .read = environ_read,
    .seek = range_seek,
    .release = range_release,
};

const struct file_ops procfs_auxv_ops = {
    .open = range_open,
    .read = auxv_read,
    .seek = range_seek,
    .release = range_release,
};
