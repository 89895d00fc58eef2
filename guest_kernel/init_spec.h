/*
 * Parser of the init spec (abi/init_spec.h): what the kernel is to run.  Pure; the result points into the caller's
 * buffer.  The spec may come from anywhere: every field is checked.  Unit-tested and fuzzed on the host.
 */
#ifndef GUEST_KERNEL_INIT_SPEC_H
#define GUEST_KERNEL_INIT_SPEC_H

#include "lib/compiler.h"

#define INIT_SPEC_STRINGS_MAX 4096u /* arguments and environment together */

struct init_spec {
    const char *exe; /* NULL: argv[0] */
    const char *cwd; /* "/" unless given */
    const char *hostname; /* NULL: not given */
    uint32_t uid, gid;
    uint32_t rows, columns;
    bool terminal;   /* stdio=tty */
    bool joined;     /* stdio=joined */
    uint32_t arg_count, env_count;
    const char *bad; /* the field that was refused, for the log */
    /* Walk with init_spec_next(): the text, so that no array is needed. */
    const char *text;
    size_t size;
};

/* 0 or -EINVAL; spec->bad then names the field (NULL: the text does not end in NUL). */
int init_spec_parse(const char *text, size_t size, struct init_spec *spec) must_check;

/* The value of the next field called `key` ("arg", "env") at or after *at, which moves behind it; NULL: no more. */
const char *init_spec_next(const struct init_spec *spec, const char *key, size_t *at);

#endif
