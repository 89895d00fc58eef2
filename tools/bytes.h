/*
 * A growing array of bytes, and anonymous files (memfd) that emulators open by the path of their descriptor.  Running
 * out of memory ends the launcher.
 */
#ifndef TOOLS_BYTES_H
#define TOOLS_BYTES_H

#include "lib/compiler.h"

struct bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/* Room for n more bytes at data + size; the caller raises size. */
uint8_t *bytes_reserve(struct bytes *b, size_t n);
void bytes_append(struct bytes *b, const void *data, size_t n);
void bytes_append_text(struct bytes *b, const char *fmt, ...) printf_like(2, 3);
void bytes_append_zeros(struct bytes *b, size_t n);
void bytes_align(struct bytes *b, size_t alignment); /* with zeros; alignment is a power of two */
void bytes_consume(struct bytes *b, size_t n);       /* drop from the front */
void bytes_free(struct bytes *b);

/* Read a whole file.  0 or -errno. */
int bytes_read_file(struct bytes *b, const char *path) must_check;

/* A memfd that children inherit, filled with data; its path for them is /proc/self/fd/N (valid as long as they live). */
int anonymous_file(const char *name, const void *data, size_t size);
char *descriptor_path(int fd);

#endif
