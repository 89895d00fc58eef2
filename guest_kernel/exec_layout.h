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

/*
 * What places a new image: one draw of the generator for an execve.  Functions that take a pointer to it take NULL for
 * an image at the addresses that Linux gives it without randomisation.
 */
struct layout_random {
    uint64_t mmap, program, stack, brk, vdso, unused;
    uint8_t bytes[16]; /* AT_RANDOM */
};

uint64_t layout_stack_top(const struct layout_random *r); /* page aligned */
uint64_t layout_stack_skew(const struct layout_random *r); /* for struct stack_layout */
/* Where mmap starts to search, downwards: below the room that the stack may grow into. */
uint64_t layout_mmap_top(uint64_t stack_limit, const struct layout_random *r);
/* A position-independent program with an interpreter; alignment: a power of two, at least a page. */
uint64_t layout_program_base(uint64_t alignment, const struct layout_random *r);
#define LAYOUT_PROGRAM_BASE 0x555555554000ULL /* two thirds of the user half */
uint64_t layout_brk(uint64_t end, const struct layout_random *r); /* end: of the program, page aligned */
/* A place above the stack's first address for the vDSO: a wish, 0 for none. */
uint64_t layout_vdso(uint64_t stack, uint64_t size, const struct layout_random *r);

struct stack_layout {
    /* In: sizes with all NULs. */
    uint64_t top;
    uint64_t skew; /* bytes left free below the strings */
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
 * How much room arguments and environment may take, with their pointers: a quarter of the stack limit, at most 6 MiB, at
 * least 128 KiB (execve(2), "Limits on size of arguments and environment").
 */
#define EXEC_STRINGS_MAX MiB(6)
uint64_t exec_strings_limit(uint64_t stack_limit);


#endif
