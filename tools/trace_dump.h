/*
 * The bytes that calls moved through certain descriptors, in hexadecimal and as text (strace's -e read= and -e write=).
 */
#ifndef TOOLS_TRACE_DUMP_H
#define TOOLS_TRACE_DUMP_H

#include "tools/trace_event.h"
#include "tools/trace_options.h"

/* A line of n bytes, without its end; behind them is room for two more. */
typedef void trace_dump_line(void *context, char *text, size_t n);

/* What a call that has ended moved, as far as it was kept, if its descriptor is among those that the options name. */
void trace_dump(const struct trace_options *o, const struct trace_call *call, trace_dump_line *line, void *context);

#endif
