/*
 * A trace filter, compiled: what a session hands to the gate, and the gate runs before it makes a record.  It is built
 * outside of root mode (tools/filter_compile.c), checked once when it arrives, and then trusted.
 *
 * Bitmaps of call numbers come first: `pass`: the call is recorded; else `look`: its steps decide; else it is not.
 * A step compares one field and goes on to one of two later steps, or ends: so a program ends after at most as many
 * steps as it has.  The entry's steps see what is known when a call is made.  The return's steps, where there are any, are
 * for calls of `look` whose entry was accepted: the gate then keeps the entry back until the call returns, and sends both or none.
 *
 * A program may accept more than its user asked for (what needs captured memory, names of files or of programs is decided by the
 * reader of the records), never less.  Freestanding: no allocation, no loop backwards, nothing outside the given bytes.
 */
#ifndef ABI_TRACE_PROGRAM_H
#define ABI_TRACE_PROGRAM_H

#include "lib/compiler.h"

#define TRACE_PROGRAM_MAGIC 0x47505254u /* "TRPG" */
#define TRACE_PROGRAM_VERSION 1u
#define TRACE_PROGRAM_CALLS 512u
#define TRACE_PROGRAM_OTHERS (TRACE_PROGRAM_CALLS - 1) /* the bit of all numbers from this one on */
#define TRACE_PROGRAM_STEPS_MAX 128u /* of the entry and of the return together */
#define TRACE_PROGRAM_SIZE_MAX (sizeof(struct trace_program) + TRACE_PROGRAM_STEPS_MAX * sizeof(struct trace_step))

enum trace_field {
    TRACE_FIELD_NR,
    TRACE_FIELD_ARG, /* and the five that follow */
    TRACE_FIELD_PID = TRACE_FIELD_ARG + 6,
    TRACE_FIELD_TID,
    TRACE_FIELD_CR3,
    TRACE_FIELD_VCPU,
    TRACE_FIELD_RESULT,   /* of returns only */
    TRACE_FIELD_DURATION, /* of returns only: ticks of the TSC from entry to return */
    TRACE_FIELD_COUNT,
    TRACE_FIELD_ENTRY_COUNT = TRACE_FIELD_RESULT
};

enum trace_test {
    TRACE_TEST_EQUAL,
    TRACE_TEST_LESS, /* signed */
    TRACE_TEST_BITS, /* any bit of the value is set */
    TRACE_TEST_COUNT,
    TRACE_TEST_LOW = 0x80 /* a flag: of the field's low 32 bits, their sign extended */
};

enum {
    TRACE_PROGRAM_STACKS = 1,   /* of `flags`: with a TRACE_STACK record before each entry */
    TRACE_PROGRAM_EVENTS = 0x1e /* the bits that `events` may have */
};

enum { TRACE_STEP_REJECT = 0xfe, TRACE_STEP_ACCEPT = 0xff };

struct trace_step {
    uint8_t field;
    uint8_t test;
    uint8_t yes, no; /* the step that comes next, counted from the first of this part; or one of the two ends */
    uint32_t reserved; /* 0 */
    uint64_t value;
};

struct trace_program {
    uint32_t magic;
    uint16_t version;
    uint16_t size;    /* of the whole program */
    uint64_t signals; /* BIT(number - 1): its deliveries are recorded */
    uint64_t pass[TRACE_PROGRAM_CALLS / 64];
    uint64_t look[TRACE_PROGRAM_CALLS / 64];
    uint16_t entry_steps, return_steps; /* `step` holds the entry's, then the return's */
    uint16_t flags;                     /* TRACE_PROGRAM_STACKS */
    uint16_t events;                    /* BIT(enum trace_machine_kind) (abi/trace_record.h): recorded too */
    struct trace_step step[];
};

/* What the steps look at, indexed by enum trace_field. */
struct trace_facts {
    uint64_t field[TRACE_FIELD_COUNT];
};

enum trace_verdict { TRACE_SKIP, TRACE_PASS, TRACE_LOOK };

/* May these bytes (8-byte aligned, in memory that only the caller writes) be run?  Of part, sizes, fields, tests, targets. */
bool trace_program_valid(const void *bytes, size_t size) must_check;

/* By the number alone. */
static inline enum trace_verdict trace_program_call(const struct trace_program *p, uint64_t nr)
{
    unsigned index = nr < TRACE_PROGRAM_OTHERS ? (unsigned)nr : TRACE_PROGRAM_OTHERS;
    uint64_t bit = BIT(index % 64);

    if (p->pass[index / 64] & bit)
        return TRACE_PASS;
    return p->look[index / 64] & bit ? TRACE_LOOK : TRACE_SKIP;
}

/* The steps of a valid program, for a call of `look`; without steps of that part it is accepted. */
bool trace_program_entry(const struct trace_program *p, const struct trace_facts *facts) must_check;
bool trace_program_return(const struct trace_program *p, const struct trace_facts *facts) must_check;

static inline bool trace_program_signal(const struct trace_program *p, unsigned number)
{
    return number - 1 < 64 && (p->signals >> (number - 1) & 1);
}

_Static_assert(sizeof(struct trace_step) == 16, "step");
_Static_assert(sizeof(struct trace_program) == 152, "program header");

#endif
