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

int procfs_show_auxv(int pid, struct text *t)
{
    struct space *s = process_space(pid);
    int error = s ? show_range(s, space_layout(s)->auxv_start, space_layout(s)->auxv_end, t) : 0;

    if (s)
        space_put(s);
    return error;
}

int procfs_show_environ(int pid, struct text *t)
{
    struct space *s = process_space(pid);
    int error = s ? show_range(s, space_layout(s)->env_start, space_layout(s)->env_end, t) : 0;

    if (s)
        space_put(s);
    return error;
}
