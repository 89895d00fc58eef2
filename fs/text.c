/*
 * Growing text buffers (fs/vfs.h): what /proc files are made in.
 */
#include <asm/errno.h>

#include "fs/vfs.h"
#include "guest_kernel/core/alloc.h"
#include "lib/format.h"
#include "lib/string.h"

#define FIRST_SIZE 1024u

/* Room for n more bytes and a NUL. */
static bool reserve(struct text *t, size_t n)
{
    size_t size = t->size ? t->size : FIRST_SIZE;

    if (t->failed)
        return false;
    while (size - t->used <= n)
        size *= 2;
    if (size == t->size)
        return true;
    char *data = mem_alloc(size);
    if (!data) {
        t->failed = true;
        return false;
    }
    memcpy(data, t->data, t->used);
    mem_free(t->data);
    t->data = data;
    t->size = size;
    return true;
}

void text_printf(struct text *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = format_va(NULL, 0, fmt, ap);
    va_end(ap);
    if (!reserve(t, (size_t)n))
        return;
    va_start(ap, fmt);
    format_va(t->data + t->used, t->size - t->used, fmt, ap);
    va_end(ap);
    t->used += (size_t)n;
}

void text_write(struct text *t, const void *data, size_t n)
{
    if (!reserve(t, n))
        return;
    memcpy(t->data + t->used, data, n);
    t->used += n;
}
