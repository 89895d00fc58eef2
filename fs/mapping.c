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

static void mapping_get(struct space_file *m, bool writes)
{
    struct file *f = file_of(m);

    file_get(f);
    spin_lock(&f->inode->pages.lock);
    if (f->mappings++ == 0)
        TAILQ_INSERT_TAIL(&f->inode->mapped_files, f, mapped_link);
    f->inode->writable_maps += writes;
    spin_unlock(&f->inode->pages.lock);
    if (f->ops->mapped)
        f->ops->mapped(f, true);
}

static void mapping_put(struct space_file *m, bool writes)
{
    struct file *f = file_of(m);

    if (f->ops->mapped)
        f->ops->mapped(f, false);
    spin_lock(&f->inode->pages.lock);
    if (--f->mappings == 0)
        TAILQ_REMOVE(&f->inode->mapped_files, f, mapped_link);
    f->inode->writable_maps -= writes;
    spin_unlock(&f->inode->pages.lock);
    file_put(f);
}

int file_map_begin(struct file *f, bool writes, bool *may_write)
{
    struct inode *i = f->inode;
    int error = 0;

    spin_lock(&i->pages.lock);
    *may_write = !(i->seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
    if (writes && !*may_write)
        error = -EPERM;
    else
        i->writable_maps += *may_write;
    spin_unlock(&i->pages.lock);
    return error;
}

void file_map_end(struct file *f, bool may_write)
{
    spin_lock(&f->inode->pages.lock);
    f->inode->writable_maps -= may_write;
    spin_unlock(&f->inode->pages.lock);
}

static int mapping_get_page(struct space_file *m, uint64_t index, struct page **out)
{
    struct inode *i = file_of(m)->inode;

    return i->ops->get_page(i, index, out);
}

static void mapping_get_cached(struct space_file *m, uint64_t index, unsigned n, struct page **out)
{
    struct inode *i = file_of(m)->inode;

    i->ops->get_cached(i, index, n, out);
}

static int zeros_get_page(struct space_file *m, uint64_t index, struct page **out)
{
    *out = zero_page_get();
    return 0;
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
    .get_cached = mapping_get_cached,
    .path = mapping_path,
    .identity = mapping_identity,
};

static const struct space_file_ops zeros_ops = {
    .get = mapping_get,
    .put = mapping_put,
    .get_page = zeros_get_page,
    .path = mapping_path,
    .identity = mapping_identity,
};

struct file *mapping_file(struct space_file *m)
{
    return m->ops == &mapping_ops || m->ops == &zeros_ops ? file_of(m) : NULL;
}

struct space_file *file_mapping(struct file *f)
{
    if (!f->inode || (f->flags & O_PATH) || !(f->ops->maps_zeros || f->inode->ops->get_page))
        return NULL;
    f->mapping.ops = f->ops->maps_zeros ? &zeros_ops : &mapping_ops;
    f->mapping.shmem = f->inode->sb->shmem;
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

void inode_zap_mappings(struct inode *i, uint64_t first, uint64_t last, bool with_copies)
{
    struct file *f;

    if (TAILQ_EMPTY(&i->mapped_files))
        return;
    i->zap_round++;
    while ((f = next_to_zap(i))) {
        fs_zap(&f->mapping, first, last, with_copies);
        file_put(f);
    }
}
