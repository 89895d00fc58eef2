/*
 * Links of /proc that lead to the very file, whatever its name is now: exe, cwd, root, fd/N.
 */
#include <asm/errno.h>

#include "fs/anon.h"
#include "fs/procfs.h"
#include "lib/format.h"
#include "lib/string.h"

/* The file of fd/N or exe, counted. */
static int link_file(struct inode *i, struct file **out)
{
    const struct procfs_source *s = procfs_source();
    int pid = proc_pid(i);

    if (proc_kind(i) != PROC_FD)
        return s->exe ? s->exe(pid, out) : -ENOENT;
    struct file_table *files = s->files ? s->files(pid) : NULL;
    if (!files)
        return -ENOENT;
    *out = file_table_at(files, (int)proc_index(i));
    file_table_put(files);
    return *out ? 0 : -ENOENT;
}

static bool names_path(const struct inode *i, const char *which)
{
    return proc_kind(i) == PROC_ENTRY && !strcmp(procfs_source()->entries[proc_index(i)].name, which);
}

static int link_path(struct inode *i, struct path *out)
{
    const struct procfs_source *s = procfs_source();
    struct file *f;

    if (names_path(i, "cwd"))
        return s->cwd ? s->cwd(proc_pid(i), out) : -ENOENT;
    if (names_path(i, "root"))
        return s->root ? s->root(proc_pid(i), out) : -ENOENT;
    int error = link_file(i, &f);
    if (error)
        return error;
    if (f->dentry) {
        *out = (struct path){f->mount, f->dentry};
        path_get(out);
    } else {
        error = -ENXIO; /* a file that only exists as a description: sockets */
    }
    file_put(f);
    return error;
}

static int format_path(const struct path *p, char *buf, size_t size)
{
    struct path root;
    bool deleted;

    if (anon_is(p->dentry))
        return (int)string_copy(buf, p->dentry->name, size);
    context_paths(&root, NULL);
    int n = path_format(p, &root, buf, size, &deleted);
    path_put(&root);
    if (n > 0 && deleted && (size_t)n < size)
        n += (int)string_copy(buf + n, " (deleted)", size - (size_t)n);
    return n;
}

int procfs_file_link_text(struct file *f, char *buf, size_t size)
{
    struct stat st;

    if (f->dentry)
        return format_path(&(struct path){f->mount, f->dentry}, buf, size);
    const char *name = f->ops->anonymous_name ? f->ops->anonymous_name : "anon_inode";
    if (strchr(name, ':') || file_stat(f, &st))
        return (int)string_copy(buf, name, size);
    return format(buf, size, "%s:[%llu]", name, (unsigned long long)st.st_ino);
}

static int read_link(struct inode *i, char *buf, size_t size)
{
    struct path p;
    struct file *f;

    if (names_path(i, "cwd") || names_path(i, "root")) {
        int error = link_path(i, &p);
        if (error)
            return error;
        int n = format_path(&p, buf, size);
        path_put(&p);
        return n;
    }
    int error = link_file(i, &f);
    if (error)
        return error;
    int n = procfs_file_link_text(f, buf, size);
    file_put(f);
    return n;
}

const struct inode_ops procfs_link_ops = {
    .read_link = read_link,
    .follow_link = link_path,
    .refresh = procfs_refresh,
};
