/*
 * open(2): the last component by itself (it may have to be made, and a link there may have to be refused), then the
 * checks on what was found, then the open file description.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>

#include "fs/device.h"
#include "fs/lease.h"
#include "fs/pipe.h"
#include "guest_kernel/core/alloc.h"
#include "lib/format.h"
#include "lib/string.h"

struct open_request {
    int flags;
    unsigned mode;  /* type and permissions of what would be made */
    unsigned may;   /* MAY_*: what the flags ask for */
    bool created;   /* result: no permission of the new file is asked for */
};

static const struct file_ops path_only_ops; /* O_PATH: nothing can be done with it */

/* MAY_EXEC of execve is asked for by this internal flag; no O_ flag of Linux uses the bit. */
#define OPEN_EXEC 0x20

static unsigned walk_flags(int flags, uint64_t resolve)
{
    unsigned w = flags & O_NOFOLLOW ? 0 : WALK_FOLLOW;

    if (flags & O_DIRECTORY)
        w |= WALK_DIRECTORY;
    if (resolve & RESOLVE_NO_SYMLINKS)
        w |= WALK_NO_SYMLINKS;
    if (resolve & RESOLVE_NO_MAGICLINKS)
        w |= WALK_NO_MAGIC;
    if (resolve & RESOLVE_BENEATH)
        w |= WALK_BENEATH;
    if (resolve & RESOLVE_IN_ROOT)
        w |= WALK_IN_ROOT;
    if (resolve & RESOLVE_NO_XDEV)
        w |= WALK_NO_XDEV;
    return w;
}

static int request_decode(struct open_request *r, int flags, unsigned mode)
{
    static const unsigned access[] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE};

    *r = (struct open_request){.flags = flags};
    if (flags & O_PATH) {
        r->flags &= O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC;
        return 0;
    }
    r->mode = S_IFREG | (mode & S_PERMISSIONS & ~context_umask());
    r->may = flags & OPEN_EXEC ? MAY_EXEC : access[flags & O_ACCMODE];
    if (flags & O_TRUNC)
        r->may |= MAY_WRITE;
    if (flags & __O_TMPFILE) {
        if ((flags & (O_TMPFILE | O_CREAT)) != O_TMPFILE || !(r->may & MAY_WRITE))
            return -EINVAL;
    }
    return 0;
}

/* The directory is w->at; make the last component unless it is there. */
static int find_or_make(struct walk *w, struct open_request *r, struct dentry **out)
{
    struct inode *dir = w->at.dentry->inode;

    mutex_lock(&dir->lock);
    int error = directory_lookup(w->at.dentry, w->last.name, w->last.length, true, out);
    if (error == -ENOENT) {
        error = tree_make_at(&w->at, w->last.name, w->last.length, r->mode, 0, out);
        r->created = !error;
    }
    mutex_unlock(&dir->lock);
    return error;
}

static int find_last(struct walk *w, struct open_request *r, struct dentry **out)
{
    if (!(r->flags & O_CREAT))
        return directory_lookup(w->at.dentry, w->last.name, w->last.length, false, out);
    if (w->last.slash)
        return -EISDIR;
    /* The quick way first: mostly it is there. */
    int error = directory_lookup(w->at.dentry, w->last.name, w->last.length, false, out);
    return error == -ENOENT ? find_or_make(w, r, out) : error;
}

