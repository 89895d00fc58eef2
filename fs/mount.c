/*
 * Mounts: a tree of superblocks' roots on directories.  tree_lock guards the list and the links; each mount counts who
 * uses it (paths, files, mounts below), which is what makes umount(2) say EBUSY.
 */
#include "fs/inode.h"

#include <asm/errno.h>
#include <linux/mount.h>

#include "guest_kernel/core/alloc.h"
#include "lib/string.h"

static TAILQ_HEAD(mount_list, mount) mounts = TAILQ_HEAD_INITIALIZER(mounts); /* tree_lock, in order of mounting */
static int last_id;                                                 /* tree_lock */
static struct mount *root_mount;                                    /* fixed after boot */

struct mount *mount_get(struct mount *m)
{
    if (m)
        __atomic_fetch_add(&m->refs, 1, __ATOMIC_RELAXED);
    return m;
}

/* Attached mounts hold a reference of the list's, so the last one goes only after mount_detach(). */
void mount_put(struct mount *m)
{
    if (!m || __atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    struct superblock *sb = m->sb;
    dentry_put(m->root);
    if (__atomic_sub_fetch(&sb->mounts, 1, __ATOMIC_ACQ_REL) == 0 && sb->ops->detach)
        sb->ops->detach(sb);
    superblock_put(sb);
    mem_free(m->source);
    mem_free(m);
}

void path_get(const struct path *p)
{
    mount_get(p->mount);
    dentry_get(p->dentry);
}

void path_put(const struct path *p)
{
    if (p->dentry)
        dentry_put(p->dentry);
    mount_put(p->mount);
}

/* The newest one wins, so that a mount over a mount covers it. */
static struct mount *mounted_at(const struct path *p)
{
    struct mount *m;

    assert_held(&tree_lock);
    TAILQ_FOREACH_REVERSE(m, &mounts, mount_list, link)
        if (m->parent == p->mount && m->mountpoint == p->dentry)
            return m;
    return NULL;
}

void mount_cross_down(struct path *p)
{
    while (p->dentry->mounted) {
        spin_lock(&tree_lock);
        struct path to = {.mount = mounted_at(p)};
        if (to.mount) {
            to.dentry = to.mount->root;
            path_get(&to);
        }
        spin_unlock(&tree_lock);
        if (!to.mount)
            return;
        path_put(p);
        *p = to;
    }
}

bool mount_cross_up(struct path *p)
{
    struct path to = {NULL, NULL};

    spin_lock(&tree_lock);
    if (p->dentry == p->mount->root && p->mount->parent) {
        to = (struct path){p->mount->parent, p->mount->mountpoint};
        path_get(&to);
    }
    spin_unlock(&tree_lock);
    if (!to.mount)
        return false;
    path_put(p);
    *p = to;
    return true;
}

static struct mount *mount_create(struct superblock *sb, struct dentry *root, unsigned flags, const char *source)
{
    struct mount *m = mem_alloc_zero(sizeof *m);

    if (!m)
        return NULL;
    m->source = mem_strdup(source);
    if (!m->source) {
        mem_free(m);
        return NULL;
    }
    m->refs = 1;
    m->flags = flags;
    m->sb = superblock_get(sb);
    __atomic_fetch_add(&sb->mounts, 1, __ATOMIC_RELAXED);
    m->root = dentry_get(root);
    return m;
}

struct mount *mount_internal(struct superblock *sb)
{
    struct mount *m = mount_create(sb, sb->root, MS_NOSUID, "none");

    if (m)
        m->internal = true;
    return m;
}

int mount_attach(struct superblock *sb, struct dentry *root, const struct path *at, unsigned flags, const char *source)
{
    struct mount *m = mount_create(sb, root, flags, source);

    if (!m)
        return -ENOMEM;
    if (at)
        path_get(at);
    spin_lock(&tree_lock);
    m->id = ++last_id;
    if (at) {
        m->parent = at->mount;
        m->mountpoint = at->dentry;
        at->mount->children++;
        at->dentry->mounted++;
    } else {
        root_mount = m;
    }
    TAILQ_INSERT_TAIL(&mounts, m, link);
    spin_unlock(&tree_lock);
    return 0;
}

/* The caller's path holds one reference, the list another: more means busy.  Lazy: whoever uses it goes on using it. */
int mount_detach(const struct path *root, bool lazy)
{
    struct mount *m = root->mount;
    struct path at = {NULL, NULL};
    int error = 0;

    spin_lock(&tree_lock);
    if (root->dentry != m->root || !m->parent)
        error = -EINVAL;
    else if (m->children || (!lazy && __atomic_load_n(&m->refs, __ATOMIC_RELAXED) > 2))
        error = -EBUSY;
    if (!error) {
        at = (struct path){m->parent, m->mountpoint};
        m->parent = NULL;
        m->mountpoint = NULL;
        at.mount->children--;
        at.dentry->mounted--;
        TAILQ_REMOVE(&mounts, m, link);
    }
    spin_unlock(&tree_lock);
    if (error)
        return error;
    path_put(&at);
    mount_put(m);
    return 0;
}

struct mount *mount_next(int after_id)
{
    struct mount *m;

    spin_lock(&tree_lock);
    TAILQ_FOREACH(m, &mounts, link)
        if (m->id > after_id)
            break;
    mount_get(m);
    spin_unlock(&tree_lock);
    return m;
}

void mount_root_path(struct path *out)
{
    *out = (struct path){root_mount, root_mount->root};
    path_get(out);
}

int mount_writable(const struct mount *m)
{
    return m && (m->flags & MS_RDONLY) ? -EROFS : 0;
}
