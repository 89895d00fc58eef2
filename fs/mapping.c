/*
 * Files in address spaces.  A mapping holds its open file description, as in Linux: so /proc/PID/maps knows the path it
 * was opened by, and a program being executed cannot be written.  An inode lists the descriptions of it that are
 * mapped, so that a truncation can reach all their pages.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "fs/inode.h"
#include "lib/string.h"

static struct file *file_of(struct space_file *f)
{
    return container_of(f, struct file, mapping);
}

static void mapping_get(struct space_file *m)
{
    struct file *f = file_of(m);

    file_get(f);
    spin_lock(&f->inode->pages.lock);
    if (f->mappings++ == 0)
        TAILQ_INSERT_TAIL(&f->inode->mapped_files, f, mapped_link);
    spin_unlock(&f->inode->pages.lock);
}

static void mapping_put(struct space_file *m)
{
    struct file *f = file_of(m);

    spin_lock(&f->inode->pages.lock);
    if (--f->mappings == 0)
        TAILQ_REMOVE(&f->inode->mapped_files, f, mapped_link);
    spin_unlock(&f->inode->pages.lock);
    file_put(f);
}

static int mapping_get_page(struct space_file *m, uint64_t index, struct page **out)
{
    struct inode *i = file_of(m)->inode;

    return i->ops->get_page(i, index, out);
}

static int mapping_path(struct space_file *m, char *buf, size_t size)
{
    static const char mark[] = " (deleted)";
    struct file *f = file_of(m);
    struct path root;
    bool deleted;

    context_paths(&root, NULL);
    int n = path_format(&(struct path){f->mount, f->dentry}, &root, buf, size, &deleted);
    path_put(&root);
    if (n < 0)
        return n;
    if (deleted) {
        if ((size_t)n + sizeof mark > size)
            return -ENAMETOOLONG;
        memcpy(buf + n, mark, sizeof mark);
        n += (int)sizeof mark - 1;
    }
    return n + 1;
}

static void mapping_identity(struct space_file *m, uint64_t *device, uint64_t *number)
{
    *device = file_of(m)->inode->sb->device;
    *number = file_of(m)->inode->number;
}

static const struct space_file_ops mapping_ops = {
    .get = mapping_get,
    .put = mapping_put,
    .get_page = mapping_get_page,
    .path = mapping_path,
    .identity = mapping_identity,
};

struct space_file *file_mapping(struct file *f)
{
    if (!f->inode || !f->inode->ops->get_page || (f->flags & O_PATH))
        return NULL;
    f->mapping.ops = &mapping_ops;
    return &f->mapping;
}

/* A description not told in this round, counted; NULL: all were. */
static struct file *next_to_zap(struct inode *i)
{
    struct file *f;

    spin_lock(&i->pages.lock);
    TAILQ_FOREACH(f, &i->mapped_files, mapped_link)
        if (f->zap_round != i->zap_round)
            break;
    if (f) {
        f->zap_round = i->zap_round;
        file_get(f);
    }
    spin_unlock(&i->pages.lock);
    return f;
}

void inode_zap_mappings(struct inode *i, uint64_t first, uint64_t last)
{
    struct file *f;

    if (TAILQ_EMPTY(&i->mapped_files))
        return;
    i->zap_round++;
    while ((f = next_to_zap(i))) {
        fs_zap(&f->mapping, first, last);
        file_put(f);
    }
}
