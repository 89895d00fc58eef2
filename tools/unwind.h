/*
 * One step up a stack of x86-64: from a function's registers to those of its caller, by the call frame information (.eh_frame) of
 * the file that the code is in, found by .eh_frame_hdr, or all of it read once (LSB Core, 10.6; DWARF 4, 6.4).  Everything read is hostile: reads are
 * checked, programs and expressions end after a bounded number of steps.
 */
#ifndef TOOLS_UNWIND_H
#define TOOLS_UNWIND_H

#include "tools/elf_image.h"

#define UNWIND_REGISTERS 17u /* in DWARF's order; the last is the return address */
enum { UNWIND_RBX = 3, UNWIND_RBP = 6, UNWIND_RSP = 7, UNWIND_R12 = 12, UNWIND_PC = 16 };

struct unwind_frame {
    uint64_t reg[UNWIND_REGISTERS];
    bool exact; /* the pc is that of an instruction that was interrupted, not behind a call */
    const uint8_t *stack; /* bytes of memory from `base` on */
    uint64_t base;
    size_t size;
};

enum unwind_result { UNWIND_FOUND, UNWIND_END, UNWIND_UNKNOWN };

/* For a file without .eh_frame_hdr: once, before the first step in it. */
void unwind_index(struct elf_image *e);

/* `pc`: where in the file the function is, `bias`: what is added to the file's addresses.  UNKNOWN: f is as it was. */
enum unwind_result unwind_step(struct unwind_frame *f, const struct elf_image *e, uint64_t pc, uint64_t bias);
/* By the frame pointer, if it points into the stack. */
enum unwind_result unwind_by_frame_pointer(struct unwind_frame *f);

#endif
