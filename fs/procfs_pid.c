/*
 * /proc/PID and /proc/PID/task/TID: the entries that the source names, and the directories fd, fdinfo and task.
 */
#include "fs/procfs.h"

#include <asm/errno.h>
#include <asm/fcntl.h>

#include "lib/format.h"
#include "lib/string.h"

int procfs_pid_exists(int pid)
{
    const struct procfs_source *s = procfs_source();
    uint32_t uid, gid;

    return s->owner && !s->owner(pid, true, &uid, &gid);
}

int procfs_file_pid(const struct file *f)
{
    return proc_pid(f->inode);
}

static struct file *file_of(int pid, int fd)
{
    struct file_table *files = procfs_source()->files ? procfs_source()->files(pid) : NULL;

    if (!files)
        return NULL;
    struct file *f = file_table_at(files, fd);
    file_table_put(files);
    return f;
}

bool procfs_pid_is_valid(const struct inode *i)
{
    if (!procfs_pid_exists(proc_pid(i)))
        return false;
    if (proc_kind(i) != PROC_FD && proc_kind(i) != PROC_FDINFO)
        return true;
    struct file *f = file_of(proc_pid(i), (int)proc_index(i));
    if (f)
        file_put(f);
    return f != NULL;
}

/* What is in a directory below /proc/PID. False: it is /proc/PID or /proc/PID/task/TID itself. */
static bool is_list(const struct inode *i, enum proc_kind *kind)
{
    const char *name = procfs_source()->entries[proc_index(i)].name;

    *kind = !strcmp(name, "fd") ? PROC_FD : !strcmp(name, "fdinfo") ? PROC_FDINFO : PROC_TASK;
    return proc_kind(i) == PROC_ENTRY;
}

/* A thread's directory has no list of threads. */
static bool is_hidden(const struct inode *dir, const char *entry)
{
    return proc_kind(dir) == PROC_TASK && !strcmp(entry, "task");
}

/* Links show by their permissions what the descriptor allows. */
static unsigned fd_mode(const struct file *f, enum proc_kind kind)
{
    static const unsigned modes[] = {0500, 0300, 0700, 0700};

    return kind == PROC_FDINFO ? S_IFREG | 0444 : S_IFLNK | modes[f->flags & O_ACCMODE];
}

static int lookup_fd(struct inode *dir, struct dentry *child, enum proc_kind kind)
{
    int fd = procfs_parse_number(child->name, child->name_length);
    struct file *f = fd < 0 ? NULL : file_of(proc_pid(dir), fd);

    if (!f)
        return -ENOENT;
    child->inode = procfs_inode(fd_mode(f, kind), proc_pid(dir), kind, (unsigned)fd);
    file_put(f);
    return child->inode ? 0 : -ENOMEM;
}

static int lookup_task(struct inode *dir, struct dentry *child)
{
    const struct procfs_source *s = procfs_source();
    int tid = procfs_parse_number(child->name, child->name_length);

    if (tid <= 0 || !s->next_tid || s->next_tid(proc_pid(dir), tid - 1) != tid)
        return -ENOENT;
    child->inode = procfs_inode(S_IFDIR | 0555, tid, PROC_TASK, 0);
    return child->inode ? 0 : -ENOMEM;
}

int procfs_pid_lookup(struct inode *dir, struct dentry *child)
{
    const struct procfs_source *s = procfs_source();
    enum proc_kind kind;

    if (!procfs_pid_exists(proc_pid(dir)))
        return -ENOENT;
    if (is_list(dir, &kind))
        return kind == PROC_TASK ? lookup_task(dir, child) : lookup_fd(dir, child, kind);
    for (size_t n = 0; n < s->count; n++) {
        if (strcmp(s->entries[n].name, child->name) || is_hidden(dir, child->name))
            continue;
        child->inode = procfs_inode(s->entries[n].mode, proc_pid(dir), PROC_ENTRY, (unsigned)n);
        return child->inode ? 0 : -ENOMEM;
    }
    return -ENOENT;
}

static long readdir_fds(struct file *f, struct dir_sink *sink, enum proc_kind kind)
{
    int pid = proc_pid(f->inode);
    struct file_table *files = procfs_source()->files ? procfs_source()->files(pid) : NULL;

    if (!files)
        return -ENOENT;
    for (int fd = (int)f->position - 3; (fd = file_table_next(files, fd)) >= 0;) {
        char name[12];
        int n = format(name, sizeof name, "%d", fd);
        if (!sink->add(sink, name, (size_t)n, proc_key(pid, kind, (unsigned)fd) + 1, (uint64_t)fd + 3,
                       MODE_TO_DT(kind == PROC_FD ? S_IFLNK : S_IFREG)))
            break;
        f->position = (uint64_t)fd + 3;
    }
    file_table_put(files);
    return 0;
}

static long readdir_tasks(struct file *f, struct dir_sink *sink)
{
    const struct procfs_source *s = procfs_source();
    int pid = proc_pid(f->inode), tid = (int)f->position - 2;

    while (s->next_tid && (tid = s->next_tid(pid, tid))) {
        char name[12];
        int n = format(name, sizeof name, "%d", tid);
        if (!sink->add(sink, name, (size_t)n, proc_key(tid, PROC_TASK, 0) + 1, (uint64_t)tid + 2, MODE_TO_DT(S_IFDIR)))
            break;
        f->position = (uint64_t)tid + 2;
    }
    return 0;
}

long procfs_pid_readdir(struct file *f, struct dir_sink *sink)
{
    const struct procfs_source *s = procfs_source();
    int pid = proc_pid(f->inode);
    enum proc_kind kind;

    if (!procfs_pid_exists(pid))
        return -ENOENT;
    if (is_list(f->inode, &kind))
        return kind == PROC_TASK ? readdir_tasks(f, sink) : readdir_fds(f, sink, kind);
    for (uint64_t n = f->position - 2; n < s->count; n++) {
        if (is_hidden(f->inode, s->entries[n].name))
            continue;
        if (!sink->add(sink, s->entries[n].name, strlen(s->entries[n].name), proc_key(pid, PROC_ENTRY, (unsigned)n) + 1,
                       n + 3, MODE_TO_DT(s->entries[n].mode)))
            break;
        f->position = n + 3;
    }
    return 0;
}
