/*
 * What tools/trace_view.c gives to the formats, and what a format is.
 */
#ifndef TOOLS_TRACE_WRITER_H
#define TOOLS_TRACE_WRITER_H

#include "tools/trace_stack.h"
#include "tools/trace_tasks.h"
#include "tools/trace_view.h"

struct trace_clock {
    uint64_t hz; /* of the TSC; 0: not known, and so are all times */
    uint64_t tsc;
    int64_t start_ns; /* since the epoch, when the TSC was `tsc` */
};

/* What a descriptor among a call's arguments was when the call was made. */
struct trace_named_fd {
    int fd;
    struct trace_object *object; /* a reference; NULL: not known */
};

struct trace_show {
    const struct trace_options *options;
    struct trace_sink sink;
    struct trace_clock clock;
    struct trace_tasks *tasks;
    struct trace_stacks *stacks;  /* NULL: not shown */
    struct bytes facts;           /* packed for a log, if one is written */
    struct bytes batch;           /* text on its way to the sink: what one piece of records became */
    struct trace_task *task;      /* of the event; NULL: there are too many, or it has none */
    char comm[TRACE_COMM_SIZE];   /* its program when the call was made */
    bool whole_calls;             /* whether a call is wanted is known only at its end */
    bool is_return;               /* what is printed is known since the return */
    struct trace_named_fd named[6];
    size_t named_count;
    struct decode_style style, style_whole, style_addresses; /* with the functions that name descriptors, if those are shown */
};

struct trace_writer_ops {
    void *(*begin)(struct trace_show *s);
    /* `call` was made, and is perhaps wanted.  May be NULL in a format that shows whole calls only. */
    void (*entry)(void *writer, struct trace_call *call);
    /* It ended; not wanted: only what entry() began is to be forgotten. */
    void (*call)(void *writer, struct trace_call *call, bool wanted);
    /* Any other event that is wanted. */
    void (*other)(void *writer, const struct trace_event *event);
    /* Nothing more comes for a while.  May be NULL. */
    void (*pause)(void *writer);
    void (*finish)(void *writer);
    void (*free)(void *writer);
};

extern const struct trace_writer_ops trace_text_ops, trace_json_ops, trace_chrome_ops, trace_binary_ops, trace_summary_ops;

/* What a format shows goes to the sink by these: n bytes of text; or room for as many, of which some were then written. */
void trace_show_put(struct trace_show *s, const char *text, size_t n);
char *trace_show_room(struct trace_show *s, size_t n);
void trace_show_wrote(struct trace_show *s, size_t n);

/* The style for a call, and the call for the decoders; each use of the two begins at the entry again. */
const struct decode_style *trace_style(struct trace_show *s, const struct trace_call *call);
static inline struct decode_call trace_decode(const struct trace_call *call)
{
    return (struct decode_call){.nr = call->nr,
                                .args = {call->args[0], call->args[1], call->args[2], call->args[3], call->args[4], call->args[5]},
                                .returned = call->returned,
                                .answered = call->flags & TRACE_ANSWERED,
                                .result = call->result,
                                .items = call->items,
                                .items_size = call->items_size};
}

/* Nanoseconds from the start, of the epoch, of an interval; 0 without a clock. */
int64_t trace_time_ns(const struct trace_clock *c, uint64_t tsc);
int64_t trace_epoch_ns(const struct trace_clock *c, uint64_t tsc);
int64_t trace_interval_ns(const struct trace_clock *c, uint64_t from, uint64_t to);

#endif
