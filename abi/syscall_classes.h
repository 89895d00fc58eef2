/*
 * Sets of system call numbers, and the classes of abi/syscalls.def as such sets.  For host programs.
 */
#ifndef ABI_SYSCALL_CLASSES_H
#define ABI_SYSCALL_CLASSES_H

#include "abi/trace_program.h"
#include "lib/compiler.h"

/* One bit a number; the last one stands for all numbers that have none of their own, as in a trace program. */
struct call_set {
    uint64_t words[TRACE_PROGRAM_CALLS / 64];
};

static inline unsigned call_set_index(uint64_t nr)
{
    return nr < TRACE_PROGRAM_OTHERS ? (unsigned)nr : TRACE_PROGRAM_OTHERS;
}

static inline bool call_set_has(const struct call_set *s, uint64_t nr)
{
    unsigned i = call_set_index(nr);

    return s->words[i / 64] >> (i % 64) & 1;
}

static inline void call_set_add(struct call_set *s, uint64_t nr)
{
    unsigned i = call_set_index(nr);

    s->words[i / 64] |= BIT(i % 64);
}

/* Add the calls of a class ("file", "%stat": what follows the first % of its name in a filter); false: there is no such class. */
bool syscall_class_add(const char *name, struct call_set *s);

/* The classes' names in order; NULL after the last. */
const char *syscall_class_name(unsigned index);

#endif
