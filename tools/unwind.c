/*
 * See tools/unwind.h.
 */
#include "tools/unwind.h"

#include <stdlib.h>
#include <string.h>

#include "tools/message.h"

#define STEPS_MAX 4096u /* of one function's program, or of an expression */
#define EXPRESSION_STACK 32u
#define STATES_MAX 8u

enum { ENCODED_OMIT = 0xff, ENCODED_PC = 0x10, ENCODED_DATA = 0x30, ENCODED_INDIRECT = 0x80 };

/* Bytes that are read from the front; `bad` once they did not suffice.  `address`: of the first one in the file. */
struct source {
    const uint8_t *at, *start, *end;
    uint64_t address;
    bool bad;
};

static struct source source_at(const struct elf_image *e, uint64_t address, size_t n)
{
    size_t rest = elf_image_rest(e, address);
    const uint8_t *bytes = rest ? elf_image_at(e, address, 1) : NULL;

    n = MIN(n, rest);
    return (struct source){bytes, bytes, bytes ? bytes + n : NULL, address, !bytes};
}

static uint64_t fixed(struct source *s, size_t n)
{
    uint64_t value = 0;

    if (s->bad || (size_t)(s->end - s->at) < n) {
        s->bad = true;
        return 0;
    }
    memcpy(&value, s->at, n);
    s->at += n;
    return value;
}

static int64_t sign_extend(uint64_t value, size_t bytes)
{
    unsigned shift = 64 - 8 * (unsigned)bytes;

    return (int64_t)(value << shift) >> shift;
}

static uint64_t uleb(struct source *s)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70 && !s->bad; shift += 7) {
        uint64_t byte = fixed(s, 1);
        value |= shift < 64 ? (byte & 0x7f) << shift : 0;
        if (byte < 0x80)
            return value;
    }
    s->bad = true;
    return 0;
}

static int64_t sleb(struct source *s)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 70 && !s->bad; shift += 7) {
        uint64_t byte = fixed(s, 1);
        value |= shift < 64 ? (byte & 0x7f) << shift : 0;
        if (byte < 0x80)
            return shift < 57 && (byte & 0x40) ? (int64_t)(value | ~0ULL << (shift + 7)) : (int64_t)value;
    }
    s->bad = true;
    return 0;
}

static uint64_t encoded(struct source *s, unsigned encoding, uint64_t data)
{
    uint64_t here = s->address + (uint64_t)(s->at - s->start), value;

    switch (encoding & 0xf) {
    case 0x1: value = uleb(s); break;
    case 0x2: value = fixed(s, 2); break;
    case 0x3: value = fixed(s, 4); break;
    case 0x9: value = (uint64_t)sleb(s); break;
    case 0xa: value = (uint64_t)sign_extend(fixed(s, 2), 2); break;
    case 0xb: value = (uint64_t)sign_extend(fixed(s, 4), 4); break;
    default: value = fixed(s, 8); break;
    }
    if (encoding & ENCODED_INDIRECT)
        s->bad = true;
    if ((encoding & 0x70) == ENCODED_PC)
        value += here;
    else if ((encoding & 0x70) == ENCODED_DATA)
        value += data;
    return value;
}

enum rule_kind { RULE_NONE, RULE_UNDEFINED, RULE_SAME, RULE_OFFSET, RULE_VALUE_OFFSET, RULE_REGISTER, RULE_EXPRESSION, RULE_VALUE_EXPRESSION };

struct rule {
    enum rule_kind kind;
    int64_t value; /* offset from the CFA, or register */
    struct source expression;
};

struct row {
    struct rule reg[UNWIND_REGISTERS];
    unsigned cfa_register;
    int64_t cfa_offset;
    struct source cfa_expression;
    bool cfa_is_expression;
};

/* What a common information entry says. */
struct common {
    uint64_t code_align;
    int64_t data_align;
    unsigned encoding; /* of its FDEs' addresses */
    bool augmented, is_signal_frame;
    struct source program;
};

static bool memory_read(const struct unwind_frame *f, uint64_t address, uint64_t *value)
{
    if (f->size < 8 || address < f->base || address - f->base > f->size - 8)
        return false;
    memcpy(value, f->stack + (address - f->base), 8);
    return true;
}

static struct source block(struct source *s)
{
    uint64_t n = uleb(s);
    struct source inner = *s;

