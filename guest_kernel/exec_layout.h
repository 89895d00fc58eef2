/*
 * Arithmetic of execve, free of any kernel state: the `#!` line, the order of things on the new stack, the auxiliary
 * vector's place.  Unit-tested on the host.
 *
 * The stack as Linux makes it, from the top down: 8 zero bytes, the executable's name, the environment's strings, the
 * arguments' strings, platform string, 16 random bytes, then 16-byte aligned and ending (lowest) at RSP: argc, argv[],
 * NULL, envp[], NULL, auxv[].
 */
#ifndef GUEST_KERNEL_EXEC_LAYOUT_H
#define GUEST_KERNEL_EXEC_LAYOUT_H

#include "lib/compiler.h"

#define SCRIPT_LINE_MAX 256 /* of a file's start that is looked at, as Linux */

struct script_line {
    char interpreter[SCRIPT_LINE_MAX];
    char argument[SCRIPT_LINE_MAX]; /* empty: none */
};

/* Parses the first n bytes of a file.  0; -ENOEXEC: no `#!` line, no interpreter named, or its name is cut off. */
int script_line_parse(const char *head, size_t n, struct script_line *out) must_check;

struct stack_layout {
    /* In: sizes with all NULs. */
    uint64_t top;
    uint64_t strings_size; /* arguments, environment, executable's name, one after the other */
    uint64_t argc, envc;
    uint64_t aux_count; /* pairs, AT_NULL included */
    uint64_t platform_size;
    /* Out: addresses. */
    uint64_t strings, platform, random, pointers; /* pointers = RSP at entry */
    uint64_t pointers_size;
};

void stack_layout_compute(struct stack_layout *l);

/*
 * How much room arguments and environment may take: a quarter of the stack limit, at least 128 KiB, at most `cap`
 * (execve(2), "Limits on size of arguments and environment").
 */
uint64_t exec_strings_limit(uint64_t stack_limit, uint64_t cap);

#endif
