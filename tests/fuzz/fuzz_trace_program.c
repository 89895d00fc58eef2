/*
 * The verifier and the interpreter of trace programs: any bytes, and programs that are nearly right.  What is accepted must
 * run to its end within its own bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "abi/trace_program.h"
#include "tests/fuzz/fuzz.h"

static void run(const struct trace_program *p, const uint8_t *data, size_t size)
{
    struct trace_facts facts = {{0}};
    unsigned accepted = 0;

    for (unsigned i = 0; i < 16; i++) {
        for (unsigned field = 0; field < TRACE_FIELD_COUNT; field++)
            memcpy(&facts.field[field], data + (i * 31 + field * 8) % (size - 7), 8);
        uint64_t nr = facts.field[TRACE_FIELD_NR];
        accepted += trace_program_call(p, nr % 600) == TRACE_LOOK && trace_program_entry(p, &facts);
        accepted += trace_program_return(p, &facts);
        accepted += trace_program_signal(p, (unsigned)nr);
    }
    if (accepted > 48)
        abort();
}

/* The input as a program of exactly its size: ASan sees each byte too many. */
static void as_program(const uint8_t *data, size_t size, bool repair)
{
    size_t steps = size > sizeof(struct trace_program) ? (size - sizeof(struct trace_program)) / sizeof(struct trace_step) : 0;
    size_t whole = sizeof(struct trace_program) + steps * sizeof(struct trace_step);

    if (size < sizeof(struct trace_program))
        return;
    struct trace_program *p = malloc(whole);
    memcpy(p, data, whole);
    if (repair) {
        p->magic = TRACE_PROGRAM_MAGIC;
        p->version = TRACE_PROGRAM_VERSION;
        p->flags &= TRACE_PROGRAM_STACKS;
        p->events &= TRACE_PROGRAM_EVENTS;
        p->size = (uint16_t)whole;
        p->entry_steps = (uint16_t)(data[0] % (steps + 1));
        p->return_steps = (uint16_t)(steps - p->entry_steps);
        for (size_t i = 0; i < steps; i++) {
            unsigned count = i < p->entry_steps ? p->entry_steps : p->return_steps;
            unsigned at = i < p->entry_steps ? (unsigned)i : (unsigned)i - p->entry_steps;
            struct trace_step *s = &p->step[i];
            s->field %= TRACE_FIELD_ENTRY_COUNT + (i >= p->entry_steps ? 2 : 0);
            s->test = (uint8_t)(s->test % TRACE_TEST_COUNT | (s->test & TRACE_TEST_LOW));
            s->reserved = 0;
            s->yes = at + 1 < count && s->yes % 5 ? (uint8_t)(at + 1 + s->yes % (count - at - 1)) : TRACE_STEP_ACCEPT;
            s->no = at + 1 < count && s->no % 5 ? (uint8_t)(at + 1 + s->no % (count - at - 1)) : TRACE_STEP_REJECT;
        }
        if (!trace_program_valid(p, whole) && steps <= TRACE_PROGRAM_STEPS_MAX)
            abort();
        if (steps > 0 && data[1] % 4 == 0) /* one thing is wrong, perhaps */
            ((uint8_t *)p)[data[2] * 7 % whole] ^= data[3];
    }
    if (trace_program_valid(p, whole))
        run(p, data, size);
    free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_program(data, size, false);
    as_program(data, size, true);
    return 0;
}
