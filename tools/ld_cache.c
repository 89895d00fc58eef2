/*
 * See tools/ld_cache.h.  Its layout is known from ldconfig's output: a header of 48 bytes, entries of 24, then strings,
 * whose offsets count from the start of the file.
 */
#include "tools/ld_cache.h"

#include <string.h>

#define MAGIC "glibc-ld.so.cache1.1"
#define FLAGS_X86_64 0x0303 /* of the GNU C library 2 and later, for 64-bit x86 */

struct header {
    char magic[sizeof MAGIC - 1];
    uint32_t count;
    uint32_t strings_size;
    uint32_t unused[5];
};

struct entry {
    int32_t flags;
    uint32_t name, path;
    uint32_t os_version;
    uint64_t hardware;
};

static const char *string_at(const struct bytes *cache, uint32_t offset)
{
    const char *start = (const char *)cache->data + offset;

    return offset < cache->size && memchr(start, '\0', cache->size - offset) ? start : NULL;
}

const char *ld_cache_next(const struct bytes *cache, const char *name, uint32_t *at)
{
    struct header h;
    struct entry e;

    if (cache->size < sizeof h)
        return NULL;
    memcpy(&h, cache->data, sizeof h);
    if (memcmp(h.magic, MAGIC, sizeof h.magic) || h.count > (cache->size - sizeof h) / sizeof e)
        return NULL;
    while (*at < h.count) {
        memcpy(&e, cache->data + sizeof h + (size_t)(*at)++ * sizeof e, sizeof e);
        const char *found = string_at(cache, e.name), *path = string_at(cache, e.path);
        if (e.flags == FLAGS_X86_64 && found && path && path[0] == '/' && strcmp(found, name) == 0)
            return path;
    }
    return NULL;
}
