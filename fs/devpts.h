/*
 * devpts: the nodes of pseudoterminals' slaves.  Each mount is an instance with numbers of its own, from 0 and reused
 * lowest first; a ptmx, in it or beside the directory `pts` that it is mounted on, belongs to it.  What a slave is, the
 * floor above knows: a node has an object.
 */
#ifndef FS_DEVPTS_H
#define FS_DEVPTS_H

#include "fs/inode.h"

#define DEVPTS_MAX 4096
extern int devpts_max; /* atomic: so many pairs there are to be in all, less one as on Linux (kernel.pty.max) */

struct devpts_node {       /* of one pair; its owner's */
    struct superblock *sb; /* counted; NULL: it has no number */
    struct dentry *dentry; /* counted; NULL: none */
    uint32_t index;
    uint64_t device; /* as st_rdev */
};

/*
 * A new instance, for mount(2); options as devpts(5) has them ("gid=5,mode=620,ptmxmode=666"; the text is cut up).  One
 * reference.  -EINVAL, -ENOMEM.
 */
int devpts_create(char *options, struct superblock **out) must_check;
void devpts_abandon(struct superblock *sb); /* one that was never mounted */

/*
 * Give the pair of this open ptmx a number and a node.  Opening the node calls ops->open, which finds the object by
 * devpts_object().  -ENOENT, -ENODEV: this ptmx belongs to no instance; -ENOSPC: no more numbers; -ENOMEM.  After a
 * failure too devpts_free() is due.
 */
int devpts_add(const struct file *ptmx, struct devpts_node *n, const struct file_ops *ops, void *object) must_check;
void *devpts_object(struct inode *i, void (*get)(void *object)); /* after get(); NULL: the master is closed */
/* Open the node of the pair that `ptmx` made, wherever it is mounted.  -ENODEV: not where it was. */
int devpts_open(const struct file *ptmx, const struct devpts_node *n, int flags, struct file **out) must_check;
void devpts_remove(struct devpts_node *n); /* the node goes, the number stays taken */
void devpts_free(struct devpts_node *n);
uint32_t devpts_count(void); /* pairs that there are */
int devpts_init(void) must_check;

#endif
