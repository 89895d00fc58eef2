/*
 * See lib/format.h.  One pass over the format; all text goes through put_bytes(), which counts and bounds.
 */
#include "lib/format.h"

#include "lib/string.h"

struct out {
    char *buf;
    size_t size;
    size_t length;
};

struct spec {
    bool left, zero, plus, space, alternate;
    int width;
    int precision; /* -1: none given */
};

static void put_bytes(struct out *o, const char *text, size_t n)
{
    if (o->length + 1 < o->size)
        memcpy(o->buf + o->length, text, MIN(n, o->size - 1 - o->length));
    o->length += n;
}

static void put_repeated(struct out *o, char c, int n)
{
    while (n-- > 0)
        put_bytes(o, &c, 1);
}

static void put_padded(struct out *o, const struct spec *s, const char *text, size_t n)
{
    int pad = s->width - (int)n;

    if (!s->left)
        put_repeated(o, ' ', pad);
    put_bytes(o, text, n);
    if (s->left)
        put_repeated(o, ' ', pad);
}

/* Digits of value, most significant first, none of 0; returns how many were written to end[-n..-1]. */
static unsigned decimal_digits(char *end, uint64_t value)
{
    unsigned n = 0;

    for (; value; value /= 10)
        end[-(int)++n] = (char)('0' + value % 10);
    return n;
}

static unsigned power_digits(char *end, uint64_t value, unsigned shift, bool upper)
{
    const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned n = 0;

    for (; value; value >>= shift)
        end[-(int)++n] = set[value & (BIT(shift) - 1)];
    return n;
}

size_t format_decimal(char *to, uint64_t value)
{
    size_t n = 1;

    for (uint64_t limit = 10; value >= limit && n < FORMAT_DIGITS_MAX; limit *= 10)
        n++;
    for (size_t i = n; i-- > 0; value /= 10)
        to[i] = (char)('0' + value % 10);
    return n;
}

size_t format_hex(char *to, uint64_t value)
{
    size_t n = value ? (67 - (size_t)__builtin_clzll(value)) / 4 : 1;

    for (size_t i = n; i-- > 0; value >>= 4)
        to[i] = "0123456789abcdef"[value & 15];
    return n;
}

static void put_number(struct out *o, const struct spec *s, uint64_t value, unsigned base, bool upper, const char *prefix)
{
    char digits[24];
    int n = (int)(base == 10 ? decimal_digits(digits + sizeof digits, value)
                             : power_digits(digits + sizeof digits, value, base == 16 ? 4 : 3, upper));
    int zeros = (s->precision < 0 ? 1 : s->precision) - n;
    int prefix_len = (int)strlen(prefix);

    if (zeros < 0)
        zeros = 0;
    if (base == 8 && s->alternate && !zeros)
        zeros = 1;
    if (s->zero && !s->left && s->precision < 0 && s->width > n + zeros + prefix_len)
        zeros = s->width - n - prefix_len;
    int pad = s->width - n - zeros - prefix_len;
    if (!s->left)
        put_repeated(o, ' ', pad);
    put_bytes(o, prefix, (size_t)prefix_len);
    put_repeated(o, '0', zeros);
    put_bytes(o, digits + sizeof digits - n, (size_t)n);
    if (s->left)
        put_repeated(o, ' ', pad);
}

static const char *parse_flags(const char *f, struct spec *s)
{
    for (;; f++) {
        switch (*f) {
        case '-': s->left = true; break;
        case '0': s->zero = true; break;
        case '+': s->plus = true; break;
        case ' ': s->space = true; break;
        case '#': s->alternate = true; break;
        default: return f;
        }
    }
}

static const char *parse_count(const char *f, int *count, int from_args)
{
    if (*f == '*') {
        *count = from_args;
        return f + 1;
    }
    *count = 0;
    while (*f >= '0' && *f <= '9')
        *count = *count * 10 + (*f++ - '0');
    return f;
}

/* The length modifier as a number of bytes. */
static const char *parse_length(const char *f, int *bytes)
{
    *bytes = 4;
    switch (*f) {
    case 'h':
        *bytes = f[1] == 'h' ? 1 : 2;
        return f + *bytes % 2 + 1;
    case 'l':
        *bytes = 8;
        return f + (f[1] == 'l' ? 2 : 1);
    case 'z':
    case 'j':
    case 't':
        *bytes = 8;
        return f + 1;
    default:
        return f;
    }
}

static long long narrow_signed(long long v, int bytes)
{
    switch (bytes) {
    case 1: return (signed char)v;
    case 2: return (short)v;
    case 4: return (int)v;
    default: return v;
    }
}

static unsigned long long narrow_unsigned(unsigned long long v, int bytes)
{
    return bytes == 8 ? v : v & ((1ULL << (8 * bytes)) - 1);
}

static void put_signed(struct out *o, const struct spec *s, long long v)
{
    const char *prefix = v < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";

    put_number(o, s, v < 0 ? -(unsigned long long)v : (unsigned long long)v, 10, false, prefix);
}

static void put_string(struct out *o, const struct spec *s, const char *text)
{
    if (!text)
        text = "(null)";
    put_padded(o, s, text, s->precision < 0 ? strlen(text) : strnlen(text, (size_t)s->precision));
}

int format_va(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = {buf, size, 0};

    for (const char *f = fmt; *f; f++) {
        const char *plain = f;
        while (*f && *f != '%')
            f++;
        put_bytes(&o, plain, (size_t)(f - plain));
        if (!*f)
            break;
        struct spec s = {.precision = -1};
        int bytes;
        f = parse_flags(f + 1, &s);
        f = parse_count(f, &s.width, *f == '*' ? va_arg(ap, int) : 0);
        if (s.width < 0) {
            s.left = true;
            s.width = -s.width;
        }
        if (*f == '.')
            f = parse_count(f + 1, &s.precision, f[1] == '*' ? va_arg(ap, int) : 0);
        f = parse_length(f, &bytes);
        unsigned long long u = 0;
        if (*f == 'd' || *f == 'i' || *f == 'u' || *f == 'x' || *f == 'X' || *f == 'o')
            u = bytes == 8 ? va_arg(ap, unsigned long long) : va_arg(ap, unsigned);
        switch (*f) {
        case 'd':
        case 'i': put_signed(&o, &s, narrow_signed((long long)u, bytes)); break;
        case 'u': put_number(&o, &s, narrow_unsigned(u, bytes), 10, false, ""); break;
        case 'o': put_number(&o, &s, narrow_unsigned(u, bytes), 8, false, ""); break;
        case 'x':
        case 'X':
            u = narrow_unsigned(u, bytes);
            put_number(&o, &s, u, 16, *f == 'X', s.alternate && u ? (*f == 'X' ? "0X" : "0x") : "");
            break;
        case 'p': put_number(&o, &s, (unsigned long long)va_arg(ap, void *), 16, false, "0x"); break;
        case 'c': {
            char c = (char)va_arg(ap, int);
            put_padded(&o, &s, &c, 1);
            break;
        }
        case 's': put_string(&o, &s, va_arg(ap, const char *)); break;
        case '\0': f--; break;
        default: put_bytes(&o, f, 1); break; /* '%' among them */
        }
    }
    if (size)
        buf[o.length < size ? o.length : size - 1] = '\0';
    return (int)o.length;
}

int format(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = format_va(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
