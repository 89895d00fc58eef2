/*
 * The part of <string.h> that freestanding code may use.  The two kernels link lib/string.c; host programs and unit
 * tests get the C library's functions by the same names.  Plus two that the C library of Debian 12 lacks.
 */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *haystack, const char *needle);

/* Copy src and a NUL into dst[size], cut where it must be.  Returns the length of src: >= size means it was cut. */
size_t string_copy(char *dst, const char *src, size_t size);

/* Parse an unsigned number (decimal, 0x hex, 0 octal; whole string).  Returns 0 or -EINVAL; *out only on success. */
int string_to_u64(const char *s, unsigned long long *out);

#endif