/* From the parent to the thing itself: w->at. */
static int resolve_last(struct walk *w, struct open_request *r)
{
    while (w->last.kind == LAST_NORMAL) {
        struct dentry *d;
        int error = find_last(w, r, &d);
        if (error)
            return error;
        bool must_make = (r->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
        if (S_ISLNK(d->inode->mode) && !must_make && (w->flags & WALK_FOLLOW || w->last.slash)) {
            error = walk_follow_last(w, d);
            dentry_put(d);
            if (error)
                return error;
            continue;
        }
        struct path to = {mount_get(w->at.mount), d};
        struct mount *before = w->at.mount;
        path_put(&w->at);
        w->at = to;
        mount_cross_down(&w->at);
        return (w->flags & WALK_NO_XDEV) && w->at.mount != before ? -EXDEV : 0;
    }
    return w->last.kind == LAST_DOTDOT ? walk_up(w) : 0;
}

static int check_type(const struct path *p, const struct open_request *r)
{
    unsigned type = p->dentry->inode->mode & S_IFMT;

    switch (type) {
    case S_IFLNK:
        return -ELOOP;
    case S_IFDIR:
        return (r->may & MAY_WRITE) || (r->flags & O_CREAT) ? -EISDIR : r->may & MAY_EXEC ? -EACCES : 0;
    case S_IFCHR:
    case S_IFBLK:
        return (p->mount->flags & MS_NODEV) || (r->may & MAY_EXEC) ? -EACCES : 0;
    case S_IFIFO:
        return r->may & MAY_EXEC ? -EACCES : 0;
    case S_IFSOCK:
        return r->may & MAY_EXEC ? -EACCES : -ENXIO;
    default:
        return (r->may & MAY_EXEC) && (p->mount->flags & MS_NOEXEC) ? -EACCES : 0;
    }
}

/* Linux's order: what the flags ask of what is there, then permissions, then the mount. */
static int check_found(const struct path *p, const struct open_request *r, bool slash)
{
    struct inode *i = p->dentry->inode;

    if ((r->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) && !r->created)
        return -EEXIST;
    if ((r->flags & O_CREAT) && S_ISDIR(i->mode))
        return -EISDIR;
    if (((r->flags & O_DIRECTORY) || slash) && !S_ISDIR(i->mode))
        return -ENOTDIR;
    if ((r->flags & O_PATH) || r->created)
        return 0;
    int error = check_type(p, r);
    if (!error && (r->may & MAY_WRITE) && (S_ISREG(i->mode) || S_ISDIR(i->mode)))
        error = mount_writable(p->mount);
    if (!error)
        error = inode_permission(i, r->may);
    if (!error && (r->flags & O_NOATIME) && !identity_owns(i))
        error = -EPERM;
    return error;
}

/* ETXTBSY both ways: a program that runs is not written, one being written does not run. */
static int claim_text(struct file *f, unsigned may)
{
    if (!S_ISREG(f->inode->mode) || !(may & (MAY_WRITE | MAY_EXEC)))
        return 0;
    int32_t users = __atomic_load_n(&f->inode->writers, __ATOMIC_RELAXED);
    int32_t step = may & MAY_WRITE ? 1 : -1;
    do {
        if (users * step < 0)
            return -ETXTBSY;
    } while (!__atomic_compare_exchange_n(&f->inode->writers, &users, users + step, true, __ATOMIC_ACQ_REL,
                                          __ATOMIC_RELAXED));
    f->text_claim = (int8_t)step;
    return 0;
}

/* Whoever gives a lease looks at who has it open. */
static void count_reader(struct file *f)
{
    if (!S_ISREG(f->inode->mode) || (f->flags & O_ACCMODE) != O_RDONLY)
        return;
    __atomic_fetch_add(&f->inode->readers, 1, __ATOMIC_SEQ_CST);
    f->counted_reader = true;
}

static int open_special(struct file *f)
{
    switch (f->inode->mode & S_IFMT) {
    case S_IFCHR:
        return device_bind(f, f->inode->rdev);
    case S_IFBLK:
        return -ENXIO;
    case S_IFIFO:
        return fifo_open(f);
    default:
        return -ENXIO; /* an event object: it exists as a description only */
    }
}

/* A description of *p; the checks are done. */
static int open_path(const struct path *p, struct open_request *r, struct file **out)
{
    struct inode *i = p->dentry->inode;
    struct file *f = file_create(&path_only_ops, NULL, 0);
    int error = 0;

    if (!f)
        return -ENOMEM;
    f->flags = (unsigned)r->flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC | OPEN_EXEC);
    f->mount = mount_get(p->mount);
    f->dentry = dentry_get(p->dentry);
    f->inode = inode_get(i);
    if (!(r->flags & O_PATH)) {
        error = claim_text(f, r->created ? r->may & MAY_WRITE : r->may);
        if (!error) {
            count_reader(f);
            error = lease_break(i, f->flags);
        }
        if (!error && (r->flags & O_TRUNC) && !r->created && i->ops->resize)
            error = inode_truncate(p->mount, i, 0);
        if (!error && i->file_ops)
            f->ops = i->file_ops;
        else if (!error)
            error = open_special(f);
        if (!error && f->ops->open)
            error = f->ops->open(f);
    }
    if (error) {
        f->ops = &path_only_ops; /* a failed open has nothing to release */
        file_put(f);
        return error;
    }
    f->flags &= ~(unsigned)O_NOCTTY; /* which open() looks at */
    *out = f;
    return 0;
}

