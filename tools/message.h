/*
 * What the launcher says to its user: one clear line on standard error, starting "trapline: ".
 */
#ifndef TOOLS_MESSAGE_H
#define TOOLS_MESSAGE_H

#include "lib/compiler.h"

/* Exit statuses as docker run has them. */
enum { EXIT_LAUNCHER = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127, EXIT_TIMED_OUT = 124 };

void message(const char *fmt, ...) printf_like(1, 2);

/* What all further messages are about: put in front of them; NULL: nothing. */
void message_about(const char *what);

/* Say it and end with this status.  Nothing needs cleaning up: every file is anonymous, every child dies with us. */
noreturn void fail(int status, const char *fmt, ...) printf_like(2, 3);

/* malloc and realloc that end the launcher when there is no memory. */
void *must_alloc(size_t n);
void *must_realloc(void *p, size_t n);
char *must_format(const char *fmt, ...) printf_like(1, 2);

#endif
