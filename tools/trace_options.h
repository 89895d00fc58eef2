/*
 * How a trace is shown, and what of it: the options that `trapline run` and `trapline trace` have in common, named as those of
 * strace(1).
 */
#ifndef TOOLS_TRACE_OPTIONS_H
#define TOOLS_TRACE_OPTIONS_H

#include <getopt.h>

#include "abi/decode.h"
#include "tools/filter.h"

enum trace_format { TRACE_FORMAT_TEXT, TRACE_FORMAT_JSON, TRACE_FORMAT_CHROME, TRACE_FORMAT_BINARY };

enum trace_summary_by { SUMMARY_BY_CALL, SUMMARY_BY_PATH, SUMMARY_BY_DESCRIPTOR, SUMMARY_BY_PROCESS };

/* Stamps: none, seconds of the day, with microseconds, of the epoch with microseconds. */
enum trace_stamp { STAMP_NONE, STAMP_TIME, STAMP_TIME_US, STAMP_EPOCH_US };

struct trace_options {
    enum trace_format format;
    struct filter *calls;     /* the set of -e trace; NULL: all */
    struct filter *condition; /* of all other filters together; NULL: none */
    struct filter *places;    /* -P and trace-fds: any of them; NULL: anywhere */
    struct filter *filter;    /* all three, made by trace_options_complete() */
    uint64_t signals;         /* BIT(number - 1): shown */
    unsigned statuses;        /* of -z, -Z, status=; 0: all */
    bool statuses_chosen;
    struct decode_style style;
    unsigned descriptors;     /* 0: numbers, 1: -y, 2: -yy */
    struct call_set raw, whole, addresses;
    struct { bool all; int *fds; size_t count; } reads, writes; /* whose bytes are dumped */
    bool stacks;              /* -k */
    const char *stack_root;   /* folder with the files that it needs; NULL: / */
    bool events_chosen;       /* what is below the calls: only `events`, BIT(enum trace_machine_kind); else all that is there */
    unsigned events;
    bool durations, relative, numbers, pointers, always_pid;
    bool label_all;           /* "[pid N] " also while there is one task only */
    unsigned duration_digits; /* of seconds: 0, 3, 6, 9 */
    enum trace_stamp stamp;
    unsigned column;          /* where results stand */
    unsigned quiet;
    bool summary, summary_only, histogram;
    enum trace_summary_by summary_by;
    const char *summary_sort, *summary_columns;
};

/* For getopt_long: the letters (without t, which `run` uses otherwise), the long names. */
#define TRACE_OPTION_LETTERS "a:AcCe:iknNP:qrs:S:TU:vwxX:yzZ"
#define TRACE_OPTION_FIRST 1000 /* codes of options without a letter */
extern const char trace_option_usage[];

/* These long options after `count` others, with the end that getopt_long wants; allocated. */
struct option *trace_options_join(const struct option *others, size_t count);
void trace_options_init(struct trace_options *o);
/* An option's code and its argument: false if it is none of these.  Ends the program if the argument is wrong. */
bool trace_option_take(struct trace_options *o, int code, const char *argument);
void trace_options_complete(struct trace_options *o);
void trace_options_free(struct trace_options *o);

/* Are tasks, descriptors and paths followed?  Then the calls that change them are needed, whether they are shown or not. */
bool trace_options_follow(const struct trace_options *o);

/* What the gate is to record for a trace that is shown so, and, if so said, for one that follows tasks; allocated. */
struct trace_program *trace_options_program(const struct trace_options *o, bool follow);
/* Only what following tasks needs; allocated. */
struct trace_program *trace_tracked_program(void);

/* The filter as a set of calls, or an expression; ends the program if it is wrong. */
void trace_option_filter(struct trace_options *o, const char *text);

#endif
