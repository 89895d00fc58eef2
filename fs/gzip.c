/*
 * gzip by zlib's inflate.  The output grows by doubling, from what the trailer of a single-member file promises; the
 * promise is only a hint, and what does not fit in memory is refused.
 */
#include <asm/errno.h>

#define Z_SOLO /* no C library: memory comes from us */
#include <zlib.h>

#include "fs/gzip.h"
#include "guest_kernel/core/alloc.h"
#include "lib/string.h"

#define WINDOW_GZIP (MAX_WBITS + 16) /* "gzip header and trailer" of inflateInit2 */
#define FIRST_SIZE KiB(256)

static void *zlib_alloc(void *context, unsigned items, unsigned size)
{
    return mem_alloc((size_t)items * size);
}

static void zlib_free(void *context, void *address)
{
    mem_free(address);
}

static int grow(void **buffer, size_t *size)
{
    void *larger = mem_alloc(*size * 2);

    if (!larger)
        return -ENOMEM;
    memcpy(larger, *buffer, *size);
    mem_free(*buffer);
    *buffer = larger;
    *size *= 2;
    return 0;
}

static int inflate_all(z_stream *z, void **buffer, size_t *size)
{
    for (;;) {
        size_t room = *size - z->total_out;
        z->next_out = (unsigned char *)*buffer + z->total_out;
        z->avail_out = (unsigned)MIN(room, UINT32_MAX);
        int result = inflate(z, Z_NO_FLUSH);
        if (result == Z_STREAM_END)
            return 0;
        if (result == Z_MEM_ERROR)
            return -ENOMEM;
        if (result != Z_OK || z->avail_out)
            return -EINVAL; /* damaged, or the input ends in the middle */
        if (z->total_out == *size && grow(buffer, size))
            return -ENOMEM;
    }
}

/* ISIZE, the last four bytes of a file of one member (RFC 1952 2.3.1), if it is plausible at all. */
static size_t size_hint(const unsigned char *data, size_t size)
{
    uint32_t promised;

    if (size < 18)
        return FIRST_SIZE;
    memcpy(&promised, data + size - 4, sizeof promised);
    return promised / 1032 <= size ? MAX(promised + 1ULL, FIRST_SIZE) : FIRST_SIZE; /* deflate's best ratio: 1032 */
}

int gzip_inflate(const void *data, size_t size, void **out, size_t *out_size, size_t *used)
{
    z_stream z = {.zalloc = zlib_alloc, .zfree = zlib_free, .next_in = (unsigned char *)(uintptr_t)data};
    size_t room = size_hint(data, size);
    void *buffer = mem_alloc(room);
    int error = -ENOMEM;

    if (!buffer)
        return -ENOMEM;
    z.avail_in = (unsigned)MIN(size, UINT32_MAX);
    int result = inflateInit2(&z, WINDOW_GZIP);
    if (result == Z_OK) {
        error = inflate_all(&z, &buffer, &room);
        inflateEnd(&z);
    }
    if (error) {
        mem_free(buffer);
        return error;
    }
    *out = buffer;
    *out_size = z.total_out;
    *used = z.total_in;
    return 0;
}
