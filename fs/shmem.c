/*
 * See fs/shmem.h.  The files live on an instance of tmpfs of their own that is mounted nowhere.
 */
#include "fs/shmem.h"

#include <asm/errno.h>
#include <linux/fcntl.h>

#include "fs/tmpfs.h"
#include "lib/string.h"

#define ALL_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

static struct mutex shmem_lock;       /* guards the making of the mounts */
static struct mount *shmem_mounts[2]; /* the second for numbered files */

int shmem_init(void)
{
    mutex_init(&shmem_lock);
    return 0;
}

/* Made with the first file: most sandboxes need none. */
static struct mount *mount_have(struct mount **m)
{
    mutex_lock(&shmem_lock);
    if (!*m) {
        struct superblock *sb = tmpfs_create("tmpfs", 0700);
        *m = sb ? mount_internal(sb) : NULL;
        if (sb && !*m)
            tmpfs_abandon(sb);
        if (sb)
            superblock_put(sb);
    }
    mutex_unlock(&shmem_lock);
    return *m;
}

int shmem_create(const struct shmem_request *r, struct file **out)
{
    struct mount *m = mount_have(&shmem_mounts[r->numbered]);
    struct inode *i = m ? tmpfs_inode(m->sb, NULL, S_IFREG | r->mode, 0) : NULL;
    struct dentry *d = i ? dentry_alloc(m->root, r->name, strlen(r->name)) : NULL;
    uint64_t pages = r->reserve ? (r->size + PAGE_SIZE - 1) >> PAGE_SHIFT : 0;
    bool promised = d && (!pages || commit_charge(pages, 0));
    struct file *f = promised ? file_create(r->ops ? r->ops : &tmpfs_file_ops, NULL, O_RDWR | O_LARGEFILE) : NULL;

    if (promised && !f)
        commit_adjust(-(int64_t)pages);
    if (!d)
        inode_put(i);
    else
        d->inode = i; /* never hashed: shown as deleted, as Linux does */
    if (f) {
        i->links = 0;
        i->size = r->size;
        i->charged_pages = pages;
        if (r->sealable)
            i->seals = 0;
        f->mount = mount_get(m);
        f->dentry = dentry_get(d);
        f->inode = inode_get(i);
        *out = f;
    }
    dentry_put(d);
    return f ? 0 : -ENOMEM;
}

static bool has_seals(const struct file *f)
{
    return f->inode && f->inode->ops == &tmpfs_file_inode_ops;
}

int shmem_seals(const struct file *f)
{
    return has_seals(f) ? (int)__atomic_load_n(&f->inode->seals, __ATOMIC_RELAXED) : -EINVAL;
}

/* Writers hold the inode's lock, mappings that may write are counted under the page cache's: both are held here. */
static int seal_locked(struct inode *i, unsigned seals)
{
    int error = 0;

    if (i->seals & F_SEAL_SEAL)
        return -EPERM;
    spin_lock(&i->pages.lock);
    if ((seals & F_SEAL_WRITE) && !(i->seals & F_SEAL_WRITE) && i->writable_maps)
        error = -EBUSY;
    else
        __atomic_store_n(&i->seals, i->seals | seals, __ATOMIC_RELAXED);
    spin_unlock(&i->pages.lock);
    return error;
}

int shmem_seal(struct file *f, unsigned seals)
{
    if ((f->flags & O_ACCMODE) == O_RDONLY)
        return -EPERM;
    if (!has_seals(f) || (seals & ~(unsigned)ALL_SEALS))
        return -EINVAL;
    mutex_lock(&f->inode->lock);
    int error = seal_locked(f->inode, seals);
    mutex_unlock(&f->inode->lock);
    return error;
}
