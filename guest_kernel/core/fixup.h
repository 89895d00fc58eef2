/*
 * Instructions that may fault: each entry of section .fixup_table pairs the address of one with where to continue.
 */
#ifndef GUEST_KERNEL_CORE_FIXUP_H
#define GUEST_KERNEL_CORE_FIXUP_H

#ifdef __ASSEMBLER__

.macro FIXUP from, to
    .pushsection .fixup_table, "a"
    .quad \from, \to
    .popsection
.endm

#else

#include "lib/compiler.h"

struct fixup {
    uint64_t from, to;
};

extern const struct fixup fixup_table_start[], fixup_table_end[];

/* In C's inline assembly: FIXUP("1b", "2b"). */
#define FIXUP(from, to)                                                                                                \
    ".pushsection .fixup_table, \"a\"\n\t.quad " from ", " to "\n\t.popsection\n\t"

/* Where to continue after a fault at rip; 0: nowhere. */
static inline uint64_t fixup_find(uint64_t rip)
{
    for (const struct fixup *f = fixup_table_start; f < fixup_table_end; f++)
        if (f->from == rip)
            return f->to;
    return 0;
}

#endif
#endif
