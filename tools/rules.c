/*
 * See tools/rules.h.
 */
#include "tools/rules.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "abi/decode.h"
#include "tools/filter.h"
#include "tools/message.h"
#include "tools/option_values.h"

#define ASK_MS_DEFAULT 60000u

/* A rule while it is read: everything but the program, whose size is not known before. */
struct draft {
    struct bytes data; /* the pattern or the bytes to poke */
    struct trace_program *program;
    struct trace_rule rule;
};

/* The next of the words that `:` separates, NULL at the end; cuts the text. */
static char *word_next(char **text)
{
    char *word = *text, *colon = word ? strchr(word, ':') : NULL;

    *text = colon ? colon + 1 : NULL;
    if (colon)
        *colon = '\0';
    return word;
}

/* "100", "100us", "5ms", "2s": nanoseconds; without a unit microseconds, as strace has them. */
static const char *parse_time(const char *text, uint64_t *ns)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"", 1e3}, {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    char *end;
    double value = strtod(text, &end);

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (end != text && strcmp(end, units[i].name) == 0 && value >= 0 && value * units[i].ns < 1e18) {
            *ns = (uint64_t)(value * units[i].ns);
            return NULL;
        }
    }
    return must_format("'%s' is not a time such as 100us, 5ms or 2s", text);
}

static const char *parse_signal(const char *text, uint8_t *number)
{
    for (unsigned n = 1; n <= 64; n++) {
        const char *name = signal_name(n);
        if (name && (strcmp(name, text) == 0 || strcmp(name + 3, text) == 0)) {
            *number = (uint8_t)n;
            return NULL;
        }
    }
    uint32_t number_word;
    const char *wrong = value_number(text, 1, 64, &number_word);
    if (wrong)
        return must_format("'%s' is not a signal", text);
    *number = (uint8_t)number_word;
    return NULL;
}

