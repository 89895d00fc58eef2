/*
 * Logs in files.  Each function ends the program if the file cannot be read; else it returns NULL, or why the log ends before
 * its end (allocated).
 */
#ifndef TOOLS_TRACE_LOG_FILE_H
#define TOOLS_TRACE_LOG_FILE_H

#include "tools/trace_log.h"
#include "tools/trace_view.h"

/* path may be -, standard input. */
char *trace_log_read_file(const char *path, const struct trace_log_sink *sink) must_check;
char *trace_log_view(const char *path, struct trace_view *view) must_check; /* everything into the view */

#endif
