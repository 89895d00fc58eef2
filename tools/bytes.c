/*
 * See tools/bytes.h.
 */
#include "tools/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/message.h"

uint8_t *bytes_reserve(struct bytes *b, size_t n)
{
    size_t needed;

    if (__builtin_add_overflow(b->size, n, &needed))
        fail(EXIT_LAUNCHER, "out of memory");
    if (needed > b->capacity) {
        b->capacity = MAX(needed, MAX(b->capacity * 2, (size_t)256));
        b->data = must_realloc(b->data, b->capacity);
    }
    return b->data + b->size;
}

void bytes_append(struct bytes *b, const void *data, size_t n)
{
    if (n == 0)
        return;
    memcpy(bytes_reserve(b, n), data, n);
    b->size += n;
}

void bytes_append_text(struct bytes *b, const char *fmt, ...)
{
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        fail(EXIT_LAUNCHER, "cannot format '%s'", fmt);
    vsnprintf((char *)bytes_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, again);
    va_end(again);
    b->size += (size_t)n;
}

void bytes_append_zeros(struct bytes *b, size_t n)
{
    memset(bytes_reserve(b, n), 0, n);
    b->size += n;
}

void bytes_align(struct bytes *b, size_t alignment)
{
    bytes_append_zeros(b, ALIGN_UP(b->size, alignment) - b->size);
}

void bytes_consume(struct bytes *b, size_t n)
{
    b->size -= n;
    if (b->size > 0)
        memmove(b->data, b->data + n, b->size);
}

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

int bytes_read_file(struct bytes *b, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    int error = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) == 0 && st.st_size > 0)
        bytes_reserve(b, (size_t)st.st_size + 1);
    for (;;) {
        ssize_t n = read(fd, bytes_reserve(b, 65536), 65536);
        if (n < 0)
            error = -errno;
        if (n <= 0)
            break;
        b->size += (size_t)n;
    }
    close(fd);
    return error;
}

int anonymous_file(const char *name, const void *data, size_t size)
{
    int fd = memfd_create(name, 0);

    if (fd < 0)
        fail(EXIT_LAUNCHER, "cannot make an anonymous file: %s", strerror(errno));
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)data + done, size - done);
        if (n < 0)
            fail(EXIT_LAUNCHER, "cannot fill an anonymous file of %zu bytes: %s", size, strerror(errno));
        done += (size_t)n;
    }
    return fd;
}

char *descriptor_path(int fd)
{
    return must_format("/proc/self/fd/%d", fd);
}
