/*
 * See abi/decode_fields.h.
 */
#include "abi/decode_fields.h"

#include "lib/string.h"

static uint64_t number_at(const uint8_t *bytes, size_t size, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 64 - 8 * (unsigned)MIN(size, sizeof value);

    memcpy(&value, bytes, MIN(size, sizeof value)); /* little-endian */
    return is_signed ? (uint64_t)((int64_t)(value << shift) >> shift) : value;
}

/* False: there is nothing to say. */
static bool out_words(struct decoder *d, const char *text, const uint8_t *bytes, size_t size, const char *separator)
{
    uint64_t any = 0;

    for (size_t at = 0; at < size; at += sizeof(uint32_t))
        any |= number_at(bytes + at, sizeof(uint32_t), false);
    if (!any)
        return false;
    out(d, "%s%s=[", separator, text);
    for (size_t at = 0; at < size; at += sizeof(uint32_t)) {
        out(d, at ? ", " : "");
        out_hex(d, number_at(bytes + at, sizeof(uint32_t), false));
    }
    out(d, "]");
    return true;
}

static void out_field(struct decoder *d, const struct field *f, uint64_t value, const uint8_t *bytes)
{
    const char *text = (const char *)bytes + f->offset;

    switch (f->kind) {
    case FIELD_CHARS:
        out_quoted(d, (const uint8_t *)text, strnlen(text, f->size - 1u), strnlen(text, f->size) == f->size);
        break;
    case FIELD_TEXT:
        out_string(d, MEMORY_IN, value, shown_max(d));
        break;
    case FIELD_PATH:
        out_path(d, value);
        break;
    case FIELD_OWN:
        f->print(d, value, bytes);
        break;
    case FIELD_UNSIGNED:
        out_unsigned(d, value);
        break;
    case FIELD_SIGNED:
        out_signed(d, (int64_t)value);
        break;
    case FIELD_ADDRESS:
        out_address(d, value);
        break;
    case FIELD_NAME:
        out_name(d, f->names, value, f->unknown);
        break;
    case FIELD_FLAGS:
        out_flags(d, f->names, value, f->unknown);
        break;
    case FIELD_FD:
        out_fd(d, (int)value);
        break;
    case FIELD_ID:
        print_uid(d, value);
        break;
    default:
        out_hex(d, value);
    }
}

void out_fields(struct decoder *d, const void *bytes, size_t n, const struct field *fields)
{
    const char *separator = "";

    for (const struct field *f = fields; f->text; f++) {
        const uint8_t *at = (const uint8_t *)bytes + f->offset;

        if ((size_t)f->offset + f->size > n)
            continue;
        if (f->kind == FIELD_WORDS) {
            separator = out_words(d, f->text, at, f->size, separator) ? ", " : separator;
            continue;
        }
        uint64_t value = number_at(at, f->size, f->kind == FIELD_SIGNED);
        if (f->kind == FIELD_PADDING && !value)
            continue;
        out_text(d, separator);
        out_text(d, f->text);
        out_text(d, "=");
        out_field(d, f, value, bytes);
        separator = ", ";
    }
}

bool out_more_fields(struct decoder *d, const void *bytes, size_t n, const struct field *fields)
{
    size_t before = d->used;

    out_text(d, ", ");
    size_t start = d->used;
    out_fields(d, bytes, n, fields);
    if (d->used == start)
        out_back(d, before);
    return d->used != before;
}

void out_array(struct decoder *d, const struct array_view *view)
{
    uint64_t element[ARRAY_ELEMENT_MAX / sizeof(uint64_t)], address = view->address;

    if (!address || (view->count && !memory_read(d, view->which, address, element, view->size))) {
        out_address(d, address);
        return;
    }
    out_text(d, "[");
    for (uint64_t i = 0; i < view->count; i++, address += view->size) {
        out_text(d, i ? ", " : "");
        if (!memory_read(d, view->which, address, element, view->size)) {
            out(d, "... /* %#llx */", (unsigned long long)address);
            break;
        }
        if (i >= elements_max(d)) {
            out_text(d, "...");
            break;
        }
        view->print(d, element);
    }
    out_text(d, "]");
}