/* FIRST, FIRST+, FIRST+STEP, FIRST..LAST, FIRST..LAST+STEP */
static const char *parse_when(const char *text, struct trace_rule *r)
{
    char *end;

    r->first = (uint32_t)strtoul(text, &end, 10);
    r->last = r->first;
    if (end == text || r->first == 0)
        return must_format("'%s' is not FIRST[..LAST][+[STEP]]", text);
    if (strncmp(end, "..", 2) == 0)
        r->last = (uint32_t)strtoul(end + 2, &end, 10);
    else if (*end == '+')
        r->last = 0;
    if (*end == '+')
        r->step = end[1] ? (uint32_t)strtoul(end + 1, &end, 10) : (end++, 1);
    return *end || (r->last && r->last < r->first) ? must_format("'%s' is not FIRST[..LAST][+[STEP]]", text) : NULL;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "@argN=HEX" with N from 1. */
static const char *parse_poke(const char *text, struct draft *d, enum trace_poke when)
{
    if (d->data.size || strncmp(text, "@arg", 4) || text[4] < '1' || text[4] > '6' || text[5] != '=')
        return must_format("'%s' is not one @argN=BYTES, in hexadecimal", text);
    d->rule.poke = (uint8_t)when;
    d->rule.argument = (uint8_t)(text[4] - '1');
    for (const char *p = text + 6; *p; p += 2) {
        int high = hex_digit(p[0]), low = high < 0 ? -1 : hex_digit(p[1]);
        if (low < 0)
            return must_format("'%s' is not bytes in hexadecimal", text + 6);
        bytes_append(&d->data, &(uint8_t){(uint8_t)(high << 4 | low)}, 1);
    }
    d->rule.poke_size = (uint16_t)d->data.size;
    return d->data.size == 0 || d->data.size > TRACE_POKE_MAX ? must_format("1 to %u bytes can be poked", TRACE_POKE_MAX) : NULL;
}

static const char *parse_error(const char *text, int64_t *result)
{
    int number = value_error(text);

    *result = -number;
    return number ? NULL : must_format("'%s' is not an error number or name such as ENOENT", text);
}

static const char *parse_result(const char *text, int64_t *result)
{
    char *end;

    errno = 0;
    *result = (int64_t)strtoull(text, &end, 0);
    return errno || end == text || *end ? must_format("'%s' is not a number", text) : NULL;
}

/* What follows NAME= in `word`, NULL: it is another word. */
static const char *value_of(const char *word, const char *name)
{
    size_t n = strlen(name);

    return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static const char *inject_word(struct draft *d, const char *word)
{
    struct trace_rule *r = &d->rule;
    const char *value;

    if ((value = value_of(word, "error")) || (value = value_of(word, "retval"))) {
        r->action = TRACE_ACT_RESULT;
        return word[0] == 'e' ? parse_error(value, &r->result) : parse_result(value, &r->result);
    }
    if ((value = value_of(word, "signal")))
        return parse_signal(value, &r->signal);
    if ((value = value_of(word, "delay_enter")))
        return parse_time(value, &r->delay_enter_ns);
    if ((value = value_of(word, "delay_exit")))
        return parse_time(value, &r->delay_exit_ns);
    if ((value = value_of(word, "poke_enter")))
        return parse_poke(value, d, TRACE_POKE_ENTER);
    if ((value = value_of(word, "poke_exit")))
        return parse_poke(value, d, TRACE_POKE_EXIT);
    if ((value = value_of(word, "when")))
        return parse_when(value, r);
    return must_format("'%s' is none of error=, retval=, signal=, delay_enter=, delay_exit=, poke_enter=, poke_exit=, when=",
                       word);
}

/* A rule decides before the call runs: what only its return tells cannot be asked. */
static const char *parse_calls(struct draft *d, const char *text)
{
    static const struct filter_extra nothing;
    char *why;
    struct filter *f = filter_parse(text, &why);

    if (!f)
        return why;
    d->program = must_alloc(TRACE_PROGRAM_SIZE_MAX);
    filter_compile(f, &nothing, d->program);
    bool exact = !filter_needs_names(f) && !filter_needs_comm(f) && d->program->return_steps == 0;
    filter_free(f);
    return exact ? NULL : must_format("'%s': a rule can look at calls, their arguments, pid and tid only", text);
}

/* The whole part, its program and data behind it. */
static const char *draft_finish(struct rule_list *l, struct draft *d)
{
    size_t start = l->parts.size, head = offsetof(struct trace_rule, program);

    if (l->count == TRACE_RULES_MAX)
        return must_format("there may be at most %u rules", TRACE_RULES_MAX);
    bytes_append(&l->parts, &d->rule, head);
    bytes_append(&l->parts, d->program, d->program->size);
    bytes_append(&l->parts, d->data.data, d->data.size);
    bytes_align(&l->parts, 8);
    struct trace_part part = {(uint32_t)(l->parts.size - start), TRACE_PART_RULE, (uint16_t)l->count++};
    memcpy(l->parts.data + start, &part, sizeof part);
    return NULL;
}

static void draft_free(struct draft *d)
{
    bytes_free(&d->data);
    free(d->program);
}

const char *rule_add_inject(struct rule_list *l, const char *text, int default_error)
{
    struct draft d = {.rule = {.action = TRACE_ACT_INJECT}};
    char *copy = must_format("%s", text), *rest = copy, *word = word_next(&rest);
    const char *wrong = parse_calls(&d, word);
    bool any = rest != NULL;

    while (!wrong && (word = word_next(&rest)))
        wrong = inject_word(&d, word);
    if (!wrong && default_error && d.rule.action != TRACE_ACT_RESULT) {
        d.rule.action = TRACE_ACT_RESULT;
        d.rule.result = -default_error;
    } else if (!wrong && !any) {
        wrong = must_format("'%s' does not say what to inject", text);
    }
    if (!wrong)
        wrong = draft_finish(l, &d);
    draft_free(&d);
    free(copy);
    return wrong;
}

/* VERB[=VALUE] */
static const char *parse_verb(struct trace_rule *r, char *word)
{
    char *value = strchr(word, '=');

    if (value)
        *value++ = '\0';
    if (strcmp(word, "deny") == 0) {
        r->action = TRACE_ACT_RESULT;
        r->result = -EPERM;
        return value ? parse_error(value, &r->result) : NULL;
    }
    if (strcmp(word, "ask") == 0) {
        uint64_t ns = ASK_MS_DEFAULT * 1000000ULL;
        const char *wrong = value ? parse_time(value, &ns) : NULL;
        r->action = TRACE_ACT_ASK;
        r->result = -EPERM;
        r->ask_ms = (uint32_t)MIN(ns / 1000000, (uint64_t)UINT32_MAX);
        return wrong;
    }
    static const struct {
        const char *name;
        enum trace_action action;
    } verbs[] = {{"allow", TRACE_ACT_ALLOW}, {"kill", TRACE_ACT_KILL}, {"end", TRACE_ACT_END}};
    for (size_t i = 0; !value && i < ARRAY_SIZE(verbs); i++) {
        if (strcmp(word, verbs[i].name) == 0) {
            r->action = (uint8_t)verbs[i].action;
            return NULL;
        }
    }
    return must_format("'%s%s%s' is none of allow, deny[=ERROR], kill, end, ask[=TIME]", word, value ? "=" : "",
                       value ? value : "");
}

static const char *policy_word(struct draft *d, const char *word)
{
    struct trace_rule *r = &d->rule;
    const char *value = value_of(word, "path"), *wrong;
    uint32_t number;

    if (!value)
        value = value_of(word, "address");
    if (value) {
        if (d->data.size || strlen(value) >= TRACE_PATTERN_MAX)
            return must_format("one path= or address=, of less than %u bytes", TRACE_PATTERN_MAX);
        bytes_append(&d->data, value, strlen(value) + 1);
        r->pattern_size = (uint16_t)d->data.size;
        r->argument = TRACE_ANY_ARGUMENT;
        return NULL;
    }
    if ((value = value_of(word, "arg"))) {
        wrong = value_number(value, 1, 6, &number);
        r->argument = (uint8_t)(wrong ? 0 : number - 1);
        return wrong ? wrong : d->data.size ? NULL : must_format("arg= comes after path= or address=");
    }
    if ((value = value_of(word, "when")))
        return parse_when(value, r);
    return must_format("'%s' is none of path=, address=, arg=, when=", word);
}

/* An address has colons of its own: it goes to the end of the text. */
static char *policy_next(char **rest)
{
    if (*rest && strncmp(*rest, "address=", 8) == 0) {
        char *word = *rest;
        *rest = NULL;
        return word;
    }
    return word_next(rest);
}

const char *rule_add_policy(struct rule_list *l, const char *text)
{
    struct draft d = {0};
    char *copy = must_format("%s", text), *rest = copy, *word = word_next(&rest);
    const char *wrong = parse_verb(&d.rule, word);

    word = word_next(&rest);
    if (!wrong && !word)
        wrong = must_format("'%s' does not say which calls", text);
    if (!wrong)
        wrong = parse_calls(&d, word);
    while (!wrong && (word = policy_next(&rest)))
        wrong = policy_word(&d, word);
    if (!wrong)
        wrong = draft_finish(l, &d);
    draft_free(&d);
    free(copy);
    return wrong;
}

const char *rule_add_line(struct rule_list *l, const char *line)
{
    if (strncmp(line, "inject ", 7) == 0)
        return rule_add_inject(l, line + 7, 0);
    if (strncmp(line, "fault ", 6) == 0)
        return rule_add_inject(l, line + 6, ENOSYS);
    if (strncmp(line, "policy ", 7) == 0)
        return rule_add_policy(l, line + 7);
    return must_format("'%s' does not begin with inject, fault or policy", line);
}

void rule_list_free(struct rule_list *l)
{
    bytes_free(&l->parts);
    l->count = 0;
}

void trace_config_build(struct bytes *out, const struct trace_program *const sessions[TRACE_SESSIONS_MAX],
                        const struct rule_list *rules)
{
    struct trace_config head = {.magic = TRACE_CONFIG_MAGIC, .version = TRACE_CONFIG_VERSION};
    size_t start = out->size;

    bytes_append(out, &head, sizeof head);
    for (unsigned i = 0; i < TRACE_SESSIONS_MAX; i++) {
        if (!sessions[i])
            continue;
        struct trace_part part = {(uint32_t)(sizeof part + sessions[i]->size), TRACE_PART_SESSION, (uint16_t)i};
        bytes_append(out, &part, sizeof part);
        bytes_append(out, sessions[i], sessions[i]->size);
        head.parts++;
    }
    bytes_append(out, rules->parts.data, rules->parts.size);
    head.parts = (uint16_t)(head.parts + rules->count);
    head.size = (uint32_t)(out->size - start);
    memcpy(out->data + start, &head, sizeof head);
}
