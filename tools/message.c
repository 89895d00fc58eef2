/*
 * See tools/message.h.
 */
#include "tools/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *about;

void message_about(const char *what)
{
    about = what;
}

static void message_va(const char *fmt, va_list ap)
{
    char line[2048];

    vsnprintf(line, sizeof line, fmt, ap);
    fflush(stdout);
    fprintf(stderr, "trapline: %s%s%s\n", about ? about : "", about ? ": " : "", line);
}

void message(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    message_va(fmt, ap);
    va_end(ap);
}

void fail(int status, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    message_va(fmt, ap);
    va_end(ap);
    exit(status);
}

void *must_alloc(size_t n)
{
    return must_realloc(NULL, n);
}

void *must_realloc(void *p, size_t n)
{
    void *q = realloc(p, n ? n : 1);

    if (!q)
        fail(EXIT_LAUNCHER, "out of memory (%zu bytes)", n);
    return q;
}

char *must_format(const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    int n = vasprintf(&text, fmt, ap);
    va_end(ap);
    if (n < 0)
        fail(EXIT_LAUNCHER, "out of memory");
    return text;
}
