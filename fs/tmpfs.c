/*
 * Instances of tmpfs, and its symbolic links and special files.
 */
#include "fs/tmpfs.h"

#include <asm/errno.h>
#include <asm/statfs.h>
#include <linux/magic.h>

#include "fs/pipe.h"
#include "guest_kernel/core/alloc.h"
#include "lib/string.h"

static int tmpfs_statfs(struct superblock *sb, struct statfs *out)
{
    struct memory_stats memory;

    memory_stats(&memory);
    uint64_t used = __atomic_load_n(&sb->page_count, __ATOMIC_RELAXED);
    uint64_t limit = sb->page_limit ? sb->page_limit : memory.total_pages;
    uint64_t left = limit > used ? MIN(limit - used, memory.free_pages) : 0;
    out->f_type = (long)sb->magic;
    out->f_bsize = out->f_frsize = PAGE_SIZE;
    out->f_blocks = (long)limit;
    out->f_bfree = out->f_bavail = (long)left;
    out->f_files = (long)memory.total_pages;
    out->f_ffree = (long)(memory.total_pages - MIN(memory.total_pages, sb->inode_count));
    out->f_namelen = FS_NAME_MAX;
    return 0;
}

static void tmpfs_detach(struct superblock *sb)
{
    tmpfs_drop_tree(sb->root);
    dentry_put(sb->root);
    sb->root = NULL;
}

void tmpfs_abandon(struct superblock *sb)
{
    tmpfs_detach(sb);
}

static const struct superblock_ops tmpfs_super_ops = {
    .statfs = tmpfs_statfs,
    .detach = tmpfs_detach,
};

struct superblock *tmpfs_create(const char *type, unsigned mode)
{
    struct superblock *sb = superblock_create(&tmpfs_super_ops, type, TMPFS_MAGIC);

    if (!sb)
        return NULL;
    sb->shmem = true;
    struct inode *root = tmpfs_inode(sb, NULL, S_IFDIR | mode, 0);
    if (root)
        sb->root = dentry_alloc_root(root);
    if (!sb->root) {
        superblock_put(sb);
        return NULL;
    }
    return sb;
}

void tmpfs_limit(struct superblock *sb, uint64_t pages)
{
    sb->page_limit = pages;
}

static int tmpfs_read_link(struct inode *i, char *buf, size_t size)
{
    return (int)string_copy(buf, i->u.link_target, size);
}

static void tmpfs_evict_link(struct inode *i)
{
    mem_free(i->u.link_target);
}

const struct inode_ops tmpfs_link_ops = {
    .read_link = tmpfs_read_link,
    .evict = tmpfs_evict_link,
};

static void tmpfs_evict_special(struct inode *i)
{
    if (S_ISFIFO(i->mode))
        fifo_free(i);
}

const struct inode_ops tmpfs_special_ops = {.evict = tmpfs_evict_special};
