/*
 * Structures as tables: one row for each field, printed as {name=value, ...}.  For the many structures of calls whose fields are
 * numbers, flags, names and descriptors.
 */
#ifndef ABI_DECODE_FIELDS_H
#define ABI_DECODE_FIELDS_H

#include "abi/decode_internal.h"

enum field_kind {
    FIELD_UNSIGNED,
    FIELD_SIGNED,
    FIELD_HEX,
    FIELD_ADDRESS,
    FIELD_NAME,  /* one of `names` */
    FIELD_FLAGS, /* bits of `names` */
    FIELD_FD,
    FIELD_ID,    /* a user's or group's: -1 or unsigned */
    FIELD_WORDS, /* an array of 32-bit numbers, left out if all are zero */
    FIELD_PADDING, /* a number in hexadecimal, left out if it is zero */
    FIELD_CHARS,   /* an array of char with a text, cut where it is full */
    FIELD_TEXT,    /* the address of a text; of a path */
    FIELD_PATH,
    FIELD_OWN,     /* as `print` says */
};

struct field {
    const char *text;
    uint16_t offset, size;
    uint8_t kind; /* enum field_kind */
    const struct name *names;
    const char *unknown;
    void (*print)(struct decoder *d, uint64_t value, const void *bytes); /* it gets the whole structure too */
};

#define FIELD(type, member, kind, ...)                                                                                 \
    {                                                                                                                  \
        #member, offsetof(type, member), sizeof(((type *)0)->member), kind, ##__VA_ARGS__                              \
    }
#define FIELD_END                                                                                                      \
    {                                                                                                                  \
        NULL, 0, 0, 0, NULL, NULL, NULL                                                                                \
    }

/* The fields that lie wholly in the first n bytes, with commas between; without braces. */
void out_fields(struct decoder *d, const void *bytes, size_t n, const struct field *fields);
/* The same with a comma before the first: false, and nothing is printed, if there is none. */
bool out_more_fields(struct decoder *d, const void *bytes, size_t n, const struct field *fields);

/* An array: [a, b, ...]; print() gets each element's bytes.  Not known from its beginning: the address. */
struct array_view {
    uint64_t address, count;
    size_t size; /* of an element, at most ARRAY_ELEMENT_MAX */
    enum memory which;
    void (*print)(struct decoder *d, const void *element);
};
#define ARRAY_ELEMENT_MAX 64u
void out_array(struct decoder *d, const struct array_view *view);

#endif
