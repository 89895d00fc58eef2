/*
 * See tools/filter.h: from a filter to a program (abi/trace_program.h).
 *
 * Steps are made from the last to the first, since each names the two that come after it.  A term that cannot be decided
 * at that point, or not in few steps, is taken to hold, and so is its negation: the program accepts at least what the
 * filter does.
 */
#include <string.h>

#include "tools/filter.h"

#define NUMBERS_TESTED 24u /* a set of calls that would take more steps than these is left to the reader */
#define ERRORS_LOWEST (-4095)

struct compiler {
    struct call_set candidates; /* the calls that come to the steps at all */
    bool at_return;
    bool used_return; /* a step looks at what only a return tells */
    uint64_t tsc_hz;
    struct trace_step steps[TRACE_PROGRAM_STEPS_MAX]; /* the last one first; labels are indexes here, or an end */
    unsigned count;
    bool full;
};

static unsigned step_add(struct compiler *c, unsigned field, unsigned test, int64_t value, unsigned yes, unsigned no)
{
    if (c->count == ARRAY_SIZE(c->steps)) {
        c->full = true;
        return TRACE_STEP_ACCEPT;
    }
    c->used_return = c->used_return || field >= TRACE_FIELD_ENTRY_COUNT;
    c->steps[c->count] = (struct trace_step){(uint8_t)field, (uint8_t)test, (uint8_t)yes, (uint8_t)no, 0, (uint64_t)value};
    return c->count++;
}

static unsigned number_test(struct compiler *c, const struct call_set *numbers, unsigned yes, unsigned no)
{
    unsigned label = no;

    for (unsigned nr = 0; nr < TRACE_PROGRAM_OTHERS; nr++) {
        if (call_set_has(numbers, nr))
            label = step_add(c, TRACE_FIELD_NR, TRACE_TEST_EQUAL, nr, yes, label);
    }
    return label;
}

static unsigned set_size(const struct call_set *s)
{
    unsigned size = 0;

    for (size_t i = 0; i < ARRAY_SIZE(s->words); i++)
        size += (unsigned)__builtin_popcountll(s->words[i]);
    return size;
}

static bool is_testable(const struct call_set *s)
{
    return set_size(s) <= NUMBERS_TESTED && !call_set_has(s, TRACE_PROGRAM_OTHERS);
}

/* `perhaps` is where it goes on if the set is too large. */
static unsigned calls_compile(struct compiler *c, const struct filter *f, unsigned yes, unsigned no, unsigned perhaps)
{
    struct call_set in, out;

    for (size_t i = 0; i < ARRAY_SIZE(in.words); i++) {
        in.words[i] = c->candidates.words[i] & f->calls.words[i];
        out.words[i] = c->candidates.words[i] & ~f->calls.words[i];
    }
    if (set_size(&out) == 0)
        return yes;
    if (is_testable(&in))
        return number_test(c, &in, yes, no);
    return is_testable(&out) ? number_test(c, &out, no, yes) : perhaps;
}

/* Is the argument short in all, some or none of the calls that come here? */
static enum truth argument_is_short(const struct compiler *c, unsigned index)
{
    bool any = false, all = true;

    for (unsigned nr = 0; nr < TRACE_PROGRAM_CALLS; nr++) {
        if (!call_set_has(&c->candidates, nr))
            continue;
        bool is_short = filter_argument_is_short(nr, index);
        any = any || is_short;
        all = all && is_short;
    }
    return !any ? TRUTH_NO : all ? TRUTH_YES : TRUTH_PERHAPS;
}

