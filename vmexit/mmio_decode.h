/*
 * What an instruction that touched memory without backing wants to do there.  The address is known from the exit; here
 * are direction, size, operation and the other operand.  Pure: no state, no memory but what it is given.
 *
 * Decoded are MOV (also with moffs and immediates), MOVZX, MOVSX, MOVSXD, STOS without a repeat prefix, XCHG, ADD, OR,
 * AND, SUB, XOR, CMP and TEST with a memory operand.
 */
#ifndef VMEXIT_MMIO_DECODE_H
#define VMEXIT_MMIO_DECODE_H

#include "lib/compiler.h"

#define INSTRUCTION_MAX 15u

enum mmio_mode { MMIO_16BIT, MMIO_32BIT, MMIO_64BIT }; /* of the code segment */

enum mmio_operation {
    MMIO_MOVE,
    MMIO_EXCHANGE,
    MMIO_ADD,
    MMIO_OR,
    MMIO_AND,
    MMIO_SUBTRACT,
    MMIO_XOR,
    MMIO_COMPARE,
    MMIO_TEST,
};

struct mmio_access {
    enum mmio_operation operation;
    uint8_t length;        /* of the instruction, bytes */
    uint8_t size;          /* of the memory operand: 1, 2, 4, 8 */
    uint8_t register_size; /* what a load changes in the register: 1, 2, 4, 8 */
    uint8_t reg;           /* 0 to 15, as instructions number them */
    bool high_byte;        /* AH, CH, DH, BH: `reg` is 0 to 3 */
    bool to_memory;        /* the first operand is the memory */
    bool sign_extend;
    bool has_immediate;    /* the other operand is `immediate` (already extended), not the register */
    bool advance_rdi;      /* STOS */
    uint64_t immediate;
};

/* 0; -EFAULT: cut off, more bytes are needed; -ENOSYS: not one of the above; -EINVAL: no instruction at all. */
int mmio_decode(const void *bytes, size_t n, enum mmio_mode mode, struct mmio_access *out) must_check;

/* The same for the forms that drivers use most (64-bit MOV to and from memory, MOVZX of 16 bits), in a few dozen
 * instructions; -ENOSYS: ask mmio_decode(), which calls this first. */
int mmio_decode_fast(const uint8_t *bytes, size_t n, struct mmio_access *out) must_check;

/* Where the access goes. */
struct mmio_target {
    uint64_t (*read)(void *context, unsigned size);
    void (*write)(void *context, unsigned size, uint64_t value);
    void *context;
};

/* Do it: registers in the order of their numbers, RSP included; *rflags gets the arithmetic flags. */
void mmio_perform(const struct mmio_access *a, uint64_t regs[16], uint64_t *rflags, const struct mmio_target *target);

#endif
