/*
 * Which records of a trace are wanted: strace's language and more (docs/trace-format.md, "Filters"), as a tree.  The reader
 * evaluates it on whole calls; filter_compile() makes of it what can be decided before a record exists (abi/trace_program.h).
 * Three-valued: what is not known yet makes no decision.
 */
#ifndef TOOLS_FILTER_H
#define TOOLS_FILTER_H

#include <regex.h>

#include "abi/syscall_classes.h"
#include "abi/trace_program.h"

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_PERHAPS };

enum call_status {
    CALL_SUCCESSFUL = 1,
    CALL_FAILED = 2,
    CALL_UNFINISHED = 4,  /* never returned: exit, or its task ended in it */
    CALL_UNAVAILABLE = 8, /* its end was lost */
    CALL_DETACHED = 16,   /* trapping was turned off before its end */
};

enum filter_kind { FILTER_ALL, FILTER_AND, FILTER_OR, FILTER_NOT, FILTER_CALLS, FILTER_COMPARE, FILTER_PATH, FILTER_COMM,
                   FILTER_FD, FILTER_STATUS };

struct filter {
    enum filter_kind kind;
    struct filter *left, *right; /* of AND, OR, NOT */
    struct call_set calls;
    unsigned field, test; /* COMPARE: enum trace_field, enum trace_test; a duration in nanoseconds */
    int64_t value;        /* COMPARE, FD; STATUS: bits of enum call_status */
    char *text;           /* PATH, COMM: this, or with `is_regex` what it matches */
    bool is_regex;
    regex_t regex;
};

/* What is known of a call, or of the task of another event. */
struct filter_facts {
    struct trace_facts scalars; /* duration in nanoseconds */
    unsigned known;             /* BIT(enum trace_field) */
    unsigned status;            /* one of enum call_status; 0: not known */
    const char *comm;           /* NULL: not known */
    bool names_known;           /* the next four */
    const char *const *paths;
    size_t path_count;
    const int *fds;
    size_t fd_count;
};

/* NULL: *why says what is wrong with the text (allocated). */
struct filter *filter_parse(const char *text, char **why) must_check;
struct filter *filter_and(struct filter *a, struct filter *b); /* of two filters, each of which may be NULL: all */
struct filter *filter_or(struct filter *a, struct filter *b);  /* likewise, but NULL is none */
struct filter *filter_of_status(unsigned statuses);
struct filter *filter_of_path(const char *path);
struct filter *filter_of_fd(int fd);
void filter_free(struct filter *f);

/* f may be NULL: everything is wanted. */
enum truth filter_test(const struct filter *f, const struct filter_facts *facts);

/* What an evaluation looks at: paths or descriptors of the call; the program's name. */
bool filter_needs_names(const struct filter *f);
bool filter_needs_comm(const struct filter *f);
/* Does a call's entry decide it? */
bool filter_is_for_entries(const struct filter *f);

/* How a comparison is made with an argument of this call: by its low 32 bits, their sign extended, or whole. */
bool filter_argument_is_short(uint64_t nr, unsigned index);

struct filter_extra {
    struct call_set calls; /* recorded whatever the filter says: who names descriptors must see them all */
    uint64_t signals;      /* BIT(number - 1) */
    uint64_t tsc_hz;       /* 0: durations are left to the reader */
};

/* The program of a filter (NULL: everything), at most TRACE_PROGRAM_SIZE_MAX bytes; returns its size. */
size_t filter_compile(const struct filter *f, const struct filter_extra *extra, struct trace_program *program);

/* "signal=" of strace: a set of names or numbers, `!`, all, none; false: *why says what is wrong (allocated). */
bool filter_parse_signals(const char *text, uint64_t *set, char **why) must_check;
/* "status=": likewise, of enum call_status. */
bool filter_parse_statuses(const char *text, unsigned *set, char **why) must_check;

/* For tools/filter_*.c. */
struct filter *filter_new(enum filter_kind kind);
bool filter_set_item(const char *item, struct call_set *set, char **why) must_check; /* one of a comma list */

#endif
