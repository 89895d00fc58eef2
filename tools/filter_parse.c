/*
 * The text of a filter (docs/trace-format.md, "Filters"):
 *
 *     or      := and { "||" and }
 *     and     := unary { "&&" unary }
 *     unary   := { "!" } ( "(" or ")" | compare | set )
 *     compare := field operator value { "," value }
 *     set     := item { "," item }          item: name, ?name, number, %class, /regex, all, none
 *
 * A text of strace's `-e trace=` is a set.  A regular expression ends at a comma or a space, so what follows it needs one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "abi/decode.h"
#include "abi/syscalls.h"
#include "tools/filter.h"
#include "tools/message.h"

#define TERMS_MAX 64u    /* the tree is walked by recursion: its depth is bounded by these two */
#define VALUES_MAX 1000u /* of comparisons, in all */
#define ERRORS_END 134u

struct parser {
    const char *at;
    char **why;
    unsigned terms, values;
};

static struct filter *parse_or(struct parser *p);

static void *wrong(struct parser *p, const char *what, const char *item, size_t n)
{
    if (!*p->why)
        *p->why = must_format("%s '%.*s'", what, (int)n, item);
    return NULL;
}

static void skip_space(struct parser *p)
{
    p->at += strspn(p->at, " \t\n");
}

static bool take(struct parser *p, const char *text)
{
    size_t n = strlen(text);

    skip_space(p);
    if (strncmp(p->at, text, n))
        return false;
    p->at += n;
    return true;
}

/* Characters up to what ends an item: a comma, a space, a parenthesis, && or ||; of a regular expression the first two only. */
static size_t item_length(const char *text, bool is_regex)
{
    size_t n = 0;

    while (text[n] && !strchr(", \t\n", text[n])) {
        bool ends = strchr("()", text[n]) || !strncmp(text + n, "&&", 2) || !strncmp(text + n, "||", 2);
        if (ends && !is_regex)
            break;
        n++;
    }
    return n;
}

static bool take_comma(struct parser *p)
{
    skip_space(p);
    if (*p->at != ',')
        return false;
    p->at++;
    skip_space(p);
    return true;
}

static struct filter *parse_set(struct parser *p)
{
    struct filter *f = filter_new(FILTER_CALLS);
    bool good = true;

    do {
        size_t n = item_length(p->at, *p->at == '/');
        char *item = must_format("%.*s", (int)n, p->at);
        /* `none` adds nothing. */
        good = strcmp(item, "none") == 0 || filter_set_item(item, &f->calls, p->why);
        free(item);
        p->at += n;
    } while (good && take_comma(p));
    if (!good) {
        filter_free(f);
        return NULL;
    }
    return f;
}

enum value_kind { VALUE_NUMBER, VALUE_ERROR, VALUE_TIME, VALUE_DESCRIPTOR, VALUE_STATUS, VALUE_TEXT };

static const struct field {
    const char *name;
    uint8_t filter, value, scalar;
} fields[] = {
    {"nr", FILTER_COMPARE, VALUE_NUMBER, TRACE_FIELD_NR},
    {"arg0", FILTER_COMPARE, VALUE_NUMBER, TRACE_FIELD_ARG},
    {"arg1", FILTER_COMPARE, VALUE_NUMBER, TRACE_FIELD_ARG + 1},
    {"arg2", FILTER_COMPARE, VALUE_NUMBER, TRACE_FIELD_ARG + 2},
    {"arg3", FILTER_COMPARE, VALUE_NUMBER, TRACE_FIELD_ARG + 3},
    {"arg4", FILTER_COMPARE, VALUE_NUMBER, TRACE_FIELD_ARG + 4},
    {"arg5", FILTER_COMPARE, VALUE_NUMBER, TRACE_FIELD_ARG + 5},
    {"pid", FILTER_COMPARE, VALUE_NUMBER, TRACE_FIELD_PID},
    {"tid", FILTER_COMPARE, VALUE_NUMBER, TRACE_FIELD_TID},
    {"cr3", FILTER_COMPARE, VALUE_NUMBER, TRACE_FIELD_CR3},
    {"vcpu", FILTER_COMPARE, VALUE_NUMBER, TRACE_FIELD_VCPU},
    {"result", FILTER_COMPARE, VALUE_ERROR, TRACE_FIELD_RESULT},
    {"errno", FILTER_COMPARE, VALUE_ERROR, TRACE_FIELD_RESULT},
    {"duration", FILTER_COMPARE, VALUE_TIME, TRACE_FIELD_DURATION},
    {"fd", FILTER_FD, VALUE_DESCRIPTOR, 0},
    {"status", FILTER_STATUS, VALUE_STATUS, 0},
    {"path", FILTER_PATH, VALUE_TEXT, 0},
    {"comm", FILTER_COMM, VALUE_TEXT, 0},
};