    if (s->bad || n > (uint64_t)(s->end - s->at)) {
        s->bad = true;
        return inner;
    }
    inner.end = s->at + n;
    s->at += n;
    return inner;
}

static bool common_read(const struct elf_image *e, uint64_t address, struct common *c)
{
    struct source s = source_at(e, address, SIZE_MAX);
    uint64_t length = fixed(&s, 4);
    const char *letters;

    if (s.bad || length >= 0xfffffff0 || length > (uint64_t)(s.end - s.at))
        return false;
    s.end = s.at + length;
    if (fixed(&s, 4) != 0)
        return false;
    unsigned version = (unsigned)fixed(&s, 1);
    letters = (const char *)s.at;
    const uint8_t *nul = s.bad ? NULL : memchr(s.at, 0, (size_t)(s.end - s.at));
    if (!nul || (version != 1 && version != 3))
        return false;
    s.at = nul + 1;
    *c = (struct common){.code_align = uleb(&s)};
    c->data_align = sleb(&s);
    if ((version == 1 ? fixed(&s, 1) : uleb(&s)) != UNWIND_PC)
        return false;
    if (*letters == 'z') {
        struct source more = block(&s);
        c->augmented = true;
        for (letters++; *letters && !more.bad; letters++) {
            unsigned encoding = *letters == 'S' || *letters == 'B' ? 0 : (unsigned)fixed(&more, 1);
            if (*letters == 'R')
                c->encoding = encoding;
            else if (*letters == 'P')
                encoded(&more, encoding & 0xf, 0);
            else if (*letters == 'S')
                c->is_signal_frame = true;
        }
    } else if (*letters) {
        return false;
    }
    c->program = s;
    return !s.bad;
}

static bool rule_set(struct row *row, uint64_t reg, enum rule_kind kind, int64_t value)
{
    if (reg < UNWIND_REGISTERS)
        row->reg[reg] = (struct rule){.kind = kind, .value = value};
    return true;
}

static void rule_expression(struct row *row, struct source *s, enum rule_kind kind)
{
    uint64_t reg = uleb(s);
    struct source expression = block(s);

    if (reg < UNWIND_REGISTERS)
        row->reg[reg] = (struct rule){.kind = kind, .expression = expression};
}

struct machine {
    const struct common *common;
    struct row row, initial, saved[STATES_MAX];
    unsigned depth;
    uint64_t location, pc;
};

static int64_t scaled(uint64_t n, int64_t by)
{
    return (int64_t)(n * (uint64_t)by);
}

static bool advance(struct machine *m, uint64_t delta)
{
    m->location += delta * m->common->code_align;
    return m->location <= m->pc;
}

static bool state_restore(struct machine *m)
{
    if (m->depth == 0)
        return false;
    struct row cfa = m->saved[--m->depth];
    m->row = cfa;
    return true;
}

/* One instruction (DWARF 4, 7.23) of those that have no operand in their first byte; false: the program ends. */
static bool instruction_long(struct machine *m, unsigned op, struct source *s)
{
    int64_t align = m->common->data_align;
    uint64_t reg;

    switch (op) {
    case 0x00: return true;
    case 0x02: return advance(m, fixed(s, 1));
    case 0x03: return advance(m, fixed(s, 2));
    case 0x04: return advance(m, fixed(s, 4));
    case 0x05: reg = uleb(s); return rule_set(&m->row, reg, RULE_OFFSET, scaled(uleb(s), align));
    case 0x06: reg = uleb(s); m->row.reg[reg % UNWIND_REGISTERS] = m->initial.reg[reg % UNWIND_REGISTERS]; return true;
    case 0x07: return rule_set(&m->row, uleb(s), RULE_UNDEFINED, 0);
    case 0x08: return rule_set(&m->row, uleb(s), RULE_SAME, 0);
    case 0x09: reg = uleb(s); return rule_set(&m->row, reg, RULE_REGISTER, (int64_t)uleb(s));
    case 0x0a: return m->depth < STATES_MAX && (m->saved[m->depth++] = m->row, true);
    case 0x0b: return state_restore(m);
    case 0x0c: m->row.cfa_register = (unsigned)uleb(s); m->row.cfa_offset = (int64_t)uleb(s); m->row.cfa_is_expression = false; return true;
    case 0x0d: m->row.cfa_register = (unsigned)uleb(s); return true;
    case 0x0e: m->row.cfa_offset = (int64_t)uleb(s); return true;
    case 0x0f: m->row.cfa_expression = block(s); m->row.cfa_is_expression = true; return true;
    case 0x10: rule_expression(&m->row, s, RULE_EXPRESSION); return true;
    case 0x11: reg = uleb(s); return rule_set(&m->row, reg, RULE_OFFSET, scaled((uint64_t)sleb(s), align));
    case 0x12: m->row.cfa_register = (unsigned)uleb(s); m->row.cfa_offset = scaled((uint64_t)sleb(s), align); m->row.cfa_is_expression = false; return true;
    case 0x13: m->row.cfa_offset = scaled((uint64_t)sleb(s), align); return true;
    case 0x14: reg = uleb(s); return rule_set(&m->row, reg, RULE_VALUE_OFFSET, scaled(uleb(s), align));
    case 0x15: reg = uleb(s); return rule_set(&m->row, reg, RULE_VALUE_OFFSET, scaled((uint64_t)sleb(s), align));
    case 0x16: rule_expression(&m->row, s, RULE_VALUE_EXPRESSION); return true;
    case 0x2e: uleb(s); return true;
    default: s->bad = true; return false;
    }
}

