/*
 * /dev: an instance of tmpfs filled with the registered devices, mounted as devtmpfs.
 */
#include "fs/devfs.h"

#include <asm/errno.h>
#include <linux/fcntl.h>

#include "fs/device.h"
#include "fs/tmpfs.h"
#include "lib/string.h"

static struct superblock *dev_super;

struct superblock *devfs_superblock(void)
{
    return dev_super;
}

int devfs_init(void)
{
    dev_super = tmpfs_create("devtmpfs", 0755);
    if (dev_super)
        dev_super->shmem = false;
    return dev_super ? 0 : -ENOMEM;
}

/* The directory `name` of `dir`, made if it is not there; takes over the reference on dir. */
static int enter_directory(struct dentry *dir, const char *name, size_t length, struct dentry **out)
{
    struct inode *i = dir->inode;

    mutex_lock(&i->lock);
    int error = directory_lookup(dir, name, length, true, out);
    if (error == -ENOENT) {
        struct dentry *d = dentry_alloc(dir, name, length);
        error = d ? i->ops->create(i, d, S_IFDIR | 0755, 0) : -ENOMEM;
        if (error)
            dentry_put(d);
        else
            *out = d;
    }
    mutex_unlock(&i->lock);
    dentry_put(dir);
    return error;
}

/* The parent directory of a name with slashes, counted, and the last part of the name. */
static int enter_parent(const char **name, struct dentry **out)
{
    struct dentry *at = dentry_get(dev_super->root);
    const char *slash;

    while ((slash = strchr(*name, '/'))) {
        int error = enter_directory(at, *name, (size_t)(slash - *name), &at);
        if (error)
            return error;
        *name = slash + 1;
    }
    *out = at;
    return 0;
}

/* One entry of any kind; target: it is a link to that. */
static int make_entry(const char *name, unsigned mode, uint64_t rdev, const char *target)
{
    struct dentry *dir;
    int error = enter_parent(&name, &dir);

    if (error)
        return error;
    struct inode *i = dir->inode;
    struct dentry *d = dentry_alloc(dir, name, strlen(name));
    mutex_lock(&i->lock);
    if (!d)
        error = -ENOMEM;
    else if (target)
        error = i->ops->symlink(i, d, target);
    else
        error = i->ops->create(i, d, mode, rdev);
    mutex_unlock(&i->lock);
    dentry_put(d);
    dentry_put(dir);
    return error;
}

int devfs_register(const char *name, unsigned major, unsigned minor, unsigned mode, const struct file_ops *ops,
                   void *device)
{
    uint64_t rdev = device_encode(major, minor);
    int error = device_register(rdev, ops, device);

    return error ? error : make_entry(name, S_IFCHR | (mode & S_PERMISSIONS), rdev, NULL);
}

int devfs_link(const char *name, const char *target)
{
    return make_entry(name, 0, 0, target);
}

int devfs_directory(const char *name, unsigned mode)
{
    return make_entry(name, S_IFDIR | mode, 0, NULL);
}
