/*
 * Printers of numbers, strings, buffers and vectors.
 */
#include "abi/decode_internal.h"

#include <linux/fcntl.h>

#include "lib/mode.h"
#include "lib/string.h"

#define PATH_SHOWN 4095u
#define ALWAYS_KEPT 32u /* of captured bytes; if fewer are known, something else is wrong */
#define MFD_NAME_MAX 250u
#define XATTR_VALUE_MAX 65536u
#define TEXT_NEVER_CUT 256u /* a text that is shorter is known whole, if it is one */
#define DESCRIPTOR_TEXT_MAX 4352u /* a path, and what surrounds it */

void print_int(struct decoder *d, uint64_t value)
{
    out_signed(d, (int)value);
}

void print_uint(struct decoder *d, uint64_t value)
{
    out_unsigned(d, (unsigned)value);
}

void print_long(struct decoder *d, uint64_t value)
{
    out_signed(d, value);
}

void print_ulong(struct decoder *d, uint64_t value)
{
    out_unsigned(d, value);
}

void print_hex(struct decoder *d, uint64_t value)
{
    out_hex(d, value);
}

void print_hex32(struct decoder *d, uint64_t value)
{
    out(d, (uint32_t)value ? "%#x" : "0", (uint32_t)value);
}

void print_address(struct decoder *d, uint64_t value)
{
    out_address(d, value);
}

static void out_descriptor(struct decoder *d, int fd)
{
    char text[DESCRIPTOR_TEXT_MAX];

    if (d->style->descriptor && d->style->descriptor(d->style->context, fd, text, sizeof text))
        out_text(d, text);
}

void out_fd(struct decoder *d, int fd)
{
    out_signed(d, fd);
    if (fd >= 0) /* AT_FDCWD is a folder's */
        out_descriptor(d, fd);
}

void print_dirfd(struct decoder *d, uint64_t value)
{
    if ((int)value != AT_FDCWD || d->style->names == DECODE_NUMBERS)
        out_signed(d, (int)value);
    else if (d->style->names == DECODE_BOTH)
        out(d, "%d /* AT_FDCWD */", (int)value);
    else
        out_text(d, "AT_FDCWD");
    out_descriptor(d, (int)value);
}

void print_fd(struct decoder *d, uint64_t value)
{
    out_fd(d, (int)value);
}

void print_uid(struct decoder *d, uint64_t value)
{
    out(d, (uint32_t)value == UINT32_MAX ? "-1" : "%u", (uint32_t)value);
}

/* A number that the call has stored: [N]. */
static void stored_number(struct decoder *d, uint64_t address, size_t size, bool is_signed)
{
    uint64_t value = 0;

    if (!fetch_out(d, address, &value, size))
        return;
    if (is_signed)
        out(d, "[%lld]", size == 4 ? (long long)(int32_t)value : (long long)value);
    else
        out(d, "[%llu]", (unsigned long long)value);
}

void print_uid_out(struct decoder *d, uint64_t value)
{
    stored_number(d, value, sizeof(uint32_t), false);
}

void print_uint_out(struct decoder *d, uint64_t value)
{
    stored_number(d, value, sizeof(uint32_t), false);
}

void print_offset_in(struct decoder *d, uint64_t value)
{
    int64_t offset;

    if (fetch_in(d, value, &offset, sizeof offset))
        out(d, "[%lld]", (long long)offset);
}

void print_offset_inout(struct decoder *d, uint64_t value)
{
    uint64_t before, after;

    if (!fetch_in(d, value, &before, sizeof before))
        return;
    out(d, "[%llu]", (unsigned long long)before);
    if (call_succeeded(d) && memory_read(d, MEMORY_OUT, value, &after, sizeof after) && after != before)
        out(d, " => [%llu]", (unsigned long long)after);
}

void print_fd_pair(struct decoder *d, uint64_t value)
{
    int32_t pair[2];

    if (fetch_out(d, value, pair, sizeof pair)) {
        out_text(d, "[");
        out_fd(d, pair[0]);
        out_text(d, ", ");
        out_fd(d, pair[1]);
        out_text(d, "]");
    }
}

void print_mode(struct decoder *d, uint64_t value)
{
    out_octal(d, (uint32_t)value & 0xffff);
}

/* open's mode is there only if the flags before it make a file. */
void print_open_mode(struct decoder *d, uint64_t value)
{
    uint64_t flags = d->call->args[d->index - 1];

    if (flags & (O_CREAT | __O_TMPFILE))
        print_mode(d, value);
    else
        d->skipped = true;
}

