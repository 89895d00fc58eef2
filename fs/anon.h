/*
 * Files that no directory names, with an inode all the same: pipes, the stdio ports, descriptors of event objects.  So
 * fstat tells two of them apart and /proc/self/fd/N (and /dev/stdout) can open them again.
 */
#ifndef FS_ANON_H
#define FS_ANON_H

#include "fs/inode.h"

int anon_init(void);
/* A nameless inode; file_ops may be set by the caller.  NULL: no memory. */
struct inode *anon_inode(unsigned mode) must_check;
/*
 * A description of the inode (whose reference it takes over, also on failure), shown as "name:[number]", or as `name`
 * itself if that contains a colon.
 */
struct file *anon_file(struct inode *inode, const char *name, const struct file_ops *ops, void *data,
                       uint32_t flags) must_check;
/* A second description of the same: the other end of a pipe. */
struct file *anon_file_beside(const struct file *f, const struct file_ops *ops, void *data, uint32_t flags) must_check;
bool anon_is(const struct dentry *d);

#endif
