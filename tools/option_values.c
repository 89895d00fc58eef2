/*
 * See tools/option_values.h.
 */
#include "tools/option_values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/syscalls.h"
#include "tools/message.h"

#define MEMORY_MIN MiB(4)
#define ERRNO_END 134 /* Linux, EHWPOISON and one */

const char *value_memory(const char *text, uint64_t *bytes)
{
    static const char suffixes[] = "KMGT";
    char *end;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    const char *suffix = *end & ~0x20 ? strchr(suffixes, *end & ~0x20) : NULL;
    unsigned shift = suffix ? 10 * (unsigned)(suffix - suffixes + 1) : 0;

    if (suffix)
        end += 1;
    if (end == text || *text < '0' || *text > '9' || *end || errno || value > UINT64_MAX >> shift)
        return "not a size (a number with K, M or G)";
    value <<= shift;
    if (value < MEMORY_MIN)
        return must_format("too little memory, a sandbox needs at least %llu KiB", (unsigned long long)MEMORY_MIN >> 10);
    *bytes = value & PAGE_MASK;
    return NULL;
}

const char *value_number(const char *text, uint32_t min, uint32_t max, uint32_t *number)
{
    char *end;

    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || value < min || value > max)
        return must_format("not a number from %u to %u", min, max);
    *number = (uint32_t)value;
    return NULL;
}

const char *value_user(const char *text, uid_t *uid, gid_t *gid)
{
    char *end;

    errno = 0;
    unsigned long user = strtoul(text, &end, 10), group = user;
    bool valid = *text >= '0' && *text <= '9';

    if (valid && *end == ':') {
        const char *start = end + 1;
        group = strtoul(start, &end, 10);
        valid = *start >= '0' && *start <= '9';
    }
    if (!valid || *end || errno || user >= UINT32_MAX || group >= UINT32_MAX)
        return "not UID or UID:GID in numbers";
    *uid = (uid_t)user;
    *gid = (gid_t)group;
    return NULL;
}

int value_error(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    if (end != text && !*end)
        return number > 0 && number < 4096 ? (int)number : 0;
    for (int e = 1; e < ERRNO_END; e++) {
        const char *name = strerrorname_np(e);
        if (name && strcmp(name, text) == 0)
            return e;
    }
    return 0;
}

const char *value_deny(const char *text, const char **word)
{
    const char *equals = strchrnul(text, '=');
    char *name = must_format("%.*s", (int)(equals - text), text);
    int nr = syscall_number(name);
    int number = *equals ? value_error(equals + 1) : EPERM;

    if (nr < 0)
        return must_format("there is no system call '%s'", name);
    free(name);
    if (strcmp(equals, "=end") == 0)
        *word = must_format("%d:end", nr);
    else if (number == 0)
        return must_format("'%s' is not an error number or name such as ENOENT", equals + 1);
    else
        *word = must_format("%d:%d", nr, number);
    return NULL;
}

const char *value_environment(const char *text)
{
    return *text == '=' || !strchr(text, '=') ? "not KEY=VALUE" : NULL;
}
