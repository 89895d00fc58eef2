/*
 * Writing cpio archives (newc) whose file data is page aligned within the archive, by NULs after the member's name, so
 * that a kernel which gets the archive page aligned can use the data in place.
 */
#ifndef TOOLS_ARCHIVE_H
#define TOOLS_ARCHIVE_H

#include <sys/stat.h>

#include "tools/bytes.h"

struct archive {
    struct bytes bytes;
    uint32_t next_inode;
};

/* Mode, owner, time and device number are taken from st; content is the file's bytes or the link's target. */
void archive_add(struct archive *a, const char *name, const struct stat *st, const void *content, size_t size);
/* Content is what the file at `path` has.  0 or -errno: it cannot be read, and the archive is not usable any more. */
int archive_add_from(struct archive *a, const char *name, const struct stat *st, const char *path) must_check;
void archive_add_directory(struct archive *a, const char *name, mode_t permissions);
void archive_add_file(struct archive *a, const char *name, mode_t permissions, const void *content, size_t size);
/* The trailer, padded to whole pages. */
void archive_end(struct archive *a);

#endif