static void program_run(struct machine *m, struct source s)
{
    for (unsigned steps = 0; s.at < s.end && !s.bad && steps < STEPS_MAX; steps++) {
        unsigned op = (unsigned)fixed(&s, 1), low = op & 0x3f;
        bool more = true;
        if ((op & 0xc0) == 0x40)
            more = advance(m, low);
        else if ((op & 0xc0) == 0x80)
            rule_set(&m->row, low, RULE_OFFSET, scaled(uleb(&s), m->common->data_align));
        else if ((op & 0xc0) == 0xc0)
            m->row.reg[low % UNWIND_REGISTERS] = m->initial.reg[low % UNWIND_REGISTERS];
        else
            more = instruction_long(m, op, &s);
        if (!more)
            return;
    }
}

/* Two operands; false: it is no such operation. */
static bool binary(unsigned op, uint64_t a, uint64_t b, uint64_t *result)
{
    switch (op) {
    case 0x1a: *result = a & b; return true;
    case 0x1c: *result = a - b; return true;
    case 0x1e: *result = a * b; return true;
    case 0x21: *result = a | b; return true;
    case 0x22: *result = a + b; return true;
    case 0x24: *result = b < 64 ? a << b : 0; return true;
    case 0x25: *result = b < 64 ? a >> b : 0; return true;
    case 0x29: *result = a == b; return true;
    case 0x2a: *result = (int64_t)a >= (int64_t)b; return true;
    case 0x2b: *result = (int64_t)a > (int64_t)b; return true;
    case 0x2c: *result = (int64_t)a <= (int64_t)b; return true;
    case 0x2d: *result = (int64_t)a < (int64_t)b; return true;
    case 0x2e: *result = a != b; return true;
    default: return false;
    }
}

/* A value that is pushed; false: it is no such operation. */
static bool constant(const struct unwind_frame *f, unsigned op, struct source *s, uint64_t *value)
{
    if (op >= 0x30 && op <= 0x4f) {
        *value = op - 0x30;
        return true;
    }
    if (op >= 0x70 && op < 0x70 + UNWIND_REGISTERS) {
        *value = f->reg[op - 0x70] + (uint64_t)sleb(s);
        return true;
    }
    switch (op) {
    case 0x08: *value = fixed(s, 1); return true;
    case 0x09: *value = (uint64_t)sign_extend(fixed(s, 1), 1); return true;
    case 0x0a: *value = fixed(s, 2); return true;
    case 0x0b: *value = (uint64_t)sign_extend(fixed(s, 2), 2); return true;
    case 0x0c: *value = fixed(s, 4); return true;
    case 0x0d: *value = (uint64_t)sign_extend(fixed(s, 4), 4); return true;
    case 0x0e: case 0x0f: *value = fixed(s, 8); return true;
    case 0x10: *value = uleb(s); return true;
    case 0x11: *value = (uint64_t)sleb(s); return true;
    default: return false;
    }
}

