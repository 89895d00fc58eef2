/*
 * Leases (fcntl(2), F_SETLEASE): who holds one is told before somebody opens the file in a way that conflicts, and that
 * one waits until the lease is given up or its time is over.  Kept in a list per inode, guarded by the inode's lock.
 */
#ifndef FS_LEASE_H
#define FS_LEASE_H

#include "fs/inode.h"

extern int lease_break_time_s; /* atomic: /proc/sys/fs/lease-break-time; 0 and less: for ever */
extern int leases_enabled;     /* atomic: /proc/sys/fs/leases-enable */

/*
 * A regular file's: type F_RDLCK, F_WRLCK, F_UNLCK; fd is told with the signal.  1: a new one; 0; -EAGAIN: it is open in a
 * way that conflicts, or (F_UNLCK) there is none; -EINVAL: there are to be none; -ENOMEM.
 */
int lease_set(struct file *f, int fd, int type) must_check;
int lease_get(struct file *f);           /* what it is or is becoming */
void leases_release_file(struct file *f); /* the description is gone */

/* Before f->inode is opened or truncated: 0, -EWOULDBLOCK (O_NONBLOCK in flags), -ERESTARTSYS. */
int lease_break_slow(struct inode *i, unsigned flags) must_check;
static inline int must_check lease_break(struct inode *i, unsigned flags)
{
    /* After the caller has counted itself among those who have it open, which a lease looks at after it shows here. */
    return likely(!__atomic_load_n(&i->leases, __ATOMIC_SEQ_CST)) ? 0 : lease_break_slow(i, flags);
}

#endif
