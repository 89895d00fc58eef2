/*
 * Reading cpio archives of the "newc" format (070701, and 070702 whose checksum is ignored as Linux does), concatenated
 * and padded as initramfs archives are.  Pure and for hostile input: no allocation, nothing outside [data, data+size)
 * is read, every number checked.  Names may be padded with NULs before the data (that is how our archives align it).
 */
#ifndef LIB_CPIO_H
#define LIB_CPIO_H

#include "lib/compiler.h"

struct cpio_reader {
    const char *data;
    size_t size;
    size_t offset; /* of the next member */
};

struct cpio_member {
    const char *name; /* NUL-terminated, inside the archive; not empty */
    size_t name_length;
    const char *content; /* inside the archive */
    uint64_t size;
    uint32_t inode, mode, uid, gid, links, mtime;
    uint32_t device_major, device_minor; /* of the file system it came from: with inode, the identity of hard links */
    uint32_t rdev_major, rdev_minor;
};

void cpio_open(struct cpio_reader *r, const void *data, size_t size);

/*
 * Next member: 1 with *m filled in, 0 at the end, -EINVAL where the archive is malformed (r->offset says where).
 * TRAILER!!! members are skipped, so that concatenated archives read as one.  At bytes that are neither NUL padding nor a
 * cpio header it returns -EINVAL: a caller who knows other formats (gzip) looks at data + offset.
 */
int cpio_next(struct cpio_reader *r, struct cpio_member *m) must_check;

/* Find a member by exact name from the start: 1, 0 or -EINVAL. */
int cpio_find(const void *data, size_t size, const char *name, struct cpio_member *m) must_check;

#endif