int vfs_open_path(const struct path *p, struct file **out)
{
    struct open_request r = {.flags = O_PATH};

    return open_path(p, &r, out);
}

int vfs_open_found(const struct path *p, int flags, struct file **out)
{
    struct open_request r = {.flags = flags};

    return open_path(p, &r, out);
}

/* O_TMPFILE: a file without a name in the directory *dir. */
static int open_unnamed(const struct path *dir, struct open_request *r, struct file **out)
{
    struct inode *d = dir->dentry->inode;
    struct inode *i;

    if (!d->ops->make_unnamed)
        return -EOPNOTSUPP;
    int error = mount_writable(dir->mount);
    if (!error)
        error = inode_permission(d, MAY_WRITE | MAY_EXEC);
    if (!error)
        error = d->ops->make_unnamed(d, r->mode, &i);
    if (error)
        return error;
    char name[24];
    int n = format(name, sizeof name, "#%llu", (unsigned long long)i->number);
    struct dentry *entry = dentry_alloc(dir->dentry, name, (size_t)n);
    if (!entry) {
        inode_put(i);
        return -ENOMEM;
    }
    i->linkable = !(r->flags & O_EXCL);
    entry->inode = i; /* never hashed: it cannot be found */
    r->created = true;
    error = open_path(&(struct path){dir->mount, entry}, r, out);
    dentry_put(entry);
    return error;
}

static int open_with(int dirfd, const char *name, int flags, unsigned mode, uint64_t resolve, struct file **out)
{
    struct open_request r;
    struct walk w;
    int error = request_decode(&r, flags, mode);

    if (!error)
        error = walk_begin(&w, dirfd, name, walk_flags(r.flags, resolve));
    if (error)
        return error;
    error = walk_to_parent(&w, name);
    if (r.flags & __O_TMPFILE && !(r.flags & O_PATH)) {
        struct open_request find = {.flags = O_DIRECTORY};
        if (!error)
            error = resolve_last(&w, &find);
        if (!error && !S_ISDIR(w.at.dentry->inode->mode))
            error = -ENOTDIR;
        if (!error)
            error = open_unnamed(&w.at, &r, out);
    } else {
        if (!error)
            error = resolve_last(&w, &r);
        if (!error)
            error = check_found(&w.at, &r, w.last.slash);
        if (!error)
            error = open_path(&w.at, &r, out);
    }
    walk_end(&w);
    return error;
}

int vfs_open_at(int dirfd, const char *path, int flags, unsigned mode, uint64_t resolve, struct file **out)
{
    return open_with(dirfd, path, flags & ~OPEN_EXEC, mode, resolve, out);
}

int vfs_open(const char *path, int flags, unsigned mode, struct file **out)
{
    return open_with(AT_FDCWD, path, flags & ~OPEN_EXEC, mode, 0, out);
}

int vfs_open_exec(int dirfd, const char *path, int flags, struct file **out)
{
    int open_flags = O_RDONLY | OPEN_EXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0);

    if (!*path && (flags & AT_EMPTY_PATH)) {
        struct file *f = fd_get_any(dirfd);
        if (!f)
            return -EBADF;
        struct open_request r = {.flags = open_flags, .may = MAY_EXEC};
        struct path p = {f->mount, f->dentry};
        int error = p.dentry ? check_found(&p, &r, false) : -EACCES;
        if (!error)
            error = open_path(&p, &r, out);
        file_put(f);
        return error;
    }
    return open_with(dirfd, path, open_flags, 0, 0, out);
}