void out_mode(struct decoder *d, uint32_t mode)
{
    static const struct name types[] = {NAME(S_IFREG), NAME(S_IFSOCK), NAME(S_IFIFO), NAME(S_IFLNK),
                                        NAME(S_IFDIR), NAME(S_IFBLK),  NAME(S_IFCHR), NAME_END};
    const char *type = mode & S_IFMT ? name_find(types, mode & S_IFMT) : "";

    if (!type || d->style->names == DECODE_NUMBERS) {
        out_octal(d, mode);
        return;
    }
    if (d->style->names == DECODE_BOTH)
        out(d, "%#03o /* ", mode);
    out_text(d, type);
    out_text(d, *type ? "|" : "");
    if (mode & (S_ISUID | S_ISGID | S_ISVTX)) {
        out_text(d, mode & S_ISUID ? "S_ISUID|" : "");
        out_text(d, mode & S_ISGID ? "S_ISGID|" : "");
        out_text(d, mode & S_ISVTX ? "S_ISVTX|" : "");
    }
    out_octal(d, mode & ~(uint32_t)(S_IFMT | S_ISUID | S_ISGID | S_ISVTX));
    if (d->style->names == DECODE_BOTH)
        out_text(d, " */");
}

void print_mknod_mode(struct decoder *d, uint64_t value)
{
    out_mode(d, (uint32_t)value & 0xffff);
}

void print_dev(struct decoder *d, uint64_t value)
{
    uint64_t high = ((value >> 8) & 0xfff) | ((value >> 32) & 0xfffff000);
    uint64_t low = (value & 0xff) | ((value >> 12) & 0xffffff00);

    if (d->style->names != DECODE_NAMES)
        out(d, value ? "%#llx" : "0", (unsigned long long)value);
    if (d->style->names == DECODE_NUMBERS)
        return;
    out(d, d->style->names == DECODE_BOTH ? " /* makedev(%#llx, %#llx) */" : "makedev(%#llx, %#llx)",
        (unsigned long long)high, (unsigned long long)low);
}

void print_dev32(struct decoder *d, uint64_t value)
{
    print_dev(d, (uint32_t)value);
}

/* mknod's device number means something for two of the file types only. */
void print_mknod_dev(struct decoder *d, uint64_t value)
{
    uint32_t mode = (uint32_t)d->call->args[d->index - 1];

    if (S_ISCHR(mode) || S_ISBLK(mode))
        print_dev(d, (uint32_t)value);
    else
        d->skipped = true;
}

void out_struct_rest(struct decoder *d, uint64_t address, uint64_t known, uint64_t size)
{
    uint8_t bytes[DECODE_STRING_LIMIT];
    size_t n = size > known ? (size_t)MIN(size - known, (uint64_t)sizeof bytes) : 0, used = 0;

    if (n == 0)
        return;
    if (!memory_read(d, MEMORY_IN, address + known, bytes, n)) {
        out_text(d, ", ???");
        return;
    }
    for (size_t i = 0; i < n; i++)
        used = bytes[i] ? i + 1 : used;
    if (used == 0)
        return;
    out(d, ", /* bytes %llu..%llu */ ", (unsigned long long)known, (unsigned long long)size - 1);
    out_hex_quoted(d, bytes, MIN(n, (size_t)shown_max(d)), n > shown_max(d));
}

static bool is_octal_digit(uint8_t c)
{
    return c >= '0' && c <= '7';
}

/* A byte that does not stand for itself. */
static void out_escaped(struct decoder *d, uint8_t c, bool digit_follows)
{
    static const char letters[] = "tnvfr"; /* 9 to 13 */

    if (c == '"' || c == '\\')
        out(d, "\\%c", c);
    else if (c >= '\t' && c <= '\r')
        out(d, "\\%c", letters[c - '\t']);
    else
        out(d, digit_follows ? "\\%03o" : "\\%o", c);
}

static bool is_plain(uint8_t c)
{
    return (uint8_t)(c - ' ') <= '~' - ' ' && c != '"' && c != '\\';
}

/* The first of them that has to be escaped; n: none. */
static size_t plain_run(const uint8_t *bytes, size_t n)
{
    size_t i = 0;

    while (i < n && is_plain(bytes[i]))
        i++;
    return i;
}

/* Text, perhaps with tabs and ends of lines. */
static bool is_text(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((bytes[i] < ' ' && !(bytes[i] >= '\t' && bytes[i] <= '\r')) || bytes[i] > '~')
            return false;
    }
    return true;
}