static bool number_parse(const char *text, int64_t *value, const char **rest)
{
    bool negative = *text == '-';
    char *end;

    errno = 0;
    unsigned long long n = strtoull(text + negative, &end, 0);
    if (text[negative] < '0' || text[negative] > '9' || errno || (negative && n > BIT(63)))
        return false;
    *value = negative ? (int64_t)-n : (int64_t)n;
    *rest = end;
    return true;
}

static bool error_parse(const char *text, int64_t *value)
{
    bool negative = *text == '-';

    for (unsigned i = 1; i < ERRORS_END; i++) {
        const char *name = error_name(i);
        if (name && strcmp(name, text + negative) == 0) {
            *value = negative ? -(int64_t)i : (int64_t)i;
            return true;
        }
    }
    return false;
}

static bool unit_parse(const char *unit, int64_t *value)
{
    static const struct {
        const char *name;
        int64_t nanoseconds;
    } units[] = {{"", 1}, {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (strcmp(units[i].name, unit) == 0)
            return !__builtin_mul_overflow(*value, units[i].nanoseconds, value);
    }
    return false;
}

/* A value that is a number in the end. */
static bool value_parse(struct parser *p, const struct field *field, const char *text, int64_t *value)
{
    const char *rest = "";
    unsigned statuses;

    if (field->value == VALUE_STATUS) {
        bool good = filter_parse_statuses(text, &statuses, p->why);
        *value = statuses;
        return good;
    }
    if (field->value == VALUE_ERROR && error_parse(text, value))
        return true;
    bool good = number_parse(text, value, &rest);
    if (good && field->value == VALUE_TIME)
        good = unit_parse(rest, value);
    else if (good)
        good = !*rest && (field->value != VALUE_DESCRIPTOR || (*value >= 0 && *value <= INT32_MAX));
    if (!good)
        wrong(p, "invalid value", text, strlen(text));
    return good;
}

/* A value's text, allocated: up to a space or a comma, or in quotes. */
static char *text_take(struct parser *p, bool is_regex)
{
    const char *quote = *p->at == '"' ? strchr(p->at + 1, '"') : NULL;
    size_t n = quote ? (size_t)(quote - p->at) - 1 : item_length(p->at, is_regex);
    char *text = must_format("%.*s", (int)n, p->at + (quote != NULL));

    p->at = quote ? quote + 1 : p->at + n;
    if (*text)
        return text;
    free(text);
    return wrong(p, "a value is missing before", p->at, strlen(p->at));
}

/* LESS of one more; the value that has none more is not below any. */
static struct filter *at_most(struct filter *f)
{
    if (f->value == INT64_MAX)
        f->kind = FILTER_ALL;
    else
        f->value++;
    return f;
}

static struct filter *negated(struct filter *f)
{
    struct filter *n = f ? filter_new(FILTER_NOT) : NULL;

    if (n)
        n->left = f;
    return n;
}

/* errno is the negated result of calls that failed. */
static struct filter *of_error(struct filter *f)
{
    f->value = f->value == INT64_MIN ? f->value : -f->value;
    return f;
}

static struct filter *one_value(struct parser *p, const struct field *field, const char *operator, const char *text)
{
    struct filter *f = filter_new((enum filter_kind)field->filter);

    f->field = field->scalar;
    if (field->value == VALUE_TEXT) {
        f->is_regex = *operator == '~' || operator[1] == '~';
        if (f->is_regex && regcomp(&f->regex, text, REG_EXTENDED | REG_NOSUB)) {
            f->is_regex = false;
            wrong(p, "invalid regular expression", text, strlen(text));
            filter_free(f);
            return NULL;
        }
        f->text = must_format("%s", text);
    } else if (!value_parse(p, field, text, &f->value)) {
        filter_free(f);
        return NULL;
    }
    if (strcmp(field->name, "errno") == 0)
        f = of_error(f);
    if (*operator == '<' || *operator == '>')
        f->test = TRACE_TEST_LESS;
    else if (*operator == '&')
        f->test = TRACE_TEST_BITS;
    if (strcmp(operator, "<=") == 0 || strcmp(operator, ">") == 0)
        f = at_most(f);
    return *operator == '>' ? negated(f) : f;
}

static const char *operator_take(struct parser *p)
{
    static const char *const operators[] = {"==", "!=", "<=", ">=", "!~", "=", "<", ">", "&", "~"};

    skip_space(p);
    if (strncmp(p->at, "&&", 2) == 0)
        return NULL;
    for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
        if (take(p, operators[i]))
            return operators[i];
    }
    return NULL;
}

