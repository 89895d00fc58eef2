/*
 * See fs/memfd.h.  The files live on an instance of tmpfs of their own that is mounted nowhere.
 */
#include "fs/memfd.h"

#include <asm/errno.h>
#include <linux/fcntl.h>

#include "fs/tmpfs.h"
#include "lib/format.h"

static struct mutex memfd_lock; /* guards the making of the mount */
static struct mount *memfd_mount;

int memfd_init(void)
{
    mutex_init(&memfd_lock);
    return 0;
}

/* Made with the first file: most sandboxes need none. */
static struct mount *mount_have(void)
{
    mutex_lock(&memfd_lock);
    if (!memfd_mount) {
        struct superblock *sb = tmpfs_create("tmpfs", 0700);
        memfd_mount = sb ? mount_internal(sb) : NULL;
        if (sb && !memfd_mount)
            tmpfs_abandon(sb);
        if (sb)
            superblock_put(sb);
    }
    mutex_unlock(&memfd_lock);
    return memfd_mount;
}

int memfd_create_file(const char *name, struct file **out)
{
    char shown[FS_NAME_MAX + 1];
    int length = format(shown, sizeof shown, "memfd:%s", name);
    struct mount *m = mount_have();
    struct inode *i = m ? tmpfs_inode(m->sb, NULL, S_IFREG | 0777, 0) : NULL;
    struct dentry *d = i ? dentry_alloc(m->root, shown, (size_t)length) : NULL;
    struct file *f = d ? file_create(&tmpfs_file_ops, NULL, O_RDWR | O_LARGEFILE) : NULL;

    if (!d)
        inode_put(i);
    else
        d->inode = i; /* never hashed: shown as deleted, as Linux does */
    if (f) {
        i->links = 0;
        f->mount = mount_get(m);
        f->dentry = dentry_get(d);
        f->inode = inode_get(i);
        *out = f;
    }
    dentry_put(d);
    return f ? 0 : -ENOMEM;
}