void out_quoted(struct decoder *d, const uint8_t *bytes, size_t n, bool ends_early)
{
    if (d->style->hex == DECODE_HEX_ALWAYS || (d->style->hex == DECODE_HEX_BINARY && !is_text(bytes, n))) {
        out_hex_quoted(d, bytes, n, ends_early);
        return;
    }
    out_text(d, "\"");
    for (size_t i = 0; i < n; i++) {
        size_t run = plain_run(bytes + i, n - i);
        out_bytes(d, (const char *)bytes + i, run);
        i += run;
        if (i < n)
            out_escaped(d, bytes[i], i + 1 < n && is_octal_digit(bytes[i + 1]));
    }
    out_text(d, ends_early ? "\"..." : "\"");
}

void out_hex_quoted(struct decoder *d, const uint8_t *bytes, size_t n, bool ends_early)
{
    out_text(d, "\"");
    for (size_t i = 0; i < n; i++)
        out(d, "\\x%02x", bytes[i]);
    out_text(d, ends_early ? "\"..." : "\"");
}

void out_string(struct decoder *d, enum memory which, uint64_t address, size_t shown)
{
    uint8_t bytes[PATH_SHOWN + 1];

    shown = MIN(shown, (size_t)PATH_SHOWN);
    size_t known = address ? memory_read_string(d, which, address, bytes, shown + 1) : 0;
    const uint8_t *end = known ? memchr(bytes, 0, known) : NULL;

    if (known == 0 || (!end && known < shown && known < TEXT_NEVER_CUT)) { /* it ends where memory does */
        out_address(d, address);
        return;
    }
    size_t length = end ? (size_t)(end - bytes) : MIN(known, shown);
    out_quoted(d, bytes, length, !end);
}

void out_limited_string(struct decoder *d, uint64_t address, size_t limit)
{
    uint8_t bytes[PATH_SHOWN + 1];
    size_t n = MIN(limit, (size_t)PATH_SHOWN), known = address ? memory_read_string(d, MEMORY_IN, address, bytes, n) : 0;
    const uint8_t *end = known ? memchr(bytes, 0, known) : NULL;

    if (known == 0 || (!end && known < n))
        out_address(d, address);
    else
        out_quoted(d, bytes, MIN(end ? (size_t)(end - bytes) : known, (size_t)shown_max(d)), !end || (size_t)(end - bytes) > shown_max(d));
}

void out_path(struct decoder *d, uint64_t address)
{
    out_string(d, MEMORY_IN, address, PATH_SHOWN);
}

void print_string(struct decoder *d, uint64_t value)
{
    out_string(d, MEMORY_IN, value, d->row->kinds[d->index] == ARG_PATH ? PATH_SHOWN : shown_max(d));
}

/* Linux puts "memfd:" before it, and takes no more than a file's name. */
void print_mfd_name(struct decoder *d, uint64_t value)
{
    out_string(d, MEMORY_IN, value, MIN(shown_max(d), MFD_NAME_MAX));
}

void print_string_out(struct decoder *d, uint64_t value)
{
    if (call_succeeded(d))
        out_string(d, MEMORY_OUT, value, PATH_SHOWN);
    else
        out_address(d, value);
}

/* n bytes at an address; of long ones only a beginning was kept. */
static void print_bytes(struct decoder *d, enum memory which, uint64_t address, uint64_t n, bool hex)
{
    uint8_t bytes[DECODE_STRING_LIMIT];
    size_t shown = (size_t)MIN(n, (uint64_t)MIN(shown_max(d), DECODE_STRING_LIMIT));
    size_t known = address ? memory_read_string(d, which, address, bytes, shown) : 0;

    if (!address || known < MIN(shown, (size_t)ALWAYS_KEPT))
        out_address(d, address);
    else if (hex)
        out_hex_quoted(d, bytes, known, n > known);
    else
        out_quoted(d, bytes, known, n > known);
}

void out_buffer(struct decoder *d, enum memory which, uint64_t address, uint64_t n)
{
    print_bytes(d, which, address, n, false);
}

void print_buffer_in(struct decoder *d, uint64_t value)
{
    uint64_t n = d->call->args[d->index + 1];

    print_bytes(d, MEMORY_IN, value, d->row->kinds[d->index + 1] == ARG_UINT ? (uint32_t)n : n, false);
}

