/*
 * Making, linking, renaming and removing names.  Each call first walks to the parent, then locks the directory, asks
 * every question in Linux's order, and only then lets the file system act.
 */
#include "fs/inode.h"

#include <asm/errno.h>
#include <linux/fs.h>

#include "lib/string.h"

static struct mutex rename_lock; /* see fs/inode.h; zeroed memory is an unlocked mutex but for its queue */

int tree_init(void)
{
    mutex_init(&rename_lock);
    return 0;
}

static int may_create(const struct path *dir)
{
    if (dir->dentry->inode->dead)
        return -ENOENT;
    int error = mount_writable(dir->mount);
    return error ? error : inode_permission(dir->dentry->inode, MAY_WRITE | MAY_EXEC);
}

static int may_delete(const struct path *dir, const struct dentry *victim, bool as_directory)
{
    struct inode *d = dir->dentry->inode;
    struct inode *v = victim->inode;
    int error = mount_writable(dir->mount);

    if (!error)
        error = inode_permission(d, MAY_WRITE | MAY_EXEC);
    if (error)
        return error;
    if ((d->mode & S_ISVTX) && !identity_owns(v) && !identity_owns(d))
        return -EPERM;
    if (as_directory && !S_ISDIR(v->mode))
        return -ENOTDIR;
    if (!as_directory && S_ISDIR(v->mode))
        return -EISDIR;
    return victim->mounted ? -EBUSY : 0;
}

/* Parent locked; the name is not there. */
int tree_make_at(const struct path *parent, const char *name, size_t length, unsigned mode, uint64_t rdev,
                 struct dentry **out)
{
    struct inode *dir = parent->dentry->inode;
    int error = 0;

    if (length > FS_NAME_MAX)
        error = -ENAMETOOLONG;
    else if (!dir->ops->create)
        error = -ENOENT; /* as in Linux's /proc: what is not there cannot be made */
    else
        error = may_create(parent);
    if (error)
        return error;
    struct dentry *d = dentry_alloc(parent->dentry, name, length);
    if (!d)
        return -ENOMEM;
    error = dir->ops->create(dir, d, mode, rdev);
    if (error || !out)
        dentry_put(d);
    else
        *out = d;
    return error;
}

/* The parent, locked, of a name that is not yet there.  *parent is counted on success. */
static int begin_create(int dirfd, const char *name, bool directory, struct path *parent, struct last_name *last)
{
    int error = path_walk_parent(dirfd, name, 0, parent, last);
    struct dentry *d;

    if (error)
        return error;
    if (last->kind != LAST_NORMAL) {
        path_put(parent);
        return -EEXIST;
    }
    mutex_lock(&parent->dentry->inode->lock);
    error = directory_lookup(parent->dentry, last->name, last->length, true, &d);
    if (!error) {
        dentry_put(d);
        error = -EEXIST;
    } else if (error == -ENOENT) {
        bool refused = (last->slash && !directory) || !parent->dentry->inode->ops->create;
        error = refused ? -ENOENT : 0;
    }
    if (error) {
        mutex_unlock(&parent->dentry->inode->lock);
        path_put(parent);
    }
    return error;
}

static void end_create(struct path *parent)
{
    mutex_unlock(&parent->dentry->inode->lock);
    path_put(parent);
}

int tree_make_path(int dirfd, const char *name, unsigned mode, uint64_t rdev, struct path *out)
{
    struct path parent;
    struct last_name last;
    struct dentry *d;
    int error = begin_create(dirfd, name, S_ISDIR(mode), &parent, &last);

    if (error)
        return error;
    error = tree_make_at(&parent, last.name, last.length, mode, rdev, &d);
    if (!error)
        *out = (struct path){mount_get(parent.mount), d};
    end_create(&parent);
    return error;
}

int tree_make(int dirfd, const char *name, unsigned mode, uint64_t rdev)
{
    struct path made;
    int error = tree_make_path(dirfd, name, mode, rdev, &made);

    if (!error)
        path_put(&made);
    return error;
}

static int symlink_at(const struct path *parent, const struct last_name *last, const char *target)
{
    struct inode *dir = parent->dentry->inode;
    int error = may_create(parent);

    if (!error && !dir->ops->symlink)
        error = -EPERM;
    if (error)
        return error;
    struct dentry *d = dentry_alloc(parent->dentry, last->name, last->length);
    if (!d)
        return -ENOMEM;
    error = dir->ops->symlink(dir, d, target);
    dentry_put(d);
    return error;
}