static unsigned argument_compile(struct compiler *c, const struct filter *f, bool negated, unsigned yes, unsigned no)
{
    enum truth is_short = argument_is_short(c, f->field - TRACE_FIELD_ARG);
    bool same_low = f->value > INT32_MAX && f->value <= UINT32_MAX && f->test != TRACE_TEST_LESS;
    int64_t low = same_low ? (int32_t)f->value : f->value;
    unsigned accepted = negated ? no : yes; /* where a test that holds would go */
    unsigned refused = negated ? yes : no;

    if (is_short != TRUTH_PERHAPS)
        return is_short == TRUTH_YES ? step_add(c, f->field, f->test | TRACE_TEST_LOW, low, accepted, refused)
                                     : step_add(c, f->field, f->test, f->value, accepted, refused);
    /* Both forms occur: accept if either would be. */
    if (!negated)
        return step_add(c, f->field, f->test, f->value, yes,
                        step_add(c, f->field, f->test | TRACE_TEST_LOW, low, yes, no));
    return step_add(c, f->field, f->test, f->value, step_add(c, f->field, f->test | TRACE_TEST_LOW, low, no, yes), yes);
}

/* Nanoseconds as ticks, rounded to the side on which more is accepted. */
static unsigned duration_compile(struct compiler *c, const struct filter *f, bool negated, unsigned yes, unsigned no)
{
    double ticks = (double)f->value * (double)c->tsc_hz / 1e9, slack = 2 + ticks * 1e-9;

    if (!c->tsc_hz || f->test != TRACE_TEST_LESS || ticks < 0 || ticks > 1e18)
        return yes;
    if (negated)
        return step_add(c, f->field, f->test, (int64_t)(ticks - slack), no, yes);
    return step_add(c, f->field, f->test, (int64_t)(ticks + slack), yes, no);
}

static unsigned compare_compile(struct compiler *c, const struct filter *f, bool negated, unsigned yes, unsigned no)
{
    if (f->field >= TRACE_FIELD_ENTRY_COUNT && !c->at_return)
        return yes;
    if (f->field >= TRACE_FIELD_ARG && f->field < TRACE_FIELD_ARG + 6)
        return argument_compile(c, f, negated, yes, no);
    if (f->field == TRACE_FIELD_DURATION)
        return duration_compile(c, f, negated, yes, no);
    return step_add(c, f->field, f->test, f->value, negated ? no : yes, negated ? yes : no);
}

/* Of calls that return there are two kinds. */
static unsigned status_compile(struct compiler *c, const struct filter *f, bool negated, unsigned yes, unsigned no)
{
    unsigned wanted = (unsigned)f->value;
    unsigned success = ((wanted & CALL_SUCCESSFUL) != 0) != negated ? yes : no;
    unsigned failure = ((wanted & CALL_FAILED) != 0) != negated ? yes : no;

    if (!c->at_return || success == failure)
        return c->at_return ? success : yes;
    unsigned below_zero = step_add(c, TRACE_FIELD_RESULT, TRACE_TEST_LESS, ERRORS_LOWEST, success, failure);
    return step_add(c, TRACE_FIELD_RESULT, TRACE_TEST_LESS, 0, below_zero, success);
}

/* The label where the test of f, or of its negation, begins. */
static unsigned compile(struct compiler *c, const struct filter *f, bool negated, unsigned yes, unsigned no)
{
    unsigned right;

    switch (f->kind) {
    case FILTER_ALL:
        return negated ? no : yes;
    case FILTER_NOT:
        return compile(c, f->left, !negated, yes, no);
    case FILTER_AND:
    case FILTER_OR:
        right = compile(c, f->right, negated, yes, no);
        if ((f->kind == FILTER_AND) != negated)
            return compile(c, f->left, negated, right, no);
        return compile(c, f->left, negated, yes, right);
    case FILTER_CALLS:
        return calls_compile(c, f, negated ? no : yes, negated ? yes : no, yes);
    case FILTER_COMPARE:
        return compare_compile(c, f, negated, yes, no);
    case FILTER_STATUS:
        return status_compile(c, f, negated, yes, no);
    default:
        return yes;
    }
}

