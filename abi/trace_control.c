/*
 * See abi/trace_control.h.
 */
#include "abi/trace_control.h"

#include "lib/format.h"
#include "lib/string.h"

#define FAMILY_UNIX 1 /* of a sockaddr; Linux's headers for these want a C library */
#define FAMILY_INET 2
#define FAMILY_INET6 10
#define SOCKADDR_TEXT_MAX 128u

static bool session_valid(const struct trace_part *part)
{
    const struct trace_session *s = (const void *)part;
    size_t program = part->size - offsetof(struct trace_session, program);

    return part->size >= sizeof *s && part->number < TRACE_SESSIONS_MAX && trace_program_valid(&s->program, program);
}

/* The bytes behind the program: a pattern with its end, what is poked, and at most seven to fill up. */
static bool rule_data_valid(const struct trace_rule *r, size_t n)
{
    const char *pattern = trace_rule_pattern(r);

    if (r->pattern_size > TRACE_PATTERN_MAX || r->poke_size > TRACE_POKE_MAX)
        return false;
    if (n != ALIGN_UP((size_t)r->pattern_size + r->poke_size, (size_t)8))
        return false;
    return r->pattern_size == 0 || pattern[r->pattern_size - 1] == '\0';
}

/* What does not go together is refused, so that nothing of a rule is ever silently left out. */
static bool rule_makes_sense(const struct trace_rule *r)
{
    bool injects = r->signal || r->delay_enter_ns || r->delay_exit_ns || r->poke != TRACE_POKE_NONE;

    if (r->action >= TRACE_ACT_COUNT || r->poke >= TRACE_POKE_COUNT || r->argument > TRACE_ANY_ARGUMENT || r->signal > 64)
        return false;
    if (injects && r->action != TRACE_ACT_INJECT && r->action != TRACE_ACT_RESULT)
        return false;
    if (r->pattern_size && (injects || r->action == TRACE_ACT_INJECT || (r->action == TRACE_ACT_RESULT && r->result >= 0)))
        return false;
    if (r->argument == TRACE_ANY_ARGUMENT && !r->pattern_size)
        return false;
    return (r->poke != TRACE_POKE_NONE) == (r->poke_size != 0);
}

static bool rule_valid(const struct trace_part *part)
{
    const struct trace_rule *r = (const void *)part;

    if (part->size < sizeof *r)
        return false;
    size_t rest = part->size - offsetof(struct trace_rule, program);
    if (r->program.size < sizeof r->program || r->program.size > rest || r->program.return_steps)
        return false;
    return trace_program_valid(&r->program, r->program.size) && rule_makes_sense(r) &&
           rule_data_valid(r, rest - r->program.size);
}

static bool part_valid(const struct trace_part *part)
{
    switch (part->type) {
    case TRACE_PART_SESSION:
        return session_valid(part);
    case TRACE_PART_RULE:
        return rule_valid(part);
    default:
        return false;
    }
}

bool trace_config_valid(const void *bytes, size_t size)
{
    const struct trace_config *c = bytes;
    unsigned sessions = 0, rules = 0, taken = 0;

    if (size < sizeof *c || size > TRACE_CONFIG_SIZE_MAX || c->magic != TRACE_CONFIG_MAGIC ||
        c->version != TRACE_CONFIG_VERSION || c->size != size || c->reserved)
        return false;
    size_t at = sizeof *c;
    for (unsigned i = 0; i < c->parts; i++) {
        const struct trace_part *part = (const void *)((const char *)bytes + at);

        if (size - at < sizeof *part || part->size < sizeof *part || part->size % 8 || part->size > size - at)
            return false;
        if (!part_valid(part))
            return false;
        at += part->size;
        rules += part->type == TRACE_PART_RULE;
        if (part->type != TRACE_PART_SESSION)
            continue;
        sessions++;
        if (rules || (taken & BIT(part->number))) /* sessions come first, each once */
            return false;
        taken |= (unsigned)BIT(part->number);
    }
    return at == size && sessions <= TRACE_SESSIONS_MAX && rules <= TRACE_RULES_MAX;
}

const struct trace_part *trace_config_next(const struct trace_config *c, const struct trace_part *at)
{
    const char *next = at ? (const char *)at + at->size : (const char *)(c + 1);

    return next < (const char *)c + c->size ? (const void *)next : NULL;
}

/* One star needs remembering only: what an earlier one took can stay as it is (the usual two-pointer walk). */
bool trace_pattern_fits(const char *pattern, const char *text, size_t n)
{
    const char *star = NULL;
    size_t at = 0, star_at = 0;

    while (at < n) {
        if (*pattern == '*') {
            star = ++pattern;
            star_at = at;
        } else if (*pattern && (*pattern == '?' || *pattern == text[at])) {
            pattern++;
            at++;
        } else if (star) {
            pattern = star;
            at = ++star_at;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static unsigned number_of(const uint8_t *bytes) /* in network order */
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

/* A struct sockaddr as text, of bytes that may be anything: its length, 0 if it is none that has one. */
static size_t sockaddr_text(const uint8_t *a, size_t n, char *text, size_t size)
{
    uint16_t family;

    if (n < sizeof family)
        return 0;
    memcpy(&family, a, sizeof family);
    if (family == FAMILY_INET && n >= 8)
        return (size_t)format(text, size, "inet:%u.%u.%u.%u:%u", a[4], a[5], a[6], a[7], number_of(a + 2));
    if (family == FAMILY_INET6 && n >= 24)
        return (size_t)format(text, size, "inet6:%x:%x:%x:%x:%x:%x:%x:%x:%u", number_of(a + 8), number_of(a + 10),
                              number_of(a + 12), number_of(a + 14), number_of(a + 16), number_of(a + 18), number_of(a + 20),
                              number_of(a + 22), number_of(a + 2));
    if (family != FAMILY_UNIX || n < 3)
        return 0;
    bool is_abstract = a[2] == 0;
    size_t skip = is_abstract ? 3 : 2, length = is_abstract ? n - skip : strnlen((const char *)a + skip, n - skip);
    return (size_t)format(text, size, "unix:%s%.*s", is_abstract ? "@" : "", (int)MIN(length, (size_t)108),
                          (const char *)a + skip);
}

static bool is_for_addresses(const char *pattern)
{
    return !strncmp(pattern, "inet:", 5) || !strncmp(pattern, "inet6:", 6) || !strncmp(pattern, "unix:", 5);
}

bool trace_pattern_fits_text(const char *pattern, const void *bytes, size_t n)
{
    return !is_for_addresses(pattern) && trace_pattern_fits(pattern, bytes, strnlen(bytes, n));
}

bool trace_pattern_fits_address(const char *pattern, const void *bytes, size_t n)
{
    char text[SOCKADDR_TEXT_MAX];

    if (!is_for_addresses(pattern))
        return false;
    size_t length = sockaddr_text(bytes, n, text, sizeof text);
    return length && trace_pattern_fits(pattern, text, MIN(length, sizeof text - 1));
}
