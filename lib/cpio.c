/*
 * See lib/cpio.h.  Header: 6 bytes of magic, 13 fields of 8 hex digits; name; pad to 4; content; pad to 4.
 */
#include "lib/cpio.h"

#include <asm/errno.h>

#include "lib/string.h"

#define HEADER_SIZE 110u
#define NAME_SIZE_MAX 8192u /* 4096 of a path, and as much of alignment padding */

enum field {
    F_INODE, F_MODE, F_UID, F_GID, F_LINKS, F_MTIME, F_SIZE, F_DEV_MAJOR, F_DEV_MINOR, F_RDEV_MAJOR, F_RDEV_MINOR,
    F_NAME_SIZE, F_CHECK, F_COUNT
};

void cpio_open(struct cpio_reader *r, const void *data, size_t size)
{
    *r = (struct cpio_reader){.data = data, .size = size};
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static int parse_fields(const char *header, uint32_t fields[F_COUNT])
{
    if (memcmp(header, "070701", 6) && memcmp(header, "070702", 6))
        return -EINVAL;
    for (int f = 0; f < F_COUNT; f++) {
        uint32_t value = 0;
        for (int i = 0; i < 8; i++) {
            int digit = hex_value(header[6 + 8 * f + i]);
            if (digit < 0)
                return -EINVAL;
            value = value << 4 | (uint32_t)digit;
        }
        fields[f] = value;
    }
    return 0;
}

/* Archives are padded with NULs between and behind. */
static void skip_padding(struct cpio_reader *r)
{
    while (r->offset < r->size && !r->data[r->offset])
        r->offset++;
}

static int read_member(struct cpio_reader *r, struct cpio_member *m)
{
    uint32_t f[F_COUNT];
    size_t left = r->size - r->offset;
    const char *header = r->data + r->offset;

    if (left < HEADER_SIZE || parse_fields(header, f))
        return -EINVAL;
    if (f[F_NAME_SIZE] < 2 || f[F_NAME_SIZE] > NAME_SIZE_MAX || f[F_NAME_SIZE] > left - HEADER_SIZE)
        return -EINVAL;
    const char *name = header + HEADER_SIZE;
    size_t name_length = strnlen(name, f[F_NAME_SIZE]);
    if (!name_length || name_length == f[F_NAME_SIZE])
        return -EINVAL;
    size_t content = ALIGN_UP(r->offset + HEADER_SIZE + f[F_NAME_SIZE], 4);
    if (content > r->size || f[F_SIZE] > r->size - content)
        return -EINVAL;
    *m = (struct cpio_member){
        .name = name, .name_length = name_length, .content = r->data + content, .size = f[F_SIZE],
        .inode = f[F_INODE], .mode = f[F_MODE], .uid = f[F_UID], .gid = f[F_GID], .links = f[F_LINKS],
        .mtime = f[F_MTIME], .device_major = f[F_DEV_MAJOR], .device_minor = f[F_DEV_MINOR],
        .rdev_major = f[F_RDEV_MAJOR], .rdev_minor = f[F_RDEV_MINOR],
    };
    r->offset = MIN(ALIGN_UP(content + f[F_SIZE], 4), r->size);
    return 0;
}

int cpio_next(struct cpio_reader *r, struct cpio_member *m)
{
    for (;;) {
        skip_padding(r);
        if (r->offset == r->size)
            return 0;
        if (read_member(r, m))
            return -EINVAL;
        if (strcmp(m->name, "TRAILER!!!"))
            return 1;
    }
}

int cpio_find(const void *data, size_t size, const char *name, struct cpio_member *m)
{
    struct cpio_reader r;
    int found;

    cpio_open(&r, data, size);
    while ((found = cpio_next(&r, m)) == 1)
        if (!strcmp(m->name, name))
            return 1;
    return found;
}
