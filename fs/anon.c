/*
 * See fs/anon.h.  One superblock for all, mounted nowhere; its dentries are roots of their own and never hashed.
 */
#include "fs/anon.h"

#include <asm/errno.h>
#include <linux/magic.h>

#include "lib/format.h"
#include "lib/string.h"

static const struct superblock_ops anon_super_ops;
static struct superblock *anon_super;
static struct mount *anon_mount;

static void anon_evict(struct inode *i)
{
}

static const struct inode_ops anon_inode_ops = {.evict = anon_evict};

int anon_init(void)
{
    anon_super = superblock_create(&anon_super_ops, "anon_inodefs", ANON_INODE_FS_MAGIC);
    if (!anon_super)
        return -ENOMEM;
    struct inode *root = anon_inode(S_IFDIR | 0555);
    if (!root)
        return -ENOMEM;
    anon_super->root = dentry_alloc_root(root);
    if (!anon_super->root)
        return -ENOMEM;
    anon_mount = mount_internal(anon_super);
    return anon_mount ? 0 : -ENOMEM;
}

struct inode *anon_inode(unsigned mode)
{
    struct inode *i = inode_create(anon_super, mode);

    if (i)
        i->ops = &anon_inode_ops;
    return i;
}

static struct file *file_at(struct dentry *d, const struct file_ops *ops, void *data, uint32_t flags)
{
    struct file *f = file_create(ops, data, flags);

    if (!f)
        return NULL;
    f->mount = mount_get(anon_mount);
    f->dentry = dentry_get(d);
    f->inode = inode_get(d->inode);
    return f;
}

struct file *anon_file(struct inode *inode, const char *name, const struct file_ops *ops, void *data, uint32_t flags)
{
    char text[DENTRY_INLINE_NAME];

    if (strchr(name, ':'))
        string_copy(text, name, sizeof text);
    else
        format(text, sizeof text, "%s:[%llu]", name, (unsigned long long)inode->number);
    struct dentry *d = dentry_alloc_root(inode);
    if (!d)
        return NULL;
    string_copy(d->short_name, text, sizeof d->short_name);
    d->name_length = (uint16_t)strlen(d->short_name);
    struct file *f = file_at(d, ops, data, flags);
    dentry_put(d);
    return f;
}

struct file *anon_file_beside(const struct file *f, const struct file_ops *ops, void *data, uint32_t flags)
{
    return file_at(f->dentry, ops, data, flags);
}

bool anon_is(const struct dentry *d)
{
    return d->inode && d->inode->sb == anon_super;
}
