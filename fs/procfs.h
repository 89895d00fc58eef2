/*
 * procfs, inside of fs/; the public part is in fs/vfs.h.  Nodes are made on lookup and forgotten with their last use;
 * what a node is fits in its inode's key: (pid, kind, index).
 */
#ifndef FS_PROCFS_H
#define FS_PROCFS_H

#include "fs/inode.h"

enum proc_kind {
    PROC_STATIC,  /* index: of the node registered or made at start; pid 0 */
    PROC_PID,     /* /proc/PID */
    PROC_TASK,    /* /proc/PID/task/TID: the same but for "task" */
    PROC_ENTRY,   /* /proc/PID/NAME; index: in the source's table */
    PROC_FD,      /* /proc/PID/fd/N; index: N */
    PROC_FDINFO,  /* /proc/PID/fdinfo/N; index: N */
};

static inline uint64_t proc_key(int pid, enum proc_kind kind, unsigned index)
{
    return (uint64_t)(uint32_t)pid << 32 | (uint64_t)kind << 24 | index;
}

static inline int proc_pid(const struct inode *i)
{
    return (int)(i->u.key >> 32);
}

static inline enum proc_kind proc_kind(const struct inode *i)
{
    return (enum proc_kind)(i->u.key >> 24 & 0xff);
}

static inline unsigned proc_index(const struct inode *i)
{
    return i->u.key & 0xffffff;
}

int procfs_init(void) must_check;
struct superblock *procfs_superblock(void);
const struct procfs_source *procfs_source(void); /* empty until it is set, never NULL */
void procfs_refresh(struct inode *i); /* inode_ops.refresh: its owner */
struct inode *procfs_inode(unsigned mode, int pid, enum proc_kind kind, unsigned index) must_check;

/* procfs_pid.c: what is below /proc/PID */
int procfs_pid_exists(int pid);
int procfs_pid_lookup(struct inode *dir, struct dentry *child);
long procfs_pid_readdir(struct file *f, struct dir_sink *sink);
bool procfs_pid_is_valid(const struct inode *i);
int procfs_parse_number(const char *name, size_t length); /* -1: not a plain decimal number */

/* procfs_text.c: files made of text */
extern const struct file_ops procfs_text_ops;
/* procfs_link.c: links that jump */
extern const struct inode_ops procfs_link_ops;
int procfs_file_link_text(struct file *f, char *buf, size_t size); /* what /proc/PID/fd/N shows: its length */

/* procfs.c: the text of a static node */
int procfs_static_show(unsigned index, struct text *t);
/* Set it by what was written; the text may be changed.  0, -EINVAL, -EIO: it cannot be set. */
int procfs_static_set(unsigned index, char *text);

#endif
