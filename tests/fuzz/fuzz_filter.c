/*
 * Filters: the parser on any text, and the compiler on filters that the input builds from the grammar.  A compiled program
 * must be valid, and must accept whatever the filter may want of calls that the input makes up, at entry and at return.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tools/filter.h"

#define TSC_HZ 2500000000ULL

struct input {
    const uint8_t *data;
    size_t left;
};

static unsigned byte(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->data++;
}

static const int64_t numbers[] = {0, 1, -1, 2, 3, 0x40, 0xffffffff, 0x80000000, -100, 0x7fff0000, 1000, -2, -4095, -4096, 257};

static int64_t number(struct input *in)
{
    unsigned b = byte(in);

    return b < 0xf0 ? numbers[b % ARRAY_SIZE(numbers)] : (int64_t)((uint64_t)byte(in) << 56 | byte(in));
}

/* Append a random filter's text. */
static void expression(struct input *in, char *text, size_t size, unsigned depth)
{
    static const char *const sets[] = {"read", "openat,close", "%file", "!read,write", "/^f", "%desc,600", "none", "all", "511",
                                       "close,lseek,dup"};
    static const char *const fields[] = {"arg0", "arg1", "arg2", "arg5", "pid", "tid", "vcpu", "result", "nr", "cr3"};
    static const char *const operators[] = {"==", "!=", "<", "<=", ">", ">=", "&"};
    static const char *const others[] = {"path=/x", "comm~a", "fd=3", "status=failed", "status=successful", "status=!failed",
                                         "status=unfinished", "duration>1ms", "duration<=20us", "errno==ENOENT"};
    size_t used = strlen(text);
    unsigned kind = byte(in) % 8;

    if (used + 64 > size)
        return;
    if (kind < 3 && depth > 0) {
        strcat(text, kind == 0 ? "!(" : "(");
        expression(in, text, size, depth - 1);
        strcat(text, kind == 1 ? ") && (" : ") || (");
        expression(in, text, size, depth - 1);
        strcat(text, ")");
    } else if (kind == 3) {
        strcat(text, sets[byte(in) % ARRAY_SIZE(sets)]);
    } else if (kind == 4) {
        strcat(text, others[byte(in) % ARRAY_SIZE(others)]);
    } else {
        const char *field = fields[byte(in) % ARRAY_SIZE(fields)], *operator = operators[byte(in) % ARRAY_SIZE(operators)];
        sprintf(text + used, "%s%s%lld", field, operator, (long long)number(in));
    }
}

static void facts_make(struct input *in, struct filter_facts *facts)
{
    static const uint64_t calls[] = {0, 1, 3, 257, 8, 32, 39, 511, 512, 600, 0xffffffff, 72, 335};
    unsigned b = byte(in);

    for (unsigned i = 0; i < TRACE_FIELD_COUNT; i++)
        facts->scalars.field[i] = (uint64_t)number(in);
    facts->scalars.field[TRACE_FIELD_NR] = b < 200 ? calls[b % ARRAY_SIZE(calls)] : byte(in) * 2;
    facts->scalars.field[TRACE_FIELD_DURATION] = (uint64_t)byte(in) * 10000; /* ns; TSC_HZ makes 2.5 ticks of each */
    facts->known = BIT(TRACE_FIELD_COUNT) - 1;
    int64_t result = (int64_t)facts->scalars.field[TRACE_FIELD_RESULT];
    facts->status = result < 0 && result >= -4095 ? CALL_FAILED : CALL_SUCCESSFUL;
    facts->names_known = b & 1;
    facts->comm = b & 2 ? "a" : b & 4 ? "b" : NULL;
}

static bool program_accepts(const struct trace_program *p, const struct filter_facts *facts)
{
    struct trace_facts ticks = facts->scalars;

    ticks.field[TRACE_FIELD_DURATION] = ticks.field[TRACE_FIELD_DURATION] * 5 / 2;
    enum trace_verdict verdict = trace_program_call(p, ticks.field[TRACE_FIELD_NR]);
    if (verdict != TRACE_LOOK)
        return verdict == TRACE_PASS;
    return trace_program_entry(p, &ticks) && trace_program_return(p, &ticks);
}

static void as_filter(struct input *in)
{
    static union {
        struct trace_program program;
        uint8_t room[TRACE_PROGRAM_SIZE_MAX];
    } compiled;
    struct filter_extra extra = {.tsc_hz = byte(in) & 1 ? TSC_HZ : 0};
    char text[2048] = "", *why;

    expression(in, text, sizeof text, 4);
    struct filter *f = filter_parse(text, &why);
    if (!f) {
        free(why);
        return;
    }
    size_t size = filter_compile(f, &extra, &compiled.program);
    if (!trace_program_valid(&compiled, size))
        abort();
    for (unsigned i = 0; i < 20; i++) {
        struct filter_facts facts = {0};
        facts_make(in, &facts);
        if (filter_test(f, &facts) != TRUTH_NO && !program_accepts(&compiled.program, &facts))
            abort();
    }
    filter_free(f);
}

static void as_text(const uint8_t *data, size_t size)
{
    static const char letters[] = "read,openat%file!()&|=<>~/ \"arg012pidcommpathfdstatusresult-x~ms:failed";
    char text[256], *why;
    size_t n = MIN(size, sizeof text - 1);

    for (size_t i = 0; i < n; i++)
        text[i] = data[0] & 1 ? letters[data[i] % (sizeof letters - 1)] : (char)data[i];
    text[n] = '\0';
    struct filter *f = filter_parse(text, &why);
    if (!f)
        free(why);
    filter_free(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    if (size == 0)
        return 0;
    as_text(data, size);
    as_filter(&in);
    return 0;
}
