/*
 * The root archive: newc members, plain or in gzip members, one after the other as in an initramfs, become files of the
 * root tmpfs.  Data that lies on whole pages of the archive is not copied: the pages move into the page cache.
 * The archive may be hostile: names are walked like a program's, and what is damaged is refused with the reason.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "abi/init_spec.h"
#include "fs/gzip.h"
#include "fs/tmpfs.h"
#include "guest_kernel/core/alloc.h"
#include "guest_kernel/core/time.h"
#include "lib/cpio.h"
#include "lib/log.h"
#include "lib/string.h"

struct seen_file { /* a member with several names: (device, inode) to what was made of it */
    RB_ENTRY(seen_file) node;
    uint32_t inode, device_major, device_minor;
    struct path path; /* counted */
};

static int seen_compare(struct seen_file *a, struct seen_file *b)
{
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    if (a->device_major != b->device_major)
        return a->device_major < b->device_major ? -1 : 1;
    return a->device_minor < b->device_minor ? -1 : a->device_minor > b->device_minor;
}

RB_HEAD(seen_tree, seen_file);
RB_GENERATE_INTERNAL(seen_tree, seen_file, node, seen_compare, static __attribute__((unused)))

struct unpack {
    struct seen_tree seen;
    bool may_adopt; /* the memory being read is the archive itself, not an inflated copy */
    const char *archive;
    uint64_t *adopted; /* a bit for each page of the archive that a file took over */
    void **spec;
    size_t *spec_size;
};

/* Where the member goes: no leading slashes, "." is the root itself. */
static const char *member_path(const struct cpio_member *m)
{
    const char *name = m->name;

    while (*name == '/')
        name++;
    return *name ? name : ".";
}

