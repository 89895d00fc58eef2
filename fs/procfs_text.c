/*
 * Text files of /proc: made whole when they are read from the start, so that one reader sees one moment.
 */
#include <asm/errno.h>

#include "fs/procfs.h"
#include "guest_kernel/core/alloc.h"
#include "lib/string.h"

static int show_fdinfo(int pid, unsigned fd, struct text *t)
{
    struct file_table *files = procfs_source()->files ? procfs_source()->files(pid) : NULL;
    struct file *f = files ? file_table_at(files, (int)fd) : NULL;

    if (f) {
        text_printf(t, "pos:\t%llu\nflags:\t0%o\nmnt_id:\t%d\nino:\t%llu\n", (unsigned long long)f->position, f->flags,
                    f->mount ? f->mount->id : 0, (unsigned long long)(f->inode ? f->inode->number : 0));
        file_put(f);
    }
    if (files)
        file_table_put(files);
    return f ? 0 : -ENOENT;
}

static int show(struct inode *i, struct text *t)
{
    if (proc_kind(i) == PROC_STATIC)
        return procfs_static_show(proc_index(i), t);
    if (proc_kind(i) == PROC_FDINFO)
        return show_fdinfo(proc_pid(i), proc_index(i), t);
    return procfs_source()->entries[proc_index(i)].show(proc_pid(i), t);
}

static void text_reset(struct text *t)
{
    mem_free(t->data);
    *t = (struct text){0};
}

static const struct procfs_pid_entry *entry_of(const struct inode *i)
{
    return proc_kind(i) == PROC_ENTRY ? &procfs_source()->entries[proc_index(i)] : NULL;
}

static int text_open(struct file *f)
{
    f->data = mem_alloc_zero(sizeof(struct text));
    return f->data ? 0 : -ENOMEM;
}

static void text_release(struct file *f)
{
    text_reset(f->data);
    mem_free(f->data);
}

/* file.lock is held by read(2), not by pread(2): the inode's lock guards the buffer against both. */
static long read_locked(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct text *t = f->data;

    if (*position == 0 || !t->data) {
        text_reset(t);
        int error = show(f->inode, t);
        if (!error && t->failed)
            error = -ENOMEM;
        if (error)
            return error;
    }
    if (*position >= t->used)
        return 0;
    size_t want = MIN(t->used - *position, it->remaining);
    size_t done = iter_write(it, t->data + *position, want);
    *position += done;
    return want && !done ? -EFAULT : (long)done;
}

static long text_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    mutex_lock(&f->inode->lock);
    long n = read_locked(f, it, position);
    mutex_unlock(&f->inode->lock);
    return n;
}

/* Settings, by one write; of those of the system what is empty or comes later in the file is ignored, as on Linux. */
static long setting_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    const struct procfs_pid_entry *e = entry_of(f->inode);
    char text[TEXT_STORE_MAX + 1];
    size_t n = it->remaining;

    if (e ? !e->store : proc_kind(f->inode) != PROC_STATIC)
        return -EIO;
    if (n >= sizeof text)
        return -EINVAL;
    if (iter_read(it, text, n) != n)
        return -EFAULT;
    text[n] = '\0';
    int error = 0;
    if (e)
        error = e->store(proc_pid(f->inode), text, n);
    else if (n && !*position)
        error = procfs_static_set(proc_index(f->inode), text);
    if (error)
        return error;
    *position += n;
    return (long)n;
}

static long text_seek(struct file *f, int64_t offset, int whence)
{
    return file_generic_seek(f, offset, whence, 0, INT64_MAX);
}

const struct file_ops procfs_text_ops = {
    .open = text_open,
    .read = text_read,
    .write = setting_write,
    .seek = text_seek,
    .release = text_release,
};
