/*
 * printf formatting for freestanding code: %d %i %u %x %X %o %c %s %p %% with flags "-0 +#", width, precision, `*`, and
 * the lengths hh h l ll z j t.  No floating point, no %n.  Same results as the C library for these.
 */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

#include "lib/compiler.h"

/* Write at most size bytes with a NUL (if size > 0).  Returns the length that the whole text has. */
int format_va(char *buf, size_t size, const char *fmt, va_list ap) printf_like(3, 0);
int format(char *buf, size_t size, const char *fmt, ...) printf_like(3, 4);

#define FORMAT_DIGITS_MAX 20u
/* A number alone, quickly and without a NUL: as %llu and %llx.  At most FORMAT_DIGITS_MAX bytes; returns how many. */
size_t format_decimal(char *to, uint64_t value);
size_t format_hex(char *to, uint64_t value);

#endif