/* The last step made is the first to run; a label counts from the other end.  Returns how many there are. */
static unsigned steps_emit(const struct compiler *c, unsigned label, struct trace_step *to)
{
    unsigned count = label < TRACE_STEP_REJECT ? label + 1 : 0;

    for (unsigned i = 0; i < count; i++) {
        struct trace_step s = c->steps[count - 1 - i];
        s.yes = s.yes < TRACE_STEP_REJECT ? (uint8_t)(count - 1 - s.yes) : s.yes;
        s.no = s.no < TRACE_STEP_REJECT ? (uint8_t)(count - 1 - s.no) : s.no;
        to[i] = s;
    }
    return count;
}

static bool compares_numbers(const struct filter *f)
{
    return f && ((f->kind == FILTER_COMPARE && f->field == TRACE_FIELD_NR) || compares_numbers(f->left) ||
                 compares_numbers(f->right));
}

/* What the number alone decides. */
static void bitmaps_fill(const struct filter *f, const struct filter_extra *extra, struct trace_program *p)
{
    for (unsigned nr = 0; nr < TRACE_PROGRAM_CALLS; nr++) {
        struct filter_facts facts = {.known = BIT(TRACE_FIELD_NR)};
        facts.scalars.field[TRACE_FIELD_NR] = nr;
        if (nr == TRACE_PROGRAM_OTHERS && compares_numbers(f))
            facts.known = 0;
        enum truth wanted = call_set_has(&extra->calls, nr) ? TRUTH_YES : filter_test(f, &facts);
        if (wanted == TRUTH_YES)
            p->pass[nr / 64] |= BIT(nr % 64);
        else if (wanted == TRUTH_PERHAPS)
            p->look[nr / 64] |= BIT(nr % 64);
    }
}

static void look_becomes(struct trace_program *p, bool pass)
{
    for (size_t i = 0; i < ARRAY_SIZE(p->look); i++) {
        p->pass[i] |= pass ? p->look[i] : 0;
        p->look[i] = 0;
    }
}

static struct compiler part_compile(const struct filter *f, const struct filter_extra *extra,
                                    const struct trace_program *p, bool at_return, unsigned *label)
{
    struct compiler c = {.at_return = at_return, .tsc_hz = extra->tsc_hz};

    memcpy(c.candidates.words, p->look, sizeof p->look);
    *label = compile(&c, f, false, TRACE_STEP_ACCEPT, TRACE_STEP_REJECT);
    return c;
}

/* The steps of `look`, entry's and return's; bits that need none go elsewhere. */
static void steps_fill(const struct filter *f, const struct filter_extra *extra, struct trace_program *p)
{
    unsigned label;

    if (!f) /* everything is in `pass` */
        return;
    struct compiler entry = part_compile(f, extra, p, false, &label);

    if (entry.full)
        label = TRACE_STEP_ACCEPT;
    if (label == TRACE_STEP_REJECT) {
        look_becomes(p, false);
        return;
    }
    p->entry_steps = (uint16_t)steps_emit(&entry, label, p->step);
    struct compiler end = part_compile(f, extra, p, true, &label);
    bool is_of_use = !end.full && end.used_return && label < TRACE_STEP_REJECT;
    if (is_of_use && p->entry_steps + label + 1 <= TRACE_PROGRAM_STEPS_MAX)
        p->return_steps = (uint16_t)steps_emit(&end, label, p->step + p->entry_steps);
    if (p->entry_steps + p->return_steps == 0)
        look_becomes(p, true);
}

size_t filter_compile(const struct filter *f, const struct filter_extra *extra, struct trace_program *p)
{
    *p = (struct trace_program){.magic = TRACE_PROGRAM_MAGIC, .version = TRACE_PROGRAM_VERSION, .signals = extra->signals};
    bitmaps_fill(f, extra, p);
    steps_fill(f, extra, p);
    p->size = (uint16_t)(sizeof *p + (p->entry_steps + p->return_steps) * sizeof(struct trace_step));
    return p->size;
}
