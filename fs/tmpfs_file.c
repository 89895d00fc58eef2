/*
 * Regular files of tmpfs: read, write, map, resize, punch.  Writers and resizers hold inode.lock; readers and page
 * faults only take pages.lock to find a page and then use it by its own reference.
 */
#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/signal.h>
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/resource.h>

#include "fs/tmpfs.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/task.h"
#include "lib/string.h"

#define SIZE_LIMIT ((uint64_t)INT64_MAX)

static uint64_t all_pages[2]; /* atomic; the second: of shared memory */

uint64_t tmpfs_pages(bool shmem)
{
    return __atomic_load_n(&all_pages[shmem], __ATOMIC_RELAXED);
}

/* Memory was promised for the whole of files made with a size (shmem_create), else for each page as it comes. */
static void count_page(struct inode *i, int64_t step)
{
    __atomic_fetch_add(&i->sb->page_count, step, __ATOMIC_RELAXED);
    __atomic_fetch_add(&all_pages[i->sb->shmem], step, __ATOMIC_RELAXED);
    if (!i->charged_pages)
        commit_adjust(step);
}

/* Lock-free look at the size for readers: a word that only whole writes change. */
static uint64_t size_of(const struct inode *i)
{
    return __atomic_load_n(&i->size, __ATOMIC_ACQUIRE);
}

/* Counted, NULL: a hole. */
static struct page *page_find(struct inode *i, uint64_t index)
{
    spin_lock(&i->pages.lock);
    struct page *p = page_tree_find(&i->pages, index);
    if (p)
        page_get(p);
    spin_unlock(&i->pages.lock);
    return p;
}

static long tmpfs_read(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct inode *i = f->inode;
    long total = 0;

    while (it->remaining) {
        uint64_t size = size_of(i);
        if (*position >= size)
            break;
        size_t in_page = *position % PAGE_SIZE;
        size_t want = MIN(MIN(PAGE_SIZE - in_page, size - *position), it->remaining);
        struct page *p = page_find(i, *position / PAGE_SIZE);
        size_t done = p ? iter_write(it, (char *)page_address(p) + in_page, want) : iter_zero(it, want);
        if (p)
            page_put(p);
        *position += done;
        total += (long)done;
        if (done < want) {
            if (!total)
                return -EFAULT;
            break;
        }
    }
    inode_accessed(f);
    return total;
}

static bool may_grow(struct superblock *sb)
{
    return !sb->page_limit || __atomic_load_n(&sb->page_count, __ATOMIC_RELAXED) < sb->page_limit;
}

/* Puts p at index unless another was quicker; what is there then, counted.  NULL: no memory; p is used up. */
static struct page *page_put_in(struct inode *i, uint64_t index, struct page *p)
{
    spin_lock(&i->pages.lock);
    struct page *there = page_tree_find(&i->pages, index);
    if (!there && !page_tree_insert(&i->pages, index, p)) {
        count_page(i, 1);
        page_get(p);
        spin_unlock(&i->pages.lock);
        return p;
    }
    if (there)
        page_get(there);
    spin_unlock(&i->pages.lock);
    page_put(p);
    return there;
}

/* The page, made of zeros if it was a hole.  Counted; NULL: no memory. */
static struct page *page_have(struct inode *i, uint64_t index)
{
    struct page *p = page_find(i, index);

    if (p)
        return p;
    p = page_alloc_user_zero();
    return p ? page_put_in(i, index, p) : NULL;
}

int tmpfs_insert_page(struct inode *i, uint64_t index, struct page *p)
{
    page_get(p);
    struct page *there = page_put_in(i, index, p);
    if (!there)
        return -ENOMEM;
    page_put(there);
    page_put(p);
    return 0;
}

/* A whole page that was a hole: no zeroing first.  Bytes done or -errno. */
static long write_new_page(struct inode *i, uint64_t index, struct io_iter *it)
{
    struct page *fresh = page_alloc_user(0);

    if (!fresh)
        return -ENOMEM;
    size_t done = iter_read(it, page_address(fresh), PAGE_SIZE);
    memset((char *)page_address(fresh) + done, 0, PAGE_SIZE - done);
    if (!done) {
        page_put(fresh);
        return -EFAULT;
    }
    page_get(fresh);
    struct page *there = page_put_in(i, index, fresh);
    if (there && there != fresh)
        memcpy(page_address(there), page_address(fresh), done); /* a page fault filled the hole meanwhile */
    page_put(fresh);
    if (!there)
        return -ENOMEM;
    page_put(there);
    return (long)done;
}

#define SEALED_AGAINST_WRITING (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

