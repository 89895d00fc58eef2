/*
 * Directories of tmpfs.  Operations are called with the directory's lock held.  A name is a hashed dentry that is
 * also in its directory's tree, ordered by an offset given at creation: that offset is what readdir and seekdir use.
 * Offsets count down, so that the newest name comes first, as in Linux's tmpfs, and a name made while someone reads
 * is not met.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "fs/tmpfs.h"
#include "guest_kernel/core/alloc.h"
#include "lib/string.h"

#define ENTRY_SIZE 20     /* what each name adds to a directory's st_size in Linux */
#define OFFSET_FIRST 2    /* after "." and ".." */
#define OFFSET_OLDEST (1ULL << 62)

static int offset_compare(struct dentry *a, struct dentry *b)
{
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

RB_GENERATE_INTERNAL(dentry_tree, dentry, by_offset, offset_compare, static __attribute__((unused)))

/* The directory's links and sizes follow its entries. */
static void entry_insert(struct inode *dir, struct dentry *d)
{
    struct directory *entries = dir->u.directory;

    d->offset = entries->next_offset--;
    RB_INSERT(dentry_tree, &entries->entries, d);
    dir->size += ENTRY_SIZE;
    if (S_ISDIR(d->inode->mode))
        dir->links++;
    inode_touch(dir, true);
}

static void entry_remove(struct inode *dir, struct dentry *d)
{
    RB_REMOVE(dentry_tree, &dir->u.directory->entries, d);
    dir->size -= ENTRY_SIZE;
    if (S_ISDIR(d->inode->mode))
        dir->links--;
    inode_touch(dir, true);
}

/* The name exists from here on: one reference for that. */
static void entry_make(struct inode *dir, struct dentry *d, struct inode *i)
{
    dentry_get(d);
    dentry_instantiate(d, i);
    entry_insert(dir, d);
}

struct inode *tmpfs_inode(struct superblock *sb, struct inode *dir, unsigned mode, uint64_t rdev)
{
    struct inode *i = inode_create(sb, mode);

    if (!i)
        return NULL;
    i->rdev = rdev;
    if (dir && (dir->mode & S_ISGID)) {
        i->gid = dir->gid;
        if (S_ISDIR(mode))
            i->mode |= S_ISGID;
    }
    switch (mode & S_IFMT) {
    case S_IFREG:
        i->ops = &tmpfs_file_inode_ops;
        i->file_ops = &tmpfs_file_ops;
        i->seals = F_SEAL_SEAL; /* as Linux: no more can be added */
        break;
    case S_IFLNK:
        i->ops = &tmpfs_link_ops;
        break;
    case S_IFDIR:
        i->ops = &tmpfs_directory_ops;
        i->file_ops = &tmpfs_directory_file_ops;
        i->links = 2;
        i->size = 2 * ENTRY_SIZE;
        i->u.directory = mem_alloc_zero(sizeof *i->u.directory);
        if (!i->u.directory) {
            inode_put(i);
            return NULL;
        }
        i->u.directory->next_offset = OFFSET_OLDEST;
        i->size = 2 * ENTRY_SIZE;
        break;
    default:
        i->ops = &tmpfs_special_ops;
    }
    return i;
}

static int tmpfs_create_entry(struct inode *dir, struct dentry *d, unsigned mode, uint64_t rdev)
{
    struct inode *i = tmpfs_inode(dir->sb, dir, mode, rdev);

    if (!i)
        return -ENOMEM;
    entry_make(dir, d, i);
    return 0;
}

static int tmpfs_symlink(struct inode *dir, struct dentry *d, const char *target)
{
    struct inode *i = tmpfs_inode(dir->sb, dir, S_IFLNK | 0777, 0);

    if (!i)
        return -ENOMEM;
    i->u.link_target = mem_strdup(target);
    if (!i->u.link_target) {
        inode_put(i);
        return -ENOMEM;
    }
    i->size = strlen(target);
    entry_make(dir, d, i);
    return 0;
}

static int tmpfs_link(struct inode *dir, struct dentry *d, struct inode *target)
{
    target->links++;
    inode_touch(target, false);
    entry_make(dir, d, inode_get(target));
    return 0;
}

static int tmpfs_unnamed(struct inode *dir, unsigned mode, struct inode **out)
{
    struct inode *i = tmpfs_inode(dir->sb, dir, mode, 0);

    if (!i)
        return -ENOMEM;
    i->links = 0;
    *out = i;
    return 0;
}

/* The name goes; the inode lives on for who has it open. */
static int tmpfs_remove(struct inode *dir, struct dentry *d)
{
    struct inode *i = d->inode;

    entry_remove(dir, d);
    if (S_ISDIR(i->mode)) {
        i->dead = true;
        i->links = 0;
    } else {
        i->links--;
    }
    inode_touch(i, false);
    dentry_unhash(d);
    dentry_put(d);
    return 0;
}

static bool tmpfs_is_empty(struct inode *dir)
{
    return RB_EMPTY(&dir->u.directory->entries);
}

static int exchange(struct inode *a_dir, struct dentry *a, struct inode *b_dir, struct dentry *b)
{
    entry_remove(a_dir, a);
    entry_remove(b_dir, b);
    dentry_exchange(a, b);
    entry_insert(b_dir, a);
    entry_insert(a_dir, b);
    inode_touch(a->inode, false);
    inode_touch(b->inode, false);
    return 0;
}

static int tmpfs_rename(struct inode *from_dir, struct dentry *from, struct inode *to_dir, struct dentry *to,
                        unsigned flags)
{
    if (flags & RENAME_EXCHANGE)
        return exchange(from_dir, from, to_dir, to);
    /* The one step that can fail comes first; whoever looks now finds either of the two. */
    int error = dentry_set_name(from, to->parent, to->name, to->name_length);
    if (error)
        return error;
    if (to->inode)
        (void)tmpfs_remove(to_dir, to);
    entry_remove(from_dir, from);
    entry_insert(to_dir, from);
    inode_touch(from->inode, false);
    return 0;
}

static void tmpfs_evict_directory(struct inode *dir)
{
    mem_free(dir->u.directory);
}

static long tmpfs_readdir(struct file *f, struct dir_sink *sink)
{
    struct inode *dir = f->inode;
    struct dentry key, *d;
    bool room = true;

    mutex_lock(&dir->lock);
    if (f->position == 0 && (room = sink->add(sink, ".", 1, dir->number, 1, MODE_TO_DT(S_IFDIR))))
        f->position = 1;
    if (f->position == 1 && room) {
        room = sink->add(sink, "..", 2, f->dentry->parent->inode->number, OFFSET_FIRST, MODE_TO_DT(S_IFDIR));
        if (room)
            f->position = OFFSET_FIRST;
    }
    key.offset = f->position;
    for (d = RB_NFIND(dentry_tree, &dir->u.directory->entries, &key); room && d;
         d = RB_NEXT(dentry_tree, &dir->u.directory->entries, d)) {
        room = sink->add(sink, d->name, d->name_length, d->inode->number, d->offset + 1, MODE_TO_DT(d->inode->mode));
        if (room)
            f->position = d->offset + 1;
    }
    mutex_unlock(&dir->lock);
    inode_accessed(f);
    return 0;
}

static long tmpfs_seek_directory(struct file *f, int64_t offset, int whence)
{
    if (whence != SEEK_SET && whence != SEEK_CUR)
        return -EINVAL;
    return file_generic_seek(f, offset, whence, 0, INT64_MAX);
}

static int tmpfs_sync_directory(struct file *f)
{
    return 0; /* memory is all the storage there is */
}

/* A leaf at a time, so that depth costs no stack.  Nobody else is in the tree: the file system is unmounted. */
void tmpfs_drop_tree(struct dentry *root)
{
    struct dentry *at = root;

    for (;;) {
        struct directory *entries = at->inode->u.directory;
        struct dentry *d = RB_MIN(dentry_tree, &entries->entries);
        if (d && S_ISDIR(d->inode->mode) && !tmpfs_is_empty(d->inode)) {
            at = d;
        } else if (d) {
            (void)tmpfs_remove(at->inode, d);
        } else if (at == root) {
            return;
        } else {
            at = at->parent;
        }
    }
}

const struct inode_ops tmpfs_directory_ops = {
    .create = tmpfs_create_entry,
    .symlink = tmpfs_symlink,
    .link = tmpfs_link,
    .remove = tmpfs_remove,
    .is_empty = tmpfs_is_empty,
    .rename = tmpfs_rename,
    .make_unnamed = tmpfs_unnamed,
    .evict = tmpfs_evict_directory,
};

const struct file_ops tmpfs_directory_file_ops = {
    .readdir = tmpfs_readdir,
    .sync = tmpfs_sync_directory,
    .seek = tmpfs_seek_directory,
};
