/*
 * See lib/log.h.
 */
#include "lib/log.h"

#include "lib/format.h"

int log_level = LOG_WARN;

void log_line(enum log_level level, const char *fmt, ...)
{
    char line[256];
    va_list ap;

    if ((int)level > __atomic_load_n(&log_level, __ATOMIC_RELAXED))
        return;
    va_start(ap, fmt);
    int n = format_va(line, sizeof line - 1, fmt, ap);
    va_end(ap);
    size_t length = MIN((size_t)n, sizeof line - 2);
    line[length++] = '\n';
    log_sink(level, line, length);
}