/* Texts and lists are only equal or not; errors have no order; only texts match. */
static bool operator_fits(const struct field *field, const char *operator)
{
    bool is_equality = *operator == '=' || strcmp(operator, "!=") == 0;
    bool is_match = strchr(operator, '~') != NULL;

    if (is_match)
        return field->value == VALUE_TEXT;
    return is_equality || (field->filter == FILTER_COMPARE && strcmp(field->name, "errno") != 0);
}

static struct filter *parse_compare(struct parser *p, const struct field *field, const char *operator)
{
    struct filter *f = NULL;

    if (!operator_fits(field, operator))
        return wrong(p, "this operator is not for that field:", field->name, strlen(field->name));
    do {
        skip_space(p);
        char *text = ++p->values > VALUES_MAX ? wrong(p, "too many values:", p->at, strlen(p->at))
                                              : text_take(p, strchr(operator, '~') != NULL);
        struct filter *one = text ? one_value(p, field, operator, text) : NULL;
        free(text);
        if (!one) {
            filter_free(f);
            return NULL;
        }
        f = filter_or(f, one);
    } while (take_comma(p));
    return *operator == '!' ? negated(f) : f;
}

/* A field and an operator, or else a set. */
static struct filter *parse_term(struct parser *p)
{
    const char *start = p->at;
    size_t n = strspn(p->at, "abcdefghijklmnopqrstuvwxyz0123456789_");

    p->at += n;
    const char *operator = n ? operator_take(p) : NULL;
    if (!operator) {
        p->at = start;
        return parse_set(p);
    }
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
        if (strlen(fields[i].name) == n && strncmp(fields[i].name, start, n) == 0)
            return parse_compare(p, &fields[i], operator);
    }
    return wrong(p, "there is no field", start, n);
}

static struct filter *parse_unary(struct parser *p)
{
    bool inverted = false;
    struct filter *f;

    while (take(p, "!"))
        inverted = !inverted;
    skip_space(p);
    if (++p->terms > TERMS_MAX)
        return wrong(p, "too many terms:", p->at, strlen(p->at));
    if (take(p, "(")) {
        f = parse_or(p);
        if (f && !take(p, ")")) {
            filter_free(f);
            f = wrong(p, "no closing parenthesis before", p->at, strlen(p->at));
        }
    } else {
        f = parse_term(p);
    }
    return inverted ? negated(f) : f;
}

/* Operands of one level; the tree leans to the left, so the number of operands counts as depth. */
static struct filter *parse_level(struct parser *p, const char *word, struct filter *(*operand)(struct parser *),
                                  struct filter *(*join)(struct filter *, struct filter *))
{
    struct filter *f = operand(p);

    while (f && take(p, word)) {
        struct filter *next = operand(p);
        if (!next) {
            filter_free(f);
            return NULL;
        }
        f = join(f, next);
    }
    return f;
}

static struct filter *parse_and(struct parser *p)
{
    return parse_level(p, "&&", parse_unary, filter_and);
}

static struct filter *parse_or(struct parser *p)
{
    return parse_level(p, "||", parse_and, filter_or);
}

struct filter *filter_parse(const char *text, char **why)
{
    struct parser p = {.at = text, .why = why};

    *why = NULL;
    struct filter *f = parse_or(&p);
    skip_space(&p);
    if (f && *p.at) {
        wrong(&p, "not understood:", p.at, strlen(p.at));
        filter_free(f);
        return NULL;
    }
    return f;
}
