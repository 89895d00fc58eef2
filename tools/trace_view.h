/*
 * Trace records (abi/trace_record.h) on their way to the user: checked, paired into calls, printed as lines
 * `[tid] name(arguments) = result <seconds>`, or kept for later.  Hostile input: they come out of the emulator.
 */
#ifndef TOOLS_TRACE_VIEW_H
#define TOOLS_TRACE_VIEW_H

#include "tools/bytes.h"

struct trace_view;

struct trace_sink {
    void (*line)(void *context, const char *text, size_t n); /* with its newline */
    void *context;
};

/* Without a sink (line == NULL) records are kept until trace_view_print_kept(). */
struct trace_view *trace_view_new(struct trace_sink sink);
/* The functions below take NULL for a view that is not there. */
void trace_view_set_clock(struct trace_view *v, uint64_t tsc_hz);
/* Whole records.  What is not well-formed ends the piece; a line says so. */
void trace_view_feed(struct trace_view *v, const void *data, size_t n);
/* Print calls that are still open. */
void trace_view_finish(struct trace_view *v);
void trace_view_print_kept(struct trace_view *v, struct trace_sink sink);
void trace_view_free(struct trace_view *v);

#endif