/* DWARF 4, 2.5, as far as call frames use it; `first` is on the stack before. */
static bool evaluate(const struct unwind_frame *f, struct source s, const uint64_t *first, uint64_t *result)
{
    uint64_t stack[EXPRESSION_STACK], value;
    unsigned n = 0;

    if (first)
        stack[n++] = *first;
    for (unsigned steps = 0; s.at < s.end && !s.bad && steps < STEPS_MAX; steps++) {
        unsigned op = (unsigned)fixed(&s, 1);
        if (constant(f, op, &s, &value)) {
            if (n == EXPRESSION_STACK)
                return false;
            stack[n++] = value;
        } else if (op == 0x06 && n >= 1) {
            if (!memory_read(f, stack[n - 1], &stack[n - 1]))
                return false;
        } else if (op == 0x23 && n >= 1) {
            stack[n - 1] += uleb(&s);
        } else if (op == 0x12 && n >= 1 && n < EXPRESSION_STACK) {
            stack[n] = stack[n - 1];
            n++;
        } else if (n >= 2 && binary(op, stack[n - 2], stack[n - 1], &value)) {
            stack[--n - 1] = value;
        } else {
            return false;
        }
    }
    *result = n ? stack[n - 1] : 0;
    return n && !s.bad;
}

static int frame_compare(const void *a, const void *b)
{
    const struct elf_frame *x = a, *y = b;

    return x->start < y->start ? -1 : x->start > y->start;
}

/* An FDE, whose length was read; false: it is none, or makes no sense.  `common` is that of the FDE before, at `common_at`. */
static bool frame_read(const struct elf_image *e, struct source *s, struct common *common, uint64_t *common_at, uint64_t *start)
{
    uint64_t here = s->address + (uint64_t)(s->at - s->start), back = fixed(s, 4);

    if (s->bad || back == 0)
        return false;
    if (here - back != *common_at) {
        *common_at = 0;
        if (!common_read(e, here - back, common))
            return false;
        *common_at = here - back;
    }
    *start = encoded(s, common->encoding, 0);
    return !s->bad;
}

void unwind_index(struct elf_image *e)
{
    struct source s = source_at(e, e->frames_section, e->frames_size);
    size_t room = 0;
    struct common common;
    uint64_t common_at = 0, start;

    if (e->frames_header || !e->frames_section)
        return;
    for (;;) {
        uint64_t entry = s.address + (uint64_t)(s.at - s.start), length = fixed(&s, 4);
        if (s.bad || length == 0 || length >= 0xfffffff0 || length > (uint64_t)(s.end - s.at))
            break;
        struct source inner = s;
        inner.end = s.at + length;
        s.at += length;
        if (!frame_read(e, &inner, &common, &common_at, &start))
            continue;
        if (e->frame_count == room) {
            room = 2 * room + 64;
            e->frames = must_realloc(e->frames, room * sizeof *e->frames);
        }
        e->frames[e->frame_count++] = (struct elf_frame){start, entry};
    }
    if (e->frame_count)
        qsort(e->frames, e->frame_count, sizeof *e->frames, frame_compare);
}

