/*
 * Trace records on their way to the user: read, filtered, shown in one of the formats, or kept for later.
 */
#ifndef TOOLS_TRACE_VIEW_H
#define TOOLS_TRACE_VIEW_H

#include "tools/bytes.h"
#include "tools/trace_options.h"

struct trace_view;

struct trace_sink {
    void (*put)(void *context, const char *text, size_t n); /* whole lines, or pieces of a format without lines */
    void *context;
    bool is_file; /* strace shows the task's number otherwise in a file */
};

/* Without a sink (put == NULL) the last records are kept until trace_view_print_kept().  The options outlive the view. */
struct trace_view *trace_view_new(const struct trace_options *options, struct trace_sink sink);
struct trace_writer_ops; /* tools/trace_writer.h */
/* Nothing is shown, tasks and their files are followed: for trace_view_tell(). */
extern const struct trace_writer_ops trace_follow_ops;
/* In place of the format that the options name; before the first record.  Of the sink it gets the context only. */
void trace_view_set_writer(struct trace_view *v, const struct trace_writer_ops *ops);
/* The functions below take NULL for a view that is not there. */

/* A fact of the start: see trace_tasks_fact(), and "cpus" N, by which records come in order or not; it also goes into a binary log.  Before the first record. */
void trace_view_fact(struct trace_view *v, const char *key, const char *value, const char *more);
/* Of the records that name sessions (abi/trace_record.h) only those of these count; without a call all do. */
void trace_view_set_sessions(struct trace_view *v, uint32_t sessions);
/* What it knows now of tasks and their files, as facts. */
void trace_view_tell(struct trace_view *v, void (*tell)(void *context, const char *key, const char *value, const char *more),
                     void *context);
/* tsc ticks hz times a second and was `tsc` at start_ns after the epoch.  Before the first record. */
void trace_view_set_clock(struct trace_view *v, uint64_t hz, uint64_t tsc, int64_t start_ns);
/* Whole records.  What is not well-formed ends the piece; a line says so. */
void trace_view_feed(struct trace_view *v, const void *data, size_t n);
/* Nothing more comes for a while: show what was held back to be shown in order. */
void trace_view_pause(struct trace_view *v);
/* The end: calls that are still open are shown. */
void trace_view_finish(struct trace_view *v);
void trace_view_print_kept(struct trace_view *v, struct trace_sink sink);
/* A line about the trace itself, in its place. */
void trace_view_note(struct trace_view *v, const char *text);
void trace_view_free(struct trace_view *v);

#endif
