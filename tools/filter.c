/*
 * See tools/filter.h: the tree and its evaluation.
 */
#include "tools/filter.h"

#include <stdlib.h>
#include <string.h>

#include "abi/syscalls.h"
#include "tools/message.h"

struct filter *filter_new(enum filter_kind kind)
{
    struct filter *f = must_alloc(sizeof *f);

    *f = (struct filter){.kind = kind};
    return f;
}

static struct filter *filter_pair(enum filter_kind kind, struct filter *a, struct filter *b)
{
    if (!a || !b)
        return a ? a : b;
    struct filter *f = filter_new(kind);
    f->left = a;
    f->right = b;
    return f;
}

struct filter *filter_and(struct filter *a, struct filter *b)
{
    return filter_pair(FILTER_AND, a, b);
}

struct filter *filter_or(struct filter *a, struct filter *b)
{
    return filter_pair(FILTER_OR, a, b);
}

struct filter *filter_of_status(unsigned statuses)
{
    struct filter *f = filter_new(FILTER_STATUS);

    f->value = statuses;
    return f;
}

struct filter *filter_of_path(const char *path)
{
    struct filter *f = filter_new(FILTER_PATH);

    f->text = must_format("%s", path);
    return f;
}

struct filter *filter_of_fd(int fd)
{
    struct filter *f = filter_new(FILTER_FD);

    f->value = fd;
    return f;
}

void filter_free(struct filter *f)
{
    if (!f)
        return;
    filter_free(f->left);
    filter_free(f->right);
    if (f->is_regex)
        regfree(&f->regex);
    free(f->text);
    free(f);
}

bool filter_argument_is_short(uint64_t nr, unsigned index)
{
    static const uint16_t kinds[] = {ARG_INT, ARG_UINT, ARG_FD, ARG_DIRFD, ARG_PID, ARG_UID, ARG_SIG, ARG_MODE,
                                    ARG_OPEN_MODE, ARG_MKNOD_MODE, ARG_HEX32};

    if (nr >= SYSCALL_COUNT || index >= SYSCALL_ARGS_MAX)
        return false;
    return syscall_kind_is_in(syscall_rows[nr].kinds[index], kinds, ARRAY_SIZE(kinds));
}

static bool value_holds(unsigned test, int64_t value, int64_t wanted)
{
    switch (test) {
    case TRACE_TEST_EQUAL:
        return value == wanted;
    case TRACE_TEST_LESS:
        return value < wanted;
    default:
        return value & wanted;
    }
}

static enum truth compare_test(const struct filter *f, const struct filter_facts *facts)
{
    int64_t value = (int64_t)facts->scalars.field[f->field], wanted = f->value;
    unsigned index = f->field - TRACE_FIELD_ARG;

    if (!(facts->known & BIT(f->field)))
        return TRUTH_PERHAPS;
    if (index < SYSCALL_ARGS_MAX && filter_argument_is_short(facts->scalars.field[TRACE_FIELD_NR], index)) {
        value = (int32_t)value;
        /* 0xffffffff and -1 are the same to a call that takes 32 bits. */
        if (wanted > INT32_MAX && wanted <= UINT32_MAX)
            wanted = f->test == TRACE_TEST_LESS ? wanted : (int32_t)wanted;
    }
    return value_holds(f->test, value, wanted);
}

static bool text_matches(const struct filter *f, const char *text)
{
    return f->is_regex ? regexec(&f->regex, text, 0, NULL, 0) == 0 : strcmp(f->text, text) == 0;
}

static enum truth names_test(const struct filter *f, const struct filter_facts *facts)
{
    if (!facts->names_known)
        return TRUTH_PERHAPS;
    for (size_t i = 0; f->kind == FILTER_PATH && i < facts->path_count; i++) {
        if (text_matches(f, facts->paths[i]))
            return TRUTH_YES;
    }
    for (size_t i = 0; f->kind == FILTER_FD && i < facts->fd_count; i++) {
        if (facts->fds[i] == f->value)
            return TRUTH_YES;
    }
    return TRUTH_NO;
}

static enum truth both(enum truth a, enum truth b)
{
    if (a == TRUTH_NO || b == TRUTH_NO)
        return TRUTH_NO;
    return a == TRUTH_YES && b == TRUTH_YES ? TRUTH_YES : TRUTH_PERHAPS;
}

static enum truth not(enum truth a)
{
    return a == TRUTH_PERHAPS ? a : a == TRUTH_NO ? TRUTH_YES : TRUTH_NO;
}

/* The parser bounds the depth. */
enum truth filter_test(const struct filter *f, const struct filter_facts *facts)
{
    switch (f ? f->kind : FILTER_ALL) {
    case FILTER_ALL:
        return TRUTH_YES;
    case FILTER_AND:
        return both(filter_test(f->left, facts), filter_test(f->right, facts));
    case FILTER_OR:
        return not(both(not(filter_test(f->left, facts)), not(filter_test(f->right, facts))));
    case FILTER_NOT:
        return not(filter_test(f->left, facts));
    case FILTER_CALLS:
        if (!(facts->known & BIT(TRACE_FIELD_NR)))
            return TRUTH_PERHAPS;
        return call_set_has(&f->calls, facts->scalars.field[TRACE_FIELD_NR]);
    case FILTER_COMPARE:
        return compare_test(f, facts);
    case FILTER_PATH:
    case FILTER_FD:
        return names_test(f, facts);
    case FILTER_COMM:
        return facts->comm ? text_matches(f, facts->comm) : TRUTH_PERHAPS;
    case FILTER_STATUS:
        return facts->status ? (f->value & facts->status) != 0 : TRUTH_PERHAPS;
    }
    return TRUTH_PERHAPS;
}

static bool has_kind(const struct filter *f, enum filter_kind a, enum filter_kind b)
{
    return f && (f->kind == a || f->kind == b || has_kind(f->left, a, b) || has_kind(f->right, a, b));
}

bool filter_needs_names(const struct filter *f)
{
    return has_kind(f, FILTER_PATH, FILTER_FD);
}

bool filter_needs_comm(const struct filter *f)
{
    return has_kind(f, FILTER_COMM, FILTER_COMM);
}

bool filter_is_for_entries(const struct filter *f)
{
    if (!f || f->kind == FILTER_ALL || f->kind == FILTER_CALLS || f->kind == FILTER_COMM)
        return true;
    if (f->kind == FILTER_COMPARE)
        return f->field < TRACE_FIELD_ENTRY_COUNT;
    if (f->kind == FILTER_AND || f->kind == FILTER_OR || f->kind == FILTER_NOT)
        return filter_is_for_entries(f->left) && filter_is_for_entries(f->right);
    return false;
}