/* The parent directories of a path, as far as they are missing. */
static int make_parents(const char *name)
{
    char *path = mem_strdup(name);
    int error = path ? 0 : -ENOMEM;

    for (char *slash = path; !error && (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        if (*path)
            error = tree_make(AT_FDCWD, path, S_IFDIR | 0755, 0);
        if (error == -EEXIST)
            error = 0;
        *slash = '/';
    }
    mem_free(path);
    return error;
}

/* What stood at that name from an earlier archive gives way, unless both are directories. */
static int clear_way(const char *name, bool directory)
{
    struct path there;

    if (path_walk(AT_FDCWD, name, 0, &there))
        return 0;
    bool is_directory = S_ISDIR(there.dentry->inode->mode);
    path_put(&there);
    if (is_directory && directory)
        return 0;
    return tree_remove(AT_FDCWD, name, is_directory);
}

static void set_attributes(struct inode *i, const struct cpio_member *m)
{
    mutex_lock(&i->lock);
    i->mode = (i->mode & S_IFMT) | (m->mode & S_PERMISSIONS);
    i->uid = m->uid;
    i->gid = m->gid;
    i->modify_ns = m->mtime * NS_PER_S;
    mutex_unlock(&i->lock);
}

/* The first whole page of the archive: it may start in the middle of one. */
static const char *first_page(const char *archive)
{
    return (const char *)ALIGN_UP((uintptr_t)archive, PAGE_SIZE);
}

/* Headers, copied ends of files, compressed data: whole pages that no file took over become free memory. */
static void release_pages(struct unpack *u, size_t size)
{
    const char *page = first_page(u->archive);

    for (size_t nth = 0; page + PAGE_SIZE <= u->archive + size; nth++, page += PAGE_SIZE)
        if (!(u->adopted[nth / 64] & BIT(nth % 64)))
            page_put(page_adopt(virt_to_phys(page)));
}

/* One page of content: the archive's own where it can be, else a copy filled up with zeros. */
static struct page *content_page(struct unpack *u, const char *content, size_t n)
{
    if (n == PAGE_SIZE && u->may_adopt && IS_ALIGNED((uintptr_t)content, PAGE_SIZE)) {
        size_t nth = (size_t)(content - first_page(u->archive)) / PAGE_SIZE;
        u->adopted[nth / 64] |= BIT(nth % 64);
        return page_adopt(virt_to_phys(content));
    }
    struct page *p = page_alloc(0);
    if (p) {
        memcpy(page_address(p), content, n);
        memset((char *)page_address(p) + n, 0, PAGE_SIZE - n);
    }
    return p;
}

static int fill_file(struct unpack *u, struct inode *i, const struct cpio_member *m)
{
    for (uint64_t offset = 0; offset < m->size; offset += PAGE_SIZE) {
        struct page *p = content_page(u, m->content + offset, MIN(m->size - offset, PAGE_SIZE));
        if (!p)
            return -ENOMEM;
        if (tmpfs_insert_page(i, offset / PAGE_SIZE, p)) {
            page_put(p);
            return -ENOMEM;
        }
    }
    tmpfs_set_size(i, m->size);
    return 0;
}

static struct seen_file *seen_find(struct unpack *u, const struct cpio_member *m)
{
    struct seen_file key = {.inode = m->inode, .device_major = m->device_major, .device_minor = m->device_minor};

    return m->links > 1 ? RB_FIND(seen_tree, &u->seen, &key) : NULL;
}

static int seen_add(struct unpack *u, const struct cpio_member *m, const struct path *path)
{
    struct seen_file *s = m->links > 1 ? mem_alloc_zero(sizeof *s) : NULL;

    if (m->links <= 1)
        return 0;
    if (!s)
        return -ENOMEM;
    *s = (struct seen_file){.inode = m->inode, .device_major = m->device_major, .device_minor = m->device_minor,
                            .path = *path};
    path_get(path);
    RB_INSERT(seen_tree, &u->seen, s);
    return 0;
}

static void seen_free(struct unpack *u)
{
    struct seen_file *s;

    while ((s = RB_MIN(seen_tree, &u->seen))) {
        RB_REMOVE(seen_tree, &u->seen, s);
        path_put(&s->path);
        mem_free(s);
    }
}

/* Further names of a file seen before become links; the data comes with any one of them (usually the last). */
static int unpack_regular(struct unpack *u, const char *name, const struct cpio_member *m)
{
    struct seen_file *seen = seen_find(u, m);
    struct path path;
    int error = seen ? tree_link(&seen->path, AT_FDCWD, name) : tree_make(AT_FDCWD, name, S_IFREG | 0600, 0);

    if (!error)
        error = path_walk(AT_FDCWD, name, 0, &path);
    if (error)
        return error;
    struct inode *i = path.dentry->inode;
    if (!i->pages.count)
        error = fill_file(u, i, m);
    set_attributes(i, m);
    if (!error && !seen)
        error = seen_add(u, m, &path);
    path_put(&path);
    return error;
}

static int unpack_symlink(const char *name, const struct cpio_member *m)
{
    if (!m->size || m->size >= FS_PATH_MAX || memchr(m->content, '\0', m->size))
        return -EINVAL;
    char *target = mem_alloc(m->size + 1);
    if (!target)
        return -ENOMEM;
    memcpy(target, m->content, m->size);
    target[m->size] = '\0';
    int error = tree_symlink(target, AT_FDCWD, name);
    mem_free(target);
    return error;
}

static int unpack_made(const char *name, const struct cpio_member *m)
{
    struct path path;
    int error;

    if (S_ISLNK(m->mode))
        error = unpack_symlink(name, m);
    else
        error = tree_make(AT_FDCWD, name, m->mode & (S_IFMT | S_PERMISSIONS),
                          device_encode(m->rdev_major, m->rdev_minor));
    if (error == -EEXIST && S_ISDIR(m->mode))
        error = 0;
    if (!error)
        error = path_walk(AT_FDCWD, name, 0, &path);
    if (error)
        return error;
    set_attributes(path.dentry->inode, m);
    path_put(&path);
    return 0;
}

static int unpack_spec(struct unpack *u, const struct cpio_member *m)
{
    void *copy = mem_alloc(m->size + 1);

    if (!copy)
        return -ENOMEM;
    memcpy(copy, m->content, m->size);
    ((char *)copy)[m->size] = '\0';
    mem_free(*u->spec);
    *u->spec = copy;
    *u->spec_size = m->size;
    return 0;
}

static int unpack_member(struct unpack *u, const struct cpio_member *m)
{
    if (!strcmp(m->name, INIT_SPEC_NAME))
        return unpack_spec(u, m);
    const char *name = member_path(m);
    switch (m->mode & S_IFMT) {
    case S_IFREG: case S_IFDIR: case S_IFLNK: case S_IFIFO: case S_IFCHR: case S_IFBLK: case S_IFSOCK:
        break;
    default:
        return -EINVAL;
    }
    int error = make_parents(name);
    if (!error)
        error = clear_way(name, S_ISDIR(m->mode));
    if (error)
        return error;
    return S_ISREG(m->mode) ? unpack_regular(u, name, m) : unpack_made(name, m);
}

/* Members up to the end or to something that is no cpio header: *used says where. */
static int unpack_plain(struct unpack *u, const void *data, size_t size, size_t *used)
{
    struct cpio_reader r;
    struct cpio_member m;
    int found;

    cpio_open(&r, data, size);
    while ((found = cpio_next(&r, &m)) == 1) {
        int error = unpack_member(u, &m);
        if (error) {
            log_error("root archive: member %s (mode %o, %llu bytes): error %d", m.name, m.mode,
                      (unsigned long long)m.size, -error);
            return error;
        }
    }
    *used = r.offset;
    return 0;
}

static int unpack_gzip(struct unpack *u, const void *data, size_t size, size_t *used)
{
    void *plain;
    size_t plain_size, plain_used = 0;
    int error = gzip_inflate(data, size, &plain, &plain_size, used);

    if (error)
        return error;
    u->may_adopt = false;
    error = unpack_plain(u, plain, plain_size, &plain_used);
    u->may_adopt = true;
    if (!error && plain_used != plain_size)
        error = -EINVAL;
    mem_free(plain);
    return error;
}

static bool is_gzip(const unsigned char *data, size_t size)
{
    return size >= 2 && data[0] == 0x1f && data[1] == 0x8b;
}

int fs_unpack_cpio(const void *archive, size_t size, void **spec, size_t *spec_size)
{
    struct unpack u = {.may_adopt = true, .archive = archive, .spec = spec, .spec_size = spec_size};
    const unsigned char *data = archive;
    size_t offset = 0;

    *spec = NULL;
    *spec_size = 0;
    u.adopted = mem_alloc_zero((size / PAGE_SIZE / 64 + 1) * sizeof *u.adopted);
    int error = u.adopted ? 0 : -ENOMEM;
    while (offset < size && !error) {
        size_t used = 0;
        if (is_gzip(data + offset, size - offset))
            error = unpack_gzip(&u, data + offset, size - offset, &used);
        else
            error = unpack_plain(&u, data + offset, size - offset, &used);
        if (!error && !used)
            error = -EINVAL;
        offset += used;
    }
    seen_free(&u);
    if (!error)
        release_pages(&u, size);
    mem_free(u.adopted);
    if (error) {
        log_error("root archive: %s at byte %zu of %zu",
                  error == -ENOMEM ? "no memory for what is" : "damaged or unknown data", offset, size);
        mem_free(*spec);
        *spec = NULL;
    }
    return error;
}