/* As fde_find(), in what unwind_index() found. */
static uint64_t fde_indexed(const struct elf_image *e, uint64_t pc)
{
    size_t low = 0;

    for (size_t high = e->frame_count; low < high;) {
        size_t middle = (low + high) / 2;
        if (e->frames[middle].start <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? e->frames[low - 1].entry : 0;
}

/* The address of the FDE for pc, by the sorted table of .eh_frame_hdr; 0: none. */
static uint64_t fde_find(const struct elf_image *e, uint64_t pc)
{
    if (!e->frames_header)
        return fde_indexed(e, pc);
    struct source s = source_at(e, e->frames_header, SIZE_MAX);
    uint64_t header = e->frames_header, low = 0;

    if (fixed(&s, 1) != 1)
        return 0;
    unsigned frames = (unsigned)fixed(&s, 1), counted = (unsigned)fixed(&s, 1), table = (unsigned)fixed(&s, 1);
    encoded(&s, frames, header);
    uint64_t count = encoded(&s, counted, header);
    if (s.bad || table != (ENCODED_DATA | 0xb) || counted == ENCODED_OMIT || count > (uint64_t)(s.end - s.at) / 8)
        return 0;
    for (uint64_t high = count; low < high;) {
        uint64_t middle = (low + high) / 2;
        int32_t start;
        memcpy(&start, s.at + 8 * middle, 4);
        if (header + (uint64_t)(int64_t)start <= pc)
            low = middle + 1;
        else
            high = middle;
    }
    int32_t place;
    if (low == 0)
        return 0;
    memcpy(&place, s.at + 8 * (low - 1) + 4, 4);
    return header + (uint64_t)(int64_t)place;
}

/* The rules that hold at pc. */
static bool row_find(const struct elf_image *e, uint64_t pc, struct row *row, bool *is_signal_frame)
{
    static struct machine m; /* large */
    struct common c;
    uint64_t fde = fde_find(e, pc);
    struct source s = source_at(e, fde, SIZE_MAX);
    uint64_t length = fixed(&s, 4);

    if (!fde || s.bad || length >= 0xfffffff0 || length > (uint64_t)(s.end - s.at))
        return false;
    s.end = s.at + length;
    uint64_t here = s.address + 4, back = fixed(&s, 4);
    if (s.bad || back == 0 || !common_read(e, here - back, &c))
        return false;
    m = (struct machine){.common = &c, .pc = UINT64_MAX};
    m.location = encoded(&s, c.encoding, 0);
    uint64_t size = encoded(&s, c.encoding & 0xf, 0);
    if (c.augmented)
        block(&s);
    if (s.bad || pc < m.location || pc - m.location >= size)
        return false;
    uint64_t start = m.location;
    program_run(&m, c.program);
    m.initial = m.row;
    m.location = start;
    m.pc = pc;
    program_run(&m, s);
    *row = m.row;
    *is_signal_frame = c.is_signal_frame;
    return true;
}

/* A register of the caller. */
static bool rule_apply(const struct unwind_frame *f, const struct rule *r, uint64_t cfa, unsigned reg, uint64_t *value)
{
    switch (r->kind) {
    case RULE_OFFSET: return memory_read(f, cfa + (uint64_t)r->value, value);
    case RULE_VALUE_OFFSET: *value = cfa + (uint64_t)r->value; return true;
    case RULE_REGISTER: *value = f->reg[(uint64_t)r->value % UNWIND_REGISTERS]; return true;
    case RULE_EXPRESSION: return evaluate(f, r->expression, &cfa, value) && memory_read(f, *value, value);
    case RULE_VALUE_EXPRESSION: return evaluate(f, r->expression, &cfa, value);
    default: *value = f->reg[reg]; return true;
    }
}

enum unwind_result unwind_step(struct unwind_frame *f, const struct elf_image *e, uint64_t pc, uint64_t bias)
{
    struct unwind_frame caller = *f;
    struct row row;
    bool is_signal_frame;
    uint64_t cfa;

    if (!row_find(e, pc, &row, &is_signal_frame))
        return UNWIND_UNKNOWN;
    if (row.reg[UNWIND_PC].kind == RULE_UNDEFINED)
        return UNWIND_END;
    if (row.cfa_is_expression) {
        if (!evaluate(f, row.cfa_expression, NULL, &cfa))
            return UNWIND_END;
    } else {
        cfa = f->reg[row.cfa_register % UNWIND_REGISTERS] + (uint64_t)row.cfa_offset;
    }
    caller.reg[UNWIND_RSP] = cfa;
    for (unsigned i = 0; i < UNWIND_REGISTERS; i++) {
        if ((i != UNWIND_RSP || row.reg[i].kind > RULE_SAME) && !rule_apply(f, &row.reg[i], cfa, i, &caller.reg[i]))
            return UNWIND_END;
    }
    if (row.reg[UNWIND_PC].kind <= RULE_SAME || caller.reg[UNWIND_PC] == 0)
        return UNWIND_END;
    *f = caller;
    f->exact = is_signal_frame;
    return UNWIND_FOUND;
}

enum unwind_result unwind_by_frame_pointer(struct unwind_frame *f)
{
    uint64_t pointer = f->reg[UNWIND_RBP], saved, pc;

    if (pointer < f->reg[UNWIND_RSP] || pointer % 8 || !memory_read(f, pointer, &saved) || !memory_read(f, pointer + 8, &pc) || pc == 0)
        return UNWIND_END;
    f->reg[UNWIND_RBP] = saved;
    f->reg[UNWIND_RSP] = pointer + 16;
    f->reg[UNWIND_PC] = pc;
    f->exact = false;
    return UNWIND_FOUND;
}
