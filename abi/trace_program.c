/*
 * See abi/trace_program.h: the verifier and the interpreter.
 */
#include "abi/trace_program.h"

/* Steps [0, count) of one part: each goes forward or ends, and looks at what that part knows. */
static bool steps_valid(const struct trace_step *steps, unsigned count, unsigned fields)
{
    for (unsigned i = 0; i < count; i++) {
        const struct trace_step *s = &steps[i];
        bool yes = s->yes >= TRACE_STEP_REJECT || (s->yes > i && s->yes < count);
        bool no = s->no >= TRACE_STEP_REJECT || (s->no > i && s->no < count);

        if (!yes || !no || s->field >= fields || (s->test & ~TRACE_TEST_LOW) >= TRACE_TEST_COUNT || s->reserved)
            return false;
    }
    return true;
}

bool trace_program_valid(const void *bytes, size_t size)
{
    const struct trace_program *p = bytes;

    if (size < sizeof *p || p->magic != TRACE_PROGRAM_MAGIC || p->version != TRACE_PROGRAM_VERSION ||
        (p->flags & ~TRACE_PROGRAM_STACKS) || (p->events & ~TRACE_PROGRAM_EVENTS))
        return false;
    unsigned steps = (unsigned)p->entry_steps + p->return_steps;
    if (steps > TRACE_PROGRAM_STEPS_MAX || size != p->size || size != sizeof *p + steps * sizeof(struct trace_step))
        return false;
    return steps_valid(p->step, p->entry_steps, TRACE_FIELD_ENTRY_COUNT) &&
           steps_valid(p->step + p->entry_steps, p->return_steps, TRACE_FIELD_COUNT);
}

static bool step_holds(const struct trace_step *s, const struct trace_facts *facts)
{
    uint64_t value = facts->field[s->field];

    if (s->test & TRACE_TEST_LOW)
        value = (uint64_t)(int64_t)(int32_t)value;
    switch (s->test & ~TRACE_TEST_LOW) {
    case TRACE_TEST_EQUAL:
        return value == s->value;
    case TRACE_TEST_LESS:
        return (int64_t)value < (int64_t)s->value;
    default:
        return value & s->value;
    }
}

/* Ends because every step goes forward. */
static bool steps_run(const struct trace_step *steps, unsigned count, const struct trace_facts *facts)
{
    unsigned at = count ? 0 : TRACE_STEP_ACCEPT;

    while (at < TRACE_STEP_REJECT)
        at = step_holds(&steps[at], facts) ? steps[at].yes : steps[at].no;
    return at == TRACE_STEP_ACCEPT;
}

bool trace_program_entry(const struct trace_program *p, const struct trace_facts *facts)
{
    return steps_run(p->step, p->entry_steps, facts);
}

bool trace_program_return(const struct trace_program *p, const struct trace_facts *facts)
{
    return steps_run(p->step + p->entry_steps, p->return_steps, facts);
}