/* An attribute's value: its last byte, if that is a zero, goes without saying. */
void print_xattr_in(struct decoder *d, uint64_t value)
{
    uint64_t n = d->call->args[d->index + 1];
    uint8_t last;

    if (n > XATTR_VALUE_MAX)
        out_address(d, value);
    else
        print_bytes(d, MEMORY_IN, value, n && memory_read(d, MEMORY_IN, value + n - 1, &last, 1) && !last ? n - 1 : n, false);
}

void print_buffer_out(struct decoder *d, uint64_t value)
{
    if (call_succeeded(d)) /* recv with MSG_TRUNC says more than it stores */
        print_bytes(d, MEMORY_OUT, value, MIN((uint64_t)d->call->result, d->call->args[d->index + 1]), false);
    else
        out_address(d, value);
}

/* With no room it only asks for the size. */
void print_xattr_out(struct decoder *d, uint64_t value)
{
    if (d->call->args[d->index + 1])
        print_buffer_out(d, value);
    else
        out_address(d, value);
}

void print_bytes_out(struct decoder *d, uint64_t value)
{
    if (call_succeeded(d))
        print_bytes(d, MEMORY_OUT, value, (uint64_t)d->call->result, true);
    else
        out_address(d, value);
}

void out_iov(struct decoder *d, const struct iov_view *view)
{
    uint64_t address = view->address, count = view->count, left = view->stored;
    enum memory which = view->which;
    struct {
        uint64_t base, length;
    } segment;

    if (!address || count == 0 || !memory_read(d, MEMORY_IN, address, &segment, sizeof segment)) {
        out_text(d, address && count == 0 ? "[]" : "");
        if (!address || count)
            out_address(d, address);
        return;
    }
    out_text(d, "[");
    for (uint64_t i = 0; i < count; i++, address += sizeof segment) {
        out_text(d, i ? ", " : "");
        bool known = memory_read(d, MEMORY_IN, address, &segment, sizeof segment);
        if (!known || i >= elements_max(d)) {
            out(d, known ? "..." : "... /* %#llx */", (unsigned long long)address);
            break;
        }
        uint64_t n = which == MEMORY_IN ? segment.length : MIN(segment.length, left);
        left -= MIN(n, left);
        out_text(d, "{iov_base=");
        if (view->foreign || (which == MEMORY_OUT && !call_succeeded(d)))
            out_address(d, segment.base);
        else
            print_bytes(d, which, segment.base, n, false);
        out(d, ", iov_len=%llu}", (unsigned long long)segment.length);
    }
    out_text(d, "]");
}

static void print_iov(struct decoder *d, uint64_t address, enum memory which, bool foreign)
{
    out_iov(d, &(struct iov_view){.address = address, .count = d->call->args[d->index + 1], .which = which,
                                  .stored = call_succeeded(d) ? (uint64_t)d->call->result : 0, .foreign = foreign});
}

void print_iov_in(struct decoder *d, uint64_t value)
{
    print_iov(d, value, MEMORY_IN, false);
}

void print_iov_out(struct decoder *d, uint64_t value)
{
    print_iov(d, value, MEMORY_OUT, false);
}

void print_iov_foreign(struct decoder *d, uint64_t value)
{
    print_iov(d, value, MEMORY_IN, true);
}

void print_argv(struct decoder *d, uint64_t value)
{
    uint64_t pointer;

    if (!value || !memory_read(d, MEMORY_IN, value, &pointer, sizeof pointer)) {
        out_address(d, value);
        return;
    }
    out_text(d, "[");
    for (unsigned i = 0; pointer; i++) {
        out_text(d, i ? ", " : "");
        if (i >= elements_max(d)) {
            out_text(d, "...");
            break;
        }
        out_string(d, MEMORY_IN, pointer, shown_max(d));
        value += sizeof pointer;
        if (!memory_read(d, MEMORY_IN, value, &pointer, sizeof pointer)) {
            out(d, ", ... /* %#llx */", (unsigned long long)value);
            break;
        }
    }
    out_text(d, "]");
}

void print_envp(struct decoder *d, uint64_t value)
{
    uint64_t pointer;
    unsigned count = 0;

    if (d->style->whole) {
        print_argv(d, value);
        return;
    }
    out_address(d, value);
    if (!value || !memory_read(d, MEMORY_IN, value, &pointer, sizeof pointer))
        return;
    while (pointer) {
        count++;
        if (!memory_read(d, MEMORY_IN, value + count * sizeof pointer, &pointer, sizeof pointer)) {
            out(d, " /* %u vars, unterminated */", count);
            return;
        }
    }
    out(d, " /* %u var%s */", count, count == 1 ? "" : "s");
}
