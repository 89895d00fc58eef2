/*
 * tmpfs: files in memory.  The dentries are the directories (each name holds a reference on its dentry), the page cache
 * holds the data.  The root file system, /tmp and the like, and devtmpfs are instances of it.
 */
#ifndef FS_TMPFS_H
#define FS_TMPFS_H

#include "fs/inode.h"

RB_HEAD(dentry_tree, dentry);

struct directory { /* guarded by the directory inode's lock */
    struct dentry_tree entries; /* by offset */
    uint64_t next_offset;       /* never reused: a reader that goes on after removals misses nothing */
};

/* A new instance with an empty root directory of this mode; one reference.  NULL: no memory. */
struct superblock *tmpfs_create(const char *type, unsigned mode) must_check;
void tmpfs_abandon(struct superblock *sb); /* one that was never mounted */
uint64_t tmpfs_pages(bool shmem); /* file data in memory, of the root and /dev, or of all other instances */
void tmpfs_limit(struct superblock *sb, uint64_t pages); /* of file data; 0: none */

/* For unpacking: a page of file data is taken over (its reference too).  -ENOMEM: not taken. */
int tmpfs_insert_page(struct inode *i, uint64_t index, struct page *p) must_check;
void tmpfs_set_size(struct inode *i, uint64_t size);

/* tmpfs_dir.c and tmpfs_file.c, for each other */
extern const struct inode_ops tmpfs_directory_ops, tmpfs_file_inode_ops, tmpfs_link_ops, tmpfs_special_ops;
extern const struct file_ops tmpfs_directory_file_ops, tmpfs_file_ops;
struct inode *tmpfs_inode(struct superblock *sb, struct inode *dir, unsigned mode, uint64_t rdev) must_check;
void tmpfs_drop_tree(struct dentry *root);

#endif