int tree_symlink(const char *target, int dirfd, const char *name)
{
    struct path parent;
    struct last_name last;

    if (!*target)
        return -ENOENT;
    int error = begin_create(dirfd, name, false, &parent, &last);
    if (error)
        return error;
    error = symlink_at(&parent, &last, target);
    end_create(&parent);
    return error;
}

/* fs.protected_hardlinks=1, the default of distributions: who does not own a file links it only if he could copy it. */
static bool may_link(struct inode *i)
{
    bool set_id = (i->mode & S_ISUID) || (i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);

    return identity_owns(i) || (S_ISREG(i->mode) && !set_id && !inode_permission(i, MAY_READ | MAY_WRITE));
}

static int link_at(const struct path *from, const struct path *parent, const struct last_name *last)
{
    struct inode *dir = parent->dentry->inode;
    struct inode *i = from->dentry->inode;

    if (from->mount != parent->mount)
        return -EXDEV;
    int error = may_create(parent);
    if (!error && (S_ISDIR(i->mode) || !dir->ops->link || !may_link(i)))
        error = -EPERM;
    if (error)
        return error;
    struct dentry *d = dentry_alloc(parent->dentry, last->name, last->length);
    if (!d)
        return -ENOMEM;
    mutex_lock(&i->lock);
    error = !i->links && !i->linkable ? -ENOENT : dir->ops->link(dir, d, i);
    mutex_unlock(&i->lock);
    dentry_put(d);
    return error;
}

int tree_link(const struct path *from, int dirfd, const char *name)
{
    struct path parent;
    struct last_name last;
    int error = begin_create(dirfd, name, false, &parent, &last);

    if (error)
        return error;
    error = link_at(from, &parent, &last);
    end_create(&parent);
    return error;
}

/* Directory and victim are locked, the questions asked of the victim itself remain. */
static int remove_locked(struct inode *dir, struct dentry *d, bool directory)
{
    struct inode *v = d->inode;

    if (!dir->ops->remove)
        return -EPERM;
    if (directory && v->ops->is_empty && !v->ops->is_empty(v))
        return -ENOTEMPTY;
    return dir->ops->remove(dir, d);
}

static int remove_at(const struct path *parent, const struct last_name *last, bool directory)
{
    struct inode *dir = parent->dentry->inode;
    struct dentry *d;
    int error = directory_lookup(parent->dentry, last->name, last->length, true, &d);

    if (error)
        return error;
    if (!directory && last->slash)
        error = S_ISDIR(d->inode->mode) ? -EISDIR : -ENOTDIR;
    if (!error)
        error = may_delete(parent, d, directory);
    if (!error) {
        mutex_lock(&d->inode->lock);
        error = remove_locked(dir, d, directory);
        mutex_unlock(&d->inode->lock);
    }
    dentry_put(d);
    return error;
}

