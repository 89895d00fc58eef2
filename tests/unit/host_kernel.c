/*
 * What kernel code under test on the host expects of its kernel: a log that is dropped, a panic that ends the test, and
 * memory from the C library.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hv/alloc.h"
#include "lib/log.h"

int log_level = LOG_ERROR;

void log_line(enum log_level level, const char *fmt, ...)
{
}

noreturn void panic(const char *fmt, ...)
{
    fprintf(stderr, "panic: %s\n", fmt);
    abort();
}

void *mem_alloc_zero(size_t size)
{
    return calloc(1, size);
}

void mem_free(void *p)
{
    free(p);
}
