/*
 * Makes newc archives for tests, good and odd ones.
 */
#ifndef TESTS_UNIT_ARCHIVE_BUILDER_H
#define TESTS_UNIT_ARCHIVE_BUILDER_H

#include "lib/compiler.h"

struct archive {
    char *data;
    size_t used, room;
};

struct archive_member {
    const char *name;
    uint32_t mode;
    const char *content;
    uint32_t size;
    uint32_t align; /* of the content in the archive, by NULs behind the name; 0: as it comes */
    uint32_t inode, links, uid, mtime, rdev_major, rdev_minor;
};

void archive_add(struct archive *a, const struct archive_member *m);
void archive_end(struct archive *a); /* the trailer */

#endif
