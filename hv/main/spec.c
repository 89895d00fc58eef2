/*
 * See hv/main/spec.h.  Pure: unit tests and a fuzzer run it on the host.
 */
#include "hv/main/spec.h"

#include <asm-generic/errno.h>

#include "abi/boot_image.h"
#include "lib/log.h"
#include "lib/string.h"

#define MEMORY_DEFAULT MiB(64)
#define WEIGHT_DEFAULT 100u
#define WEIGHT_MAX 10000u
#define CAP_MAX 100u * VM_VCPUS_MAX
#define ERRNO_MAX 4095u

bool spec_number(const char *text, uint64_t max, uint64_t *out)
{
    unsigned long long n;

    if (string_to_u64(text, &n) || n > max)
        return false;
    *out = n;
    return true;
}

bool spec_flag(const char *text, bool *out)
{
    uint64_t n;

    if (!spec_number(text, 1, &n))
        return false;
    *out = n;
    return true;
}

static bool small_number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
    uint64_t n;

    if (!spec_number(text, max, &n) || n < min)
        return false;
    *out = (uint32_t)n;
    return true;
}

/* The number before `end`, which is cut there; *text moves behind it. */
static bool number_until(char **text, char end, uint64_t max, uint64_t *out)
{
    char *stop = strchr(*text, end);
    char *number = *text;

    *text = stop ? stop + 1 : *text + strlen(*text);
    if (stop)
        *stop = 0;
    return spec_number(number, max, out);
}

/* NR:ERRNO,...; the errno "end" ends the sandbox. */
static bool policy_of(char *text, uint16_t policy[POLICY_CALLS])
{
    while (*text) {
        uint64_t nr, error = POLICY_END;
        if (!number_until(&text, ':', POLICY_CALLS - 1, &nr))
            return false;
        if (strncmp(text, "end", 3) == 0 && (text[3] == ',' || !text[3]))
            text += text[3] ? 4 : 3;
        else if (!number_until(&text, ',', ERRNO_MAX, &error) || error == 0)
            return false;
        policy[nr] = (uint16_t)error;
    }
    return true;
}

static bool trace_of(const char *text, enum trace_mode *out)
{
    static const char *const names[] = {"off", "ring", "stream"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum trace_mode)i;
            return true;
        }
    }
    return false;
}

void spec_defaults(struct sandbox_spec *s)
{
    *s = (struct sandbox_spec){.kernel = BUNDLE_KERNEL, .command_line = "", .memory = MEMORY_DEFAULT, .cpus = 1,
                               .weight = WEIGHT_DEFAULT, .exits = {.trap = true, .trace = TRACE_RING}};
}

bool spec_word(struct sandbox_spec *s, const char *key, char *value)
{
    if (strcmp(key, "memory") == 0)
        return spec_number(value, UINT64_MAX, &s->memory);
    if (strcmp(key, "cpus") == 0)
        return small_number(value, 1, VM_VCPUS_MAX, &s->cpus);
    if (strcmp(key, "weight") == 0)
        return small_number(value, 1, WEIGHT_MAX, &s->weight);
    if (strcmp(key, "cap") == 0)
        return small_number(value, 0, CAP_MAX, &s->cap);
    if (strcmp(key, "trap") == 0)
        return spec_flag(value, &s->exits.trap);
    if (strcmp(key, "trace") == 0)
        return trace_of(value, &s->exits.trace);
    if (strcmp(key, "last") == 0)
        return spec_flag(value, &s->last);
    if (strcmp(key, "stats") == 0)
        return spec_flag(value, &s->exits.stats);
    if (strcmp(key, "deny") == 0)
        return policy_of(value, s->exits.policy);
    if (strcmp(key, "toggle") == 0)
        return small_number(value, 0, UINT32_MAX, &s->exits.toggle);
    return false;
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._-", c);
}

static bool name_of(const char *text, char name[SANDBOX_NAME_MAX + 1])
{
    size_t n = strlen(text);

    if (n == 0 || n > SANDBOX_NAME_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_name_character(text[i]))
            return false;
    memcpy(name, text, n + 1);
    return true;
}

/* A word that only a spec has: the value lives on in `text`. */
static bool member_word(struct sandbox_spec *s, const char *key, const char *value)
{
    if (strcmp(key, "name") == 0)
        return name_of(value, s->name);
    if (strcmp(key, "kind") == 0) /* the kinds differ in what the launcher packs; both are a kernel and perhaps an initrd */
        return strcmp(value, "linux-abi") == 0 || strcmp(value, "kernel") == 0;
    if (strcmp(key, "cmdline") == 0) {
        s->command_line = value;
        return true;
    }
    if (!*value)
        return false;
    if (strcmp(key, "kernel") == 0)
        s->kernel = value;
    else if (strcmp(key, "initrd") == 0)
        s->initrd = value;
    else
        return false;
    return true;
}

int spec_parse(char *text, size_t n, struct sandbox_spec *s)
{
    char *const end = text + n;

    spec_defaults(s);
    if (n == 0 || end[-1]) {
        log_error("spec: it does not end in NUL");
        return -EINVAL;
    }
    for (char *next; text < end; text = next) {
        next = text + strlen(text) + 1;
        char *value = strchr(text, '=');
        if (!value) {
            log_error("spec: '%s' is not key=value", text);
            return -EINVAL;
        }
        *value++ = 0;
        if (!member_word(s, text, value) && !spec_word(s, text, value)) {
            log_error("spec: '%s' with value '%s' is not known", text, value);
            return -EINVAL;
        }
    }
    return 0;
}
