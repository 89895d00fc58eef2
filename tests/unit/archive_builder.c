/*
 * See archive_builder.h.
 */
#include "tests/unit/archive_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 110u

static void put(struct archive *a, const void *data, size_t n)
{
    if (n > a->room - a->used)
        abort();
    if (n)
        memcpy(a->data + a->used, data, n);
    a->used += n;
}

static void pad(struct archive *a, size_t unit)
{
    while (a->used % unit)
        put(a, "", 1);
}

void archive_add(struct archive *a, const struct archive_member *m)
{
    char header[HEADER_SIZE + 1];
    size_t name_size = strlen(m->name) + 1;

    if (m->align)
        name_size += (m->align - (a->used + HEADER_SIZE + name_size) % m->align) % m->align;
    snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", m->inode, m->mode,
             m->uid, 0, m->links ? m->links : 1, m->mtime, m->size, 0, 0, m->rdev_major, m->rdev_minor, (unsigned)name_size, 0);
    put(a, header, HEADER_SIZE);
    size_t name_end = a->used + name_size;
    put(a, m->name, strlen(m->name));
    while (a->used < name_end)
        put(a, "", 1);
    pad(a, 4);
    put(a, m->content, m->size);
    pad(a, 4);
}

void archive_end(struct archive *a)
{
    archive_add(a, &(struct archive_member){"TRAILER!!!"});
}
