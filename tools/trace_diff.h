/*
 * Two runs compared (trapline trace --diff).
 */
#ifndef TOOLS_TRACE_DIFF_H
#define TOOLS_TRACE_DIFF_H

#include "tools/trace_view.h"

/* Prints what differs, and how much; 0: nothing, 1: something. */
int trace_diff(const struct trace_options *show, const char *path_a, const char *path_b);

#endif
