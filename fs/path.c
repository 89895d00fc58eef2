/*
 * Path walk: from text to (mount, dentry), component by component, as path_resolution(7) has it.  A symbolic link's
 * target replaces the link in what is left to walk, so that links in links need neither recursion nor a stack; 40 of
 * them are too many.  Nothing is locked between components: every step holds counted references.
 */
#include "fs/inode.h"

#include <asm/errno.h>
#include <linux/fcntl.h>

#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/task.h"
#include "lib/string.h"

#define LINKS_MAX 40

void context_paths(struct path *root, struct path *cwd)
{
    struct fs_context *c = task_current()->fs;

    if (!c) { /* a kernel thread, at boot */
        if (root)
            mount_root_path(root);
        if (cwd)
            mount_root_path(cwd);
        return;
    }
    spin_lock(&c->lock);
    if (root) {
        *root = c->root;
        path_get(root);
    }
    if (cwd) {
        *cwd = c->cwd;
        path_get(cwd);
    }
    spin_unlock(&c->lock);
}

static void walk_step_to(struct walk *w, struct path to)
{
    path_put(&w->at);
    w->at = to;
}

static bool path_equal(const struct path *a, const struct path *b)
{
    return a->dentry == b->dentry && a->mount == b->mount;
}

/* Where a relative path starts: the cwd or the file behind a descriptor. */
static int start_of(int dirfd, struct path *out)
{
    if (dirfd == AT_FDCWD) {
        context_paths(NULL, out);
        return 0;
    }
    struct file *f = fd_get_any(dirfd);
    if (!f)
        return -EBADF;
    int error = f->dentry ? 0 : -ENOTDIR;
    if (!error) {
        *out = (struct path){f->mount, f->dentry};
        path_get(out);
    }
    file_put(f);
    return error;
}

static int walk_start_at(struct walk *w, const struct path *start, unsigned flags)
{
    *w = (struct walk){.at = *start, .start = *start, .flags = flags};
    path_get(&w->start);
    if (flags & WALK_IN_ROOT) {
        w->root = *start;
        path_get(&w->root);
    } else {
        context_paths(&w->root, NULL);
    }
    if (flags & WALK_REAL_IDS)
        identity_real(&w->identity);
    else
        identity_current(&w->identity);
    return 0;
}

/* Absolute: the next component is looked up in the root. */
static int walk_to_root(struct walk *w)
{
    if (w->flags & WALK_BENEATH)
        return -EXDEV;
    if ((w->flags & WALK_NO_XDEV) && w->root.mount != w->at.mount)
        return -EXDEV;
    path_get(&w->root);
    walk_step_to(w, w->root);
    return 0;
}

int walk_begin(struct walk *w, int dirfd, const char *name, unsigned flags)
{
    struct path start;
    int error = 0;

    if (!*name && !(flags & WALK_EMPTY))
        return -ENOENT;
    if (*name == '/' && !(flags & (WALK_BENEATH | WALK_IN_ROOT)))
        context_paths(&start, NULL); /* dirfd is not even looked at */
    else
        error = start_of(dirfd, &start);
    if (error)
        return error;
    error = walk_start_at(w, &start, flags);
    if (!error && *name == '/')
        error = walk_to_root(w);
    if (error)
        walk_end(w);
    return error;
}

void walk_end(struct walk *w)
{
    path_put(&w->at);
    path_put(&w->root);
    path_put(&w->start);
    mem_free(w->buffer);
    w->buffer = NULL;
}

/* Ask the file system, with the directory locked, unless another task was quicker. */
static int lookup_slowly(struct dentry *dir, const char *name, size_t length, struct dentry **out)
{
    struct dentry *d = dentry_find(dir, name, length);

    if (d) {
        *out = d;
        return 0;
    }
    d = dentry_alloc(dir, name, length);
    if (!d)
        return -ENOMEM;
    int error = dir->inode->ops->lookup(dir->inode, d);
    if (error) {
        dentry_put(d);
        return error;
    }
    dentry_instantiate(d, d->inode);
    *out = d;
    return 0;
}

int directory_lookup(struct dentry *dir, const char *name, size_t length, bool locked, struct dentry **out)
{
    struct inode *i = dir->inode;
    struct dentry *d;

    if (length > FS_NAME_MAX)
        return -ENAMETOOLONG;
    d = dentry_find(dir, name, length);
    if (d && i->sb->ops->is_valid && !i->sb->ops->is_valid(d)) {
        dentry_unhash(d);
        dentry_put(d);
        d = NULL;
    }
    if (d) {
        *out = d;
        return 0;
    }
    if (!i->ops->lookup)
        return -ENOENT;
    if (!locked)
        mutex_lock(&i->lock);
    int error = lookup_slowly(dir, name, length, out);
    if (!locked)
        mutex_unlock(&i->lock);
    return error;
}

