/*
 * Changing attributes: mode, owner, size, times.  Who may, as Linux's setattr_prepare() has it.
 */
#include "fs/inode.h"

#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/mount.h>
#include <linux/resource.h>

#include "guest_kernel/core/task.h"
#include "guest_kernel/core/time.h"

int inode_chmod(const struct path *p, unsigned mode)
{
    struct inode *i = p->dentry->inode;
    int error = mount_writable(p->mount);

    if (error)
        return error;
    if (S_ISLNK(i->mode))
        return -EOPNOTSUPP;
    if (!identity_owns(i))
        return -EPERM;
    mutex_lock(&i->lock);
    if (!identity_in_group(i->gid) && !cred_may(CAP_FSETID))
        mode &= ~S_ISGID;
    i->mode = (i->mode & S_IFMT) | (mode & S_PERMISSIONS);
    inode_touch(i, false);
    mutex_unlock(&i->lock);
    return 0;
}

/* Group execution is what makes the setgid bit one of identity rather than a locking hint. */
static unsigned without_setid(unsigned mode)
{
    mode &= ~S_ISUID;
    return mode & S_IXGRP ? mode & ~S_ISGID : mode;
}

int inode_chown(const struct path *p, uint32_t uid, uint32_t gid)
{
    struct inode *i = p->dentry->inode;
    int error = mount_writable(p->mount);

    if (error)
        return error;
    if (!cred_may(CAP_CHOWN)) {
        if (task_current()->cred.fsuid != i->uid)
            return uid == ~0u && gid == ~0u ? 0 : -EPERM;
        if ((uid != ~0u && uid != i->uid) || (gid != ~0u && gid != i->gid && !identity_in_group(gid)))
            return -EPERM;
    }
    mutex_lock(&i->lock);
    if (uid != ~0u)
        i->uid = uid;
    if (gid != ~0u)
        i->gid = gid;
    if (!S_ISDIR(i->mode))
        i->mode = without_setid(i->mode);
    inode_touch(i, false);
    mutex_unlock(&i->lock);
    return 0;
}

void inode_drop_setid(struct inode *i)
{
    if ((i->mode & (S_ISUID | S_ISGID)) && !cred_may(CAP_FSETID))
        i->mode = without_setid(i->mode);
}

/* Of a regular file that the caller may write to. */
int inode_truncate(struct mount *m, struct inode *i, uint64_t size)
{
    int error = mount_writable(m);

    if (error)
        return error;
    if (!i->ops->resize)
        return -EINVAL;
    if (size > i->size && size > fs_limit(RLIMIT_FSIZE)) {
        fs_signal_self(SIGXFSZ);
        return -EFBIG;
    }
    mutex_lock(&i->lock);
    error = i->ops->resize(i, size);
    if (!error) {
        inode_drop_setid(i);
        inode_touch(i, true);
    }
    mutex_unlock(&i->lock);
    return error;
}

static bool is_plain_touch(const struct time_change *c)
{
    return c->access == TIME_NOW && c->modify == TIME_NOW;
}

int inode_set_times(const struct path *p, const struct time_change *change)
{
    struct inode *i = p->dentry->inode;
    int error = mount_writable(p->mount);

    if (change->access == TIME_KEEP && change->modify == TIME_KEEP)
        return 0;
    if (error)
        return error;
    if (!identity_owns(i)) {
        if (!is_plain_touch(change))
            return -EPERM;
        error = inode_permission(i, MAY_WRITE);
        if (error)
            return error;
    }
    mutex_lock(&i->lock);
    inode_touch(i, false);
    if (change->access != TIME_KEEP)
        i->access_ns = change->access == TIME_NOW ? i->change_ns : change->access_ns;
    if (change->modify != TIME_KEEP)
        i->modify_ns = change->modify == TIME_NOW ? i->change_ns : change->modify_ns;
    mutex_unlock(&i->lock);
    return 0;
}

/* relatime, Linux's default: written when it would tell something, or once a day. */
void inode_accessed(struct file *f)
{
    struct inode *i = f->inode;
    uint64_t now;

    if ((f->flags & O_NOATIME) || (f->mount && (f->mount->flags & (MS_NOATIME | MS_RDONLY))))
        return;
    now = clock_realtime_ns();
    if (i->access_ns <= i->modify_ns || i->access_ns <= i->change_ns || now - i->access_ns >= 86400 * NS_PER_S)
        i->access_ns = now;
}
