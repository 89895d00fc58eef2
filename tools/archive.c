/*
 * See tools/archive.h.  The format: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
 */
#include "tools/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "tools/message.h"

#define HEADER_SIZE 110

/* All of a member but its content. */
static void add_header(struct archive *a, const char *name, const struct stat *st, uint32_t inode, size_t size)
{
    size_t name_size = strlen(name) + 1;
    size_t data_at = ALIGN_UP(a->bytes.size + HEADER_SIZE + name_size, (size_t)4);

    if (size > UINT32_MAX)
        fail(EXIT_LAUNCHER, "%s: files of 4 GiB and more do not fit into a cpio archive", name);
    if (size >= PAGE_SIZE / 4 && S_ISREG(st->st_mode)) {
        data_at = ALIGN_UP(data_at, PAGE_SIZE);
        name_size = data_at - a->bytes.size - HEADER_SIZE;
    }
    bytes_append_text(&a->bytes, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", inode, st->st_mode,
                      st->st_uid, st->st_gid, S_ISDIR(st->st_mode) ? 2 : 1, (uint32_t)st->st_mtime, (uint32_t)size, 0,
                      0, major(st->st_rdev), minor(st->st_rdev), (uint32_t)name_size, 0);
    bytes_append(&a->bytes, name, strlen(name) + 1);
    bytes_append_zeros(&a->bytes, data_at - a->bytes.size);
}

static void add_member(struct archive *a, const char *name, const struct stat *st, uint32_t inode, const void *content,
                       size_t size)
{
    add_header(a, name, st, inode, size);
    bytes_append(&a->bytes, content, size);
    bytes_align(&a->bytes, 4);
}

void archive_add(struct archive *a, const char *name, const struct stat *st, const void *content, size_t size)
{
    add_member(a, name, st, ++a->next_inode, content, size);
}

/* Exactly so many bytes: the header has promised them. */
static int append_from(struct bytes *b, int fd, size_t size)
{
    uint8_t *to = bytes_reserve(b, size);

    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, to + done, size - done);
        if (n <= 0)
            return n < 0 ? -errno : -EIO; /* it shrank meanwhile */
        done += (size_t)n;
    }
    b->size += size;
    return 0;
}

int archive_add_from(struct archive *a, const char *name, const struct stat *st, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct bytes unsized = {0};
    struct stat now;
    int error = 0;

    if (fd < 0 || fstat(fd, &now) != 0) {
        error = -errno;
    } else if (now.st_size > 0) {
        add_header(a, name, st, ++a->next_inode, (size_t)now.st_size);
        error = append_from(&a->bytes, fd, (size_t)now.st_size);
        bytes_align(&a->bytes, 4);
    } else {
        error = bytes_read_file(&unsized, path); /* files of /proc tell no size */
        archive_add(a, name, st, unsized.data, unsized.size);
        bytes_free(&unsized);
    }
    if (fd >= 0)
        close(fd);
    return error;
}

void archive_add_directory(struct archive *a, const char *name, mode_t permissions)
{
    struct stat st = {.st_mode = S_IFDIR | permissions, .st_mtime = time(NULL)};

    archive_add(a, name, &st, NULL, 0);
}

void archive_add_file(struct archive *a, const char *name, mode_t permissions, const void *content, size_t size)
{
    struct stat st = {.st_mode = S_IFREG | permissions, .st_mtime = time(NULL)};

    archive_add(a, name, &st, content, size);
}

void archive_end(struct archive *a)
{
    struct stat st = {0};

    add_member(a, "TRAILER!!!", &st, 0, NULL, 0);
    bytes_align(&a->bytes, PAGE_SIZE);
}