int walk_up(struct walk *w)
{
    if ((w->flags & WALK_BENEATH) && path_equal(&w->at, &w->start))
        return -EXDEV;
    for (;;) {
        if (path_equal(&w->at, &w->root))
            return 0; /* the root is its own parent */
        if (w->at.dentry != w->at.mount->root)
            break;
        if (w->flags & WALK_NO_XDEV)
            return -EXDEV;
        if (!mount_cross_up(&w->at))
            return 0;
    }
    spin_lock(&tree_lock);
    struct dentry *parent = dentry_get(w->at.dentry->parent);
    spin_unlock(&tree_lock);
    walk_step_to(w, (struct path){mount_get(w->at.mount), parent});
    mount_cross_down(&w->at);
    return 0;
}

/* w->buffer becomes "target/rest"; *rest then points into it.  Absolute targets restart at the root. */
static int splice_link(struct walk *w, struct inode *link, const char **rest)
{
    char *target = mem_alloc(FS_PATH_MAX);

    if (!target)
        return -ENOMEM;
    int n = link->ops->read_link(link, target, FS_PATH_MAX);
    if (n <= 0) {
        mem_free(target);
        return n ? n : -ENOENT;
    }
    size_t left = strlen(*rest);
    char *buffer = mem_alloc((size_t)n + left + 1);
    if (!buffer) {
        mem_free(target);
        return -ENOMEM;
    }
    memcpy(buffer, target, (size_t)n);
    memcpy(buffer + n, *rest, left + 1);
    mem_free(target);
    mem_free(w->buffer);
    w->buffer = buffer;
    *rest = buffer;
    return *buffer == '/' ? walk_to_root(w) : 0;
}

/* Follow a link met while w->at is its directory.  A magic link jumps: then only *rest is left. */
static int follow(struct walk *w, struct dentry *d, const char **rest)
{
    struct inode *i = d->inode;

    if (w->flags & WALK_NO_SYMLINKS || ++w->links > LINKS_MAX)
        return -ELOOP;
    if (!i->ops->follow_link)
        return splice_link(w, i, rest);
    if (w->flags & WALK_NO_MAGIC)
        return -ELOOP;
    if (w->flags & (WALK_BENEATH | WALK_IN_ROOT | WALK_NO_XDEV))
        return -EXDEV;
    struct path to;
    int error = i->ops->follow_link(i, &to);
    if (!error)
        walk_step_to(w, to);
    return error;
}

/* One component in the middle of a path.  *rest is what follows it. */
static int step_down(struct walk *w, const char *name, size_t length, const char **rest)
{
    struct dentry *d;
    int error = directory_lookup(w->at.dentry, name, length, false, &d);

    if (error)
        return error;
    if (S_ISLNK(d->inode->mode)) {
        error = follow(w, d, rest);
        dentry_put(d);
        return error;
    }
    struct mount *before = w->at.mount;
    walk_step_to(w, (struct path){mount_get(w->at.mount), d});
    mount_cross_down(&w->at);
    return (w->flags & WALK_NO_XDEV) && w->at.mount != before ? -EXDEV : 0;
}

static int may_search(struct walk *w)
{
    if (!S_ISDIR(w->at.dentry->inode->mode))
        return -ENOTDIR;
    return inode_permission_as(w->at.dentry->inode, MAY_EXEC, &w->identity);
}

static void last_set(struct last_name *last, const char *name, size_t length, bool slash)
{
    *last = (struct last_name){.name = name, .length = length, .slash = slash, .kind = LAST_NORMAL};
    if (length == 1 && name[0] == '.')
        last->kind = LAST_DOT;
    else if (length == 2 && name[0] == '.' && name[1] == '.')
        last->kind = LAST_DOTDOT;
}

int walk_to_parent(struct walk *w, const char *name)
{
    const char *at = name;

    while (*at == '/')
        at++;
    if (!*at) {
        w->last = (struct last_name){.name = at, .kind = *name ? LAST_ROOT : LAST_DOT};
        return 0;
    }
    for (;;) {
        int error = may_search(w);
        if (error)
            return error;
        const char *end = at;
        while (*end && *end != '/')
            end++;
        const char *rest = end;
        while (*rest == '/')
            rest++;
        struct last_name last;
        last_set(&last, at, (size_t)(end - at), *end == '/');
        if (!*rest) {
            w->last = last;
            return 0;
        }
        if (last.kind == LAST_DOTDOT) {
            error = walk_up(w);
        } else if (last.kind == LAST_NORMAL) {
            /* `end`, not `rest`: "link/x" spliced is "target/x". */
            const char *left = end;
            error = step_down(w, at, last.length, &left);
            rest = left;
            while (*rest == '/')
                rest++;
        }
        if (error)
            return error;
        if (!*rest) { /* a link to "/" or a magic link before trailing slashes */
            w->last = (struct last_name){.name = rest, .slash = true, .kind = LAST_DOT};
            return 0;
        }
        at = rest;
    }
}

