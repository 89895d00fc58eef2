/*
 * /proc/PID/mounts and mountinfo: the mounts that can be reached from the process's root.
 */
#include <asm/errno.h>
#include <linux/mount.h>

#include "fs/inode.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/process.h"
#include "guest_kernel/procfs.h"
#include "lib/string.h"

/* Blanks and backslashes as octal, so that fields stay fields. */
static void write_escaped(struct text *t, const char *s)
{
    for (; *s; s++) {
        if (strchr(" \t\n\\", *s))
            text_printf(t, "\\%03o", (unsigned char)*s);
        else
            text_write(t, s, 1);
    }
}

static void write_options(struct text *t, const struct mount *m)
{
    text_printf(t, "%s%s%s%s%s", m->flags & MS_RDONLY ? "ro" : "rw", m->flags & MS_NOSUID ? ",nosuid" : "",
                m->flags & MS_NODEV ? ",nodev" : "", m->flags & MS_NOEXEC ? ",noexec" : "",
                m->flags & MS_NOATIME ? ",noatime" : ",relatime");
}

static void write_own_options(struct text *t, const struct mount *m)
{
    if (m->sb->ops->show_options)
        m->sb->ops->show_options(m->sb, t);
}

static void show_mount(const struct mount *m, const char *where, struct text *t)
{
    write_escaped(t, m->source);
    text_printf(t, " ");
    write_escaped(t, where);
    text_printf(t, " %s ", m->sb->type);
    write_options(t, m);
    write_own_options(t, m);
    text_printf(t, " 0 0\n");
}

static void show_mount_info(const struct mount *m, const char *where, struct text *t)
{
    text_printf(t, "%d %d %u:%u / ", m->id, m->parent ? m->parent->id : m->id, device_major(m->sb->device),
                device_minor(m->sb->device));
    write_escaped(t, where);
    text_printf(t, " ");
    write_options(t, m);
    text_printf(t, " - %s ", m->sb->type);
    write_escaped(t, m->source);
    text_printf(t, " %s", m->flags & MS_RDONLY ? "ro" : "rw");
    write_own_options(t, m);
    text_printf(t, "\n");
}

static int show_reachable(const struct path *root, void (*show)(const struct mount *, const char *, struct text *),
                          struct text *t)
{
    char *where = mem_alloc(FS_PATH_MAX);
    struct mount *m;
    bool deleted;

    if (!where)
        return -ENOMEM;
    for (int id = 0; (m = mount_next(id)); mount_put(m)) {
        id = m->id;
        if (path_format(&(struct path){m, m->root}, root, where, FS_PATH_MAX, &deleted) > 0 && where[0] == '/')
            show(m, where, t);
    }
    mem_free(where);
    return 0;
}

static int show_all(int pid, void (*show)(const struct mount *, const char *, struct text *), struct text *t)
{
    struct fs_context *c = process_fs_context(pid);
    struct path root;

    if (!c)
        return -EINVAL; /* a zombie sees nothing */
    spin_lock(&c->lock);
    root = c->root;
    path_get(&root);
    spin_unlock(&c->lock);
    fs_context_put(c);
    int error = show_reachable(&root, show, t);
    path_put(&root);
    return error;
}

int procfs_show_mounts(int pid, struct text *t)
{
    return show_all(pid, show_mount, t);
}

int procfs_show_mountinfo(int pid, struct text *t)
{
    return show_all(pid, show_mount_info, t);
}
