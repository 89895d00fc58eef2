/*
 * Levelled log of the two kernels.  Each kernel defines log_sink(), where a finished line goes; log_level may be
 * changed at any time (one aligned int, relaxed).  Lines are built on the stack: no lock, no allocation, usable in
 * any context.  A line says its subsystem first: log_warn("ept: ...").
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/compiler.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

extern int log_level; /* lines above it are dropped */

void log_line(enum log_level level, const char *fmt, ...) printf_like(2, 3);

/* Provided by each kernel: takes n bytes that end in a newline. */
void log_sink(enum log_level level, const char *line, size_t n);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* Provided by each kernel: says what and where, registers and backtrace, then stops this machine or sandbox. */
noreturn void panic(const char *fmt, ...) printf_like(1, 2);

/* An invariant of our own; never a check of foreign input.  Stays on in every build. */
#define assert(cond)                                                                                                   \
    do {                                                                                                               \
        if (unlikely(!(cond)))                                                                                         \
            panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #cond);                                           \
    } while (0)

#endif