int walk_follow_last(struct walk *w, struct dentry *link)
{
    const char *rest = w->last.slash ? "/" : "";
    struct inode *i = link->inode;
    int error = follow(w, link, &rest);

    if (error)
        return error;
    if (i->ops->follow_link) {
        w->last = (struct last_name){.name = rest, .slash = w->last.slash, .kind = LAST_DOT};
        return 0;
    }
    return walk_to_parent(w, rest);
}

/* The last component, links followed as asked: w->at becomes the thing itself. */
static int walk_last(struct walk *w)
{
    for (;;) {
        if (w->last.kind == LAST_DOT || w->last.kind == LAST_ROOT)
            return 0;
        if (w->last.kind == LAST_DOTDOT)
            return walk_up(w);
        struct dentry *d;
        int error = directory_lookup(w->at.dentry, w->last.name, w->last.length, false, &d);
        if (error)
            return error;
        if (S_ISLNK(d->inode->mode) && (w->flags & WALK_FOLLOW || w->last.slash)) {
            error = walk_follow_last(w, d);
            dentry_put(d);
            if (error)
                return error;
            continue;
        }
        struct mount *before = w->at.mount;
        walk_step_to(w, (struct path){mount_get(w->at.mount), d});
        mount_cross_down(&w->at);
        return (w->flags & WALK_NO_XDEV) && w->at.mount != before ? -EXDEV : 0;
    }
}

static int walk_all(struct walk *w, const char *name, struct path *out)
{
    int error = walk_to_parent(w, name);

    if (!error)
        error = walk_last(w);
    bool directory = (w->flags & WALK_DIRECTORY) || w->last.slash;
    if (!error && directory && !S_ISDIR(w->at.dentry->inode->mode))
        error = -ENOTDIR;
    if (!error) {
        *out = w->at;
        path_get(out);
    }
    walk_end(w);
    return error;
}

int path_walk(int dirfd, const char *name, unsigned flags, struct path *out)
{
    struct walk w;
    int error = walk_begin(&w, dirfd, name, flags);

    return error ? error : walk_all(&w, name, out);
}

int path_walk_from(const struct path *start, const char *name, unsigned flags, struct path *out)
{
    struct walk w;

    path_get(start);
    int error = walk_start_at(&w, start, flags);
    return error ? error : walk_all(&w, name, out);
}

int path_walk_parent(int dirfd, const char *name, unsigned flags, struct path *parent, struct last_name *last)
{
    struct walk w;
    int error = walk_begin(&w, dirfd, name, flags);

    if (error)
        return error;
    error = walk_to_parent(&w, name);
    if (!error) {
        *parent = w.at;
        path_get(parent);
        *last = w.last;
        /* The name must outlive the walk: it is always the tail of the caller's own text unless a link was spliced. */
        if (w.buffer)
            last->name = name + strlen(name) - strlen(w.last.name);
    }
    walk_end(&w);
    return error;
}

/* Prepends text to what ends at *at; false when there is no room. */
static bool prepend(char *buf, char **at, const char *text, size_t n)
{
    if ((size_t)(*at - buf) < n)
        return false;
    *at -= n;
    memcpy(*at, text, n);
    return true;
}

int path_format(const struct path *p, const struct path *root, char *buf, size_t size, bool *deleted)
{
    struct path up = *p;
    char *at = buf + size;
    bool fits = prepend(buf, &at, "", 1);
    bool reached = false;

    spin_lock(&tree_lock);
    *deleted = !up.dentry->hashed && up.dentry->parent != up.dentry;
    while (fits) {
        reached = path_equal(&up, root);
        if (reached)
            break;
        if (up.dentry == up.mount->root) {
            reached = up.mount->internal; /* a file without a name shows its own only */
            if (!up.mount->parent)
                break;
            up = (struct path){up.mount->parent, up.mount->mountpoint};
            continue;
        }
        fits = prepend(buf, &at, up.dentry->name, up.dentry->name_length) && prepend(buf, &at, "/", 1);
        up.dentry = up.dentry->parent;
    }
    spin_unlock(&tree_lock);
    if (fits && !*at)
        fits = prepend(buf, &at, "/", 1);
    if (fits && !reached)
        fits = prepend(buf, &at, "(unreachable)", 13);
    if (!fits)
        return -ENAMETOOLONG;
    size_t length = (size_t)(buf + size - at) - 1;
    memmove(buf, at, length + 1);
    return (int)length;
}