static long write_chunk(struct inode *i, uint64_t position, struct io_iter *it, size_t want)
{
    if (i->seals & SEALED_AGAINST_WRITING || ((i->seals & F_SEAL_GROW) && position + want > i->size))
        return -EPERM;
    struct page *p = page_find(i, position / PAGE_SIZE);

    if (!p && !may_grow(i->sb))
        return -ENOSPC;
    if (!p && want == PAGE_SIZE)
        return write_new_page(i, position / PAGE_SIZE, it);
    if (!p)
        p = page_have(i, position / PAGE_SIZE);
    if (!p)
        return -ENOMEM;
    size_t done = iter_read(it, (char *)page_address(p) + position % PAGE_SIZE, want);
    page_put(p);
    return done ? (long)done : -EFAULT;
}

void tmpfs_set_size(struct inode *i, uint64_t size)
{
    spin_lock(&i->pages.lock);
    __atomic_store_n(&i->size, size, __ATOMIC_RELEASE);
    spin_unlock(&i->pages.lock);
}

/* Bytes of the last page behind the end, which a mapping may have written, read as zeros once the file grows. */
static void zero_tail(struct inode *i, uint64_t size)
{
    struct page *p = size % PAGE_SIZE ? page_find(i, size / PAGE_SIZE) : NULL;

    if (!p)
        return;
    memset((char *)page_address(p) + size % PAGE_SIZE, 0, PAGE_SIZE - size % PAGE_SIZE);
    page_put(p);
}

/* How much of the write the limits allow; 0 or -errno. */
static int check_limits(struct io_iter *it, uint64_t position, size_t *allowed)
{
    uint64_t limit = fs_limit(RLIMIT_FSIZE);

    *allowed = it->remaining;
    if (position >= limit) {
        fs_signal_self(SIGXFSZ);
        return -EFBIG;
    }
    if (position >= SIZE_LIMIT)
        return -EFBIG;
    *allowed = MIN(*allowed, MIN(limit, SIZE_LIMIT) - position);
    return 0;
}

static long write_locked(struct file *f, struct io_iter *it, uint64_t *position)
{
    struct inode *i = f->inode;
    size_t allowed;
    long total = 0;

    if (!it->remaining)
        return 0;
    if (f->flags & O_APPEND)
        *position = i->size;
    int error = check_limits(it, *position, &allowed);
    if (error)
        return error;
    if (*position > i->size)
        zero_tail(i, i->size);
    while (allowed) {
        size_t want = MIN(PAGE_SIZE - *position % PAGE_SIZE, allowed);
        long done = write_chunk(i, *position, it, want);
        if (done < 0) {
            if (!total)
                return done;
            break;
        }
        total += done;
        allowed -= (size_t)done;
        *position += (uint64_t)done;
        if (*position > i->size)
            tmpfs_set_size(i, *position);
        if ((size_t)done < want)
            break;
    }
    inode_drop_setid(i);
    inode_touch(i, true);
    return total;
}

static long tmpfs_write(struct file *f, struct io_iter *it, uint64_t *position)
{
    mutex_lock(&f->inode->lock);
    long n = write_locked(f, it, position);
    mutex_unlock(&f->inode->lock);
    return n;
}

static long seek_hole_or_data(struct file *f, int64_t offset, int whence)
{
    struct inode *i = f->inode;
    uint64_t size = size_of(i);

    if (offset < 0 || (uint64_t)offset >= size)
        return -ENXIO;
    uint64_t index = (uint64_t)offset / PAGE_SIZE, end = (size - 1) / PAGE_SIZE + 1, at = index;
    spin_lock(&i->pages.lock);
    if (whence == SEEK_DATA) {
        if (!page_tree_next(&i->pages, &at))
            at = end;
    } else {
        while (at < end && page_tree_find(&i->pages, at))
            at++;
    }
    spin_unlock(&i->pages.lock);
    if (whence == SEEK_DATA && at >= end)
        return -ENXIO;
    f->position = at == index ? (uint64_t)offset : MIN(at * PAGE_SIZE, size);
    return (long)f->position;
}

static long tmpfs_seek(struct file *f, int64_t offset, int whence)
{
    if (whence == SEEK_DATA || whence == SEEK_HOLE)
        return seek_hole_or_data(f, offset, whence);
    return file_generic_seek(f, offset, whence, size_of(f->inode), SIZE_LIMIT);
}

/*
 * Pages [first, last] leave the file, and then every mapping of it: one that a fault maps meanwhile is a new one.  A page
 * lives on until its last mapping goes.  cut: they are behind the new end, so that private copies go, too.
 */
