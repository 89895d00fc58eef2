/*
 * The two functions of lib/string.h that no C library of Debian 12 has: linked by kernels and by host programs.
 */
#include "lib/string.h"

#include <asm/errno.h>
#include <stdint.h>

size_t string_copy(char *dst, const char *src, size_t size)
{
    size_t n = strlen(src);

    if (!size)
        return n;
    size_t copy = n < size ? n : size - 1;
    memcpy(dst, src, copy);
    dst[copy] = '\0';
    return n;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

int string_to_u64(const char *s, unsigned long long *out)
{
    unsigned base = 10;
    unsigned long long value = 0;

    if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
        base = 16;
        s += 2;
    } else if (s[0] == '0' && s[1]) {
        base = 8;
        s++;
    }
    if (!*s)
        return -EINVAL;
    for (; *s; s++) {
        int d = digit_value(*s);
        if (d >= (int)base)
            return -EINVAL;
        if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, (unsigned)d, &value))
            return -EINVAL;
    }
    *out = value;
    return 0;
}