int tree_remove(int dirfd, const char *name, bool directory)
{
    static const int rmdir_errors[] = {[LAST_ROOT] = -EBUSY, [LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY};
    struct path parent;
    struct last_name last;
    int error = path_walk_parent(dirfd, name, 0, &parent, &last);

    if (error)
        return error;
    if (last.kind != LAST_NORMAL) {
        error = directory ? rmdir_errors[last.kind] : -EISDIR;
    } else {
        mutex_lock(&parent.dentry->inode->lock);
        error = remove_at(&parent, &last, directory);
        mutex_unlock(&parent.dentry->inode->lock);
    }
    path_put(&parent);
    return error;
}

struct rename {
    struct path from_dir, to_dir;
    struct last_name from_name, to_name;
    struct dentry *from, *to; /* to->inode NULL: it is new */
    unsigned flags;
};

/* Parents before children, else by address: only renames lock two, and only one at a time does. */
static void lock_directories(struct dentry *a, struct dentry *b)
{
    if (a == b) {
        mutex_lock(&a->inode->lock);
        return;
    }
    bool a_first = dentry_is_below(b, a) || (!dentry_is_below(a, b) && a < b);
    mutex_lock(a_first ? &a->inode->lock : &b->inode->lock);
    mutex_lock(a_first ? &b->inode->lock : &a->inode->lock);
}

static void unlock_directories(struct dentry *a, struct dentry *b)
{
    mutex_unlock(&a->inode->lock);
    if (a != b)
        mutex_unlock(&b->inode->lock);
}

static int rename_find(struct rename *r)
{
    int error = directory_lookup(r->from_dir.dentry, r->from_name.name, r->from_name.length, true, &r->from);

    if (error)
        return error;
    error = directory_lookup(r->to_dir.dentry, r->to_name.name, r->to_name.length, true, &r->to);
    if (error == -ENOENT && r->to_dir.dentry->inode->ops->create) {
        r->to = dentry_alloc(r->to_dir.dentry, r->to_name.name, r->to_name.length);
        error = r->to ? 0 : -ENOMEM;
    }
    return error;
}

/* Slashes, kinds and ancestors, in Linux's order (do_renameat2). */
static int rename_check_names(const struct rename *r)
{
    bool exchange = r->flags & RENAME_EXCHANGE;

    if ((r->flags & RENAME_NOREPLACE) && r->to->inode)
        return -EEXIST;
    if (exchange && !r->to->inode)
        return -ENOENT;
    if (exchange && !S_ISDIR(r->to->inode->mode) && r->to_name.slash)
        return -ENOTDIR;
    if (!S_ISDIR(r->from->inode->mode) && (r->from_name.slash || (!exchange && r->to_name.slash)))
        return -ENOTDIR;
    if (dentry_is_below(r->to_dir.dentry, r->from))
        return -EINVAL;
    if (r->to->inode && dentry_is_below(r->from_dir.dentry, r->to))
        return exchange ? -EINVAL : -ENOTEMPTY;
    return 0;
}

static int rename_check_rights(const struct rename *r)
{
    bool exchange = r->flags & RENAME_EXCHANGE;
    bool from_is_dir = S_ISDIR(r->from->inode->mode);
    int error = may_delete(&r->from_dir, r->from, from_is_dir);

    if (error)
        return error;
    if (!r->to->inode)
        error = may_create(&r->to_dir);
    else
        error = may_delete(&r->to_dir, r->to, exchange ? S_ISDIR(r->to->inode->mode) : from_is_dir);
    if (error || r->from_dir.dentry == r->to_dir.dentry)
        return error;
    /* A moved directory's ".." is written to. */
    if (from_is_dir)
        error = inode_permission(r->from->inode, MAY_WRITE);
    if (!error && exchange && S_ISDIR(r->to->inode->mode))
        error = inode_permission(r->to->inode, MAY_WRITE);
    return error;
}

static int rename_act(const struct rename *r)
{
    struct inode *from_dir = r->from_dir.dentry->inode;
    struct inode *victim = r->to->inode;

    if (victim == r->from->inode)
        return 0; /* two names of one file: nothing happens */
    int error = rename_check_rights(r);
    if (!error && !from_dir->ops->rename)
        error = -EPERM;
    if (error)
        return error;
    if (victim)
        mutex_lock(&victim->lock);
    if (victim && !(r->flags & RENAME_EXCHANGE) && victim->ops->is_empty && !victim->ops->is_empty(victim))
        error = -ENOTEMPTY;
    if (!error)
        error = from_dir->ops->rename(from_dir, r->from, r->to_dir.dentry->inode, r->to, r->flags);
    if (victim)
        mutex_unlock(&victim->lock);
    return error;
}

static int rename_walked(struct rename *r)
{
    if (r->from_dir.mount != r->to_dir.mount)
        return -EXDEV;
    if (r->from_name.kind != LAST_NORMAL)
        return -EBUSY;
    if (r->to_name.kind != LAST_NORMAL)
        return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    mutex_lock(&rename_lock);
    lock_directories(r->from_dir.dentry, r->to_dir.dentry);
    int error = rename_find(r);
    if (!error)
        error = rename_check_names(r);
    if (!error)
        error = rename_act(r);
    unlock_directories(r->from_dir.dentry, r->to_dir.dentry);
    mutex_unlock(&rename_lock);
    dentry_put(r->from);
    dentry_put(r->to);
    return error;
}

int tree_rename(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags)
{
    struct rename r = {.flags = flags};

    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
        return -EINVAL;
    if ((flags & RENAME_NOREPLACE) && (flags & RENAME_EXCHANGE))
        return -EINVAL;
    int error = path_walk_parent(from_dirfd, from, 0, &r.from_dir, &r.from_name);
    if (error)
        return error;
    error = path_walk_parent(to_dirfd, to, 0, &r.to_dir, &r.to_name);
    if (!error) {
        error = rename_walked(&r);
        path_put(&r.to_dir);
    }
    path_put(&r.from_dir);
    return error;
}