static void pages_drop(struct inode *i, uint64_t first, uint64_t last, bool cut)
{
    for (uint64_t index = first;;) {
        spin_lock(&i->pages.lock);
        struct page *p = page_tree_next(&i->pages, &index);
        if (p && index <= last)
            (void)page_tree_remove(&i->pages, index);
        spin_unlock(&i->pages.lock);
        if (!p || index > last)
            break;
        count_page(i, -1);
        page_put(p);
        task_relax();
    }
    inode_zap_mappings(i, first, last, cut);
}

static int tmpfs_resize(struct inode *i, uint64_t size)
{
    if (size > SIZE_LIMIT)
        return -EFBIG;
    uint64_t old = i->size;
    if ((size < old && (i->seals & F_SEAL_SHRINK)) || (size > old && (i->seals & F_SEAL_GROW)))
        return -EPERM;
    if (size > old)
        zero_tail(i, old);
    tmpfs_set_size(i, size);
    if (size < old) {
        pages_drop(i, (size + PAGE_SIZE - 1) / PAGE_SIZE, UINT64_MAX, true);
        zero_tail(i, size);
    }
    return 0;
}

static void zero_range(struct inode *i, uint64_t from, uint64_t to)
{
    while (from < to) {
        uint64_t n = MIN(PAGE_SIZE - from % PAGE_SIZE, to - from);
        struct page *p = page_find(i, from / PAGE_SIZE);
        if (p) {
            memset((char *)page_address(p) + from % PAGE_SIZE, 0, n);
            page_put(p);
        }
        from += n;
    }
}

static int punch_hole(struct inode *i, uint64_t offset, uint64_t end)
{
    uint64_t first = (offset + PAGE_SIZE - 1) / PAGE_SIZE, past = end / PAGE_SIZE;

    if (i->seals & SEALED_AGAINST_WRITING)
        return -EPERM;
    if (first > past) { /* inside one page */
        zero_range(i, offset, end);
        return 0;
    }
    zero_range(i, offset, first * PAGE_SIZE);
    zero_range(i, past * PAGE_SIZE, end);
    if (first < past)
        pages_drop(i, first, past - 1, false);
    return 0;
}

static int fill_holes(struct inode *i, uint64_t offset, uint64_t end)
{
    for (uint64_t index = offset / PAGE_SIZE; index <= (end - 1) / PAGE_SIZE; index++) {
        if (!may_grow(i->sb))
            return -ENOSPC;
        struct page *p = page_have(i, index);
        if (!p)
            return -ENOMEM;
        page_put(p);
    }
    return 0;
}

static int tmpfs_allocate(struct inode *i, int mode, uint64_t offset, uint64_t length)
{
    uint64_t end = offset + length;

    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
        return -EOPNOTSUPP;
    if (mode & FALLOC_FL_PUNCH_HOLE)
        return punch_hole(i, offset, end);
    if (end > SIZE_LIMIT)
        return -EFBIG;
    if ((i->seals & F_SEAL_GROW) && end > i->size)
        return -EPERM;
    if (end > i->size)
        zero_tail(i, i->size);
    int error = fill_holes(i, offset, end);
    if (!error && !(mode & FALLOC_FL_KEEP_SIZE) && end > i->size)
        tmpfs_set_size(i, end);
    return error;
}

static void tmpfs_evict_file(struct inode *i)
{
    pages_drop(i, 0, UINT64_MAX, true);
    commit_adjust(-(int64_t)i->charged_pages);
}

static int tmpfs_get_page(struct inode *i, uint64_t index, struct page **out)
{
    if (index >= (size_of(i) + PAGE_SIZE - 1) / PAGE_SIZE)
        return -ERANGE;
    *out = page_have(i, index);
    return *out ? 0 : -ENOMEM;
}

static void tmpfs_get_cached(struct inode *i, uint64_t index, unsigned n, struct page **out)
{
    spin_lock(&i->pages.lock);
    uint64_t past = (i->size + PAGE_SIZE - 1) / PAGE_SIZE;
    for (unsigned k = 0; k < n; k++) {
        out[k] = index + k < past ? page_tree_find(&i->pages, index + k) : NULL;
        if (out[k])
            page_get(out[k]);
    }
    spin_unlock(&i->pages.lock);
}

const struct inode_ops tmpfs_file_inode_ops = {
    .resize = tmpfs_resize,
    .allocate = tmpfs_allocate,
    .get_page = tmpfs_get_page,
    .get_cached = tmpfs_get_cached,
    .evict = tmpfs_evict_file,
};

static int tmpfs_sync(struct file *f)
{
    return 0; /* memory is all the storage there is */
}

const struct file_ops tmpfs_file_ops = {
    .read = tmpfs_read,
    .write = tmpfs_write,
    .seek = tmpfs_seek,
    .sync = tmpfs_sync,
};
