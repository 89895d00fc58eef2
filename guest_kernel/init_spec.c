/*
 * See init_spec.h.
 */
#include "guest_kernel/init_spec.h"

#include <asm/errno.h>

#include "lib/string.h"

#define WINDOW_MAX 65535 /* struct winsize has 16 bits */

/* The value if `field` is "key=value", else NULL. */
static const char *value_of(const char *field, const char *key)
{
    size_t n = strlen(key);

    return !strncmp(field, key, n) && field[n] == '=' ? field + n + 1 : NULL;
}

static int parse_number(const char *value, uint64_t most, uint32_t *out)
{
    unsigned long long n;

    if (string_to_u64(value, &n) || n > most)
        return -EINVAL;
    *out = (uint32_t)n;
    return 0;
}

static int parse_stdio(const char *value, struct init_spec *spec)
{
    spec->terminal = !strcmp(value, "tty");
    spec->joined = !strcmp(value, "joined");
    return spec->terminal || spec->joined || !strcmp(value, "pipe") ? 0 : -EINVAL;
}

static int parse_path(const char *value, const char **out)
{
    *out = value;
    return value[0] ? 0 : -EINVAL;
}

static int parse_environment(const char *value, uint32_t *count)
{
    ++*count;
    return strchr(value, '=') && value[0] != '=' ? 0 : -EINVAL;
}

static int parse_field(const char *field, struct init_spec *spec)
{
    const char *value;

    if (value_of(field, "arg")) {
        spec->arg_count++;
        return 0;
    }
    if ((value = value_of(field, "env")))
        return parse_environment(value, &spec->env_count);
    if ((value = value_of(field, "exe")))
        return parse_path(value, &spec->exe);
    if ((value = value_of(field, "cwd")))
        return parse_path(value, &spec->cwd);
    if ((value = value_of(field, "uid")))
        return parse_number(value, UINT32_MAX - 1, &spec->uid);
    if ((value = value_of(field, "gid")))
        return parse_number(value, UINT32_MAX - 1, &spec->gid);
    if ((value = value_of(field, "stdio")))
        return parse_stdio(value, spec);
    if ((value = value_of(field, "rows")))
        return parse_number(value, WINDOW_MAX, &spec->rows);
    if ((value = value_of(field, "columns")))
        return parse_number(value, WINDOW_MAX, &spec->columns);
    if ((value = value_of(field, "hostname")))
        return parse_path(value, &spec->hostname);
    return -EINVAL;
}

int init_spec_parse(const char *text, size_t size, struct init_spec *spec)
{
    *spec = (struct init_spec){.cwd = "/", .text = text, .size = size};

    if (size && text[size - 1] != '\0')
        return -EINVAL;
    for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
        int error = parse_field(text + at, spec);
        if (!error && spec->arg_count + spec->env_count > INIT_SPEC_STRINGS_MAX)
            error = -EINVAL;
        if (error) {
            spec->bad = text + at;
            return error;
        }
    }
    spec->bad = spec->arg_count ? NULL : "(no arg=)";
    return spec->arg_count ? 0 : -EINVAL;
}

const char *init_spec_next(const struct init_spec *spec, const char *key, size_t *at)
{
    while (*at < spec->size) {
        const char *field = spec->text + *at;
        const char *value = value_of(field, key);
        *at += strlen(field) + 1;
        if (value)
            return value;
    }
    return NULL;
}
