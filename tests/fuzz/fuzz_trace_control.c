/*
 * Configurations of the gate, as the launcher might send them: any bytes, and ones that are nearly right.  What is accepted is
 * walked to its end and all of it is looked at; patterns meet any text.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/trace_control.h"
#include "tests/fuzz/fuzz.h"

static void use(const struct trace_config *c, const uint8_t *data, size_t size)
{
    const struct trace_part *part = NULL;
    unsigned fits = 0;

    while ((part = trace_config_next(c, part))) {
        if (part->type != TRACE_PART_RULE)
            continue;
        const struct trace_rule *r = (const void *)part;
        for (unsigned i = 0; i < r->poke_size; i++)
            fits += trace_rule_poke(r)[i];
        if (r->pattern_size)
            fits += trace_pattern_fits_text(trace_rule_pattern(r), data, size) + trace_pattern_fits_address(trace_rule_pattern(r), data, size);
    }
    if (fits > 64 * 256 * 256)
        abort();
}

static struct trace_program program_of(const uint8_t *data, size_t size)
{
    struct trace_program p = {.magic = TRACE_PROGRAM_MAGIC, .version = TRACE_PROGRAM_VERSION, .size = sizeof p};

    memcpy(p.pass, data, size < sizeof p.pass ? size : sizeof p.pass);
    return p;
}

/* Sessions and rules by the input's bytes, without a mistake but for the one that is then made. */
static size_t build(uint8_t *to, const uint8_t *data, size_t size)
{
    static const uint8_t actions[] = {TRACE_ACT_ALLOW, TRACE_ACT_RESULT, TRACE_ACT_KILL, TRACE_ACT_END, TRACE_ACT_ASK};
    struct trace_config *c = (void *)to;
    size_t at = sizeof *c;

    *c = (struct trace_config){.magic = TRACE_CONFIG_MAGIC, .version = TRACE_CONFIG_VERSION, .parts = data[0] % 5};
    for (unsigned i = 0; i < c->parts; i++) {
        if (i < 2 && data[1] & 1) {
            struct trace_session *s = (void *)(to + at);
            s->part = (struct trace_part){sizeof *s, TRACE_PART_SESSION, (uint16_t)i};
            s->program = program_of(data, size);
            at += sizeof *s;
            continue;
        }
        struct trace_rule *r = (void *)(to + at);
        size_t pattern = data[2] % 3 ? data[i % size] % 24 : 0, poke = pattern ? 0 : data[3] % 9;
        *r = (struct trace_rule){.action = poke ? TRACE_ACT_INJECT : actions[data[7] % ARRAY_SIZE(actions)], .result = -1, .poke = poke ? TRACE_POKE_ENTER : 0,
                                 .poke_size = (uint16_t)poke, .pattern_size = (uint16_t)pattern};
        r->program = program_of(data, size);
        size_t rest = ALIGN_UP(pattern + poke, (size_t)8);
        memset((char *)(r + 1), 0, rest);
        memcpy((char *)(r + 1), data, MIN(size, pattern + poke));
        if (pattern)
            ((char *)(r + 1))[pattern - 1] = '\0';
        r->part = (struct trace_part){(uint32_t)(sizeof *r + rest), TRACE_PART_RULE, 0};
        at += r->part.size;
    }
    c->size = (uint32_t)at;
    return at;
}

static void check(const uint8_t *bytes, size_t whole, const uint8_t *data, size_t size, bool must_be_valid)
{
    uint8_t *copy = malloc(whole ? whole : 1); /* of exactly that size: ASan sees each byte too many */

    memcpy(copy, bytes, whole);
    bool valid = trace_config_valid(copy, whole);
    if (must_be_valid && !valid)
        abort();
    if (valid)
        use((const void *)copy, data, size);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[8192] __attribute__((aligned(8)));

    if (size < 8)
        return 0;
    check(data, size, data, size, false);
    size_t whole = build(bytes, data, size);
    check(bytes, whole, data, size, true);
    bytes[(data[4] * 256u + data[5]) % whole] ^= data[6];
    check(bytes, whole, data, size, false);
    return 0;
}
