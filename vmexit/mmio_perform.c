/*
 * Carries out a decoded device access: the arithmetic of the few instructions of mmio_decode.h, and their flags (SDM
 * vol. 1, 3.4.3.1).
 */
#include "vmexit/mmio_decode.h"

#include "lib/x86.h"

#define REG_RDI 7

#define FLAG_PARITY BIT(2)
#define FLAG_ADJUST BIT(4)
#define FLAG_ZERO BIT(6)
#define FLAG_SIGN BIT(7)
#define FLAG_OVERFLOW BIT(11)
#define FLAGS_ARITHMETIC (RFLAGS_CF | FLAG_PARITY | FLAG_ADJUST | FLAG_ZERO | FLAG_SIGN | FLAG_OVERFLOW)

static uint64_t size_mask(unsigned size)
{
    return size == 8 ? UINT64_MAX : BIT(8 * size) - 1;
}

static uint64_t sign_bit(unsigned size)
{
    return BIT(8 * size - 1);
}

static uint64_t register_get(const struct mmio_access *a, const uint64_t regs[16])
{
    uint64_t value = regs[a->reg];

    return (a->high_byte ? value >> 8 : value) & size_mask(a->register_size);
}

/* 4 bytes clear the upper half of the register, 1 and 2 keep the rest of it. */
static void register_put(const struct mmio_access *a, uint64_t regs[16], uint64_t value)
{
    unsigned shift = a->high_byte ? 8 : 0;
    uint64_t mask = a->register_size == 4 ? UINT64_MAX : size_mask(a->register_size) << shift;

    value &= size_mask(a->register_size);
    regs[a->reg] = (regs[a->reg] & ~mask) | (value << shift & mask);
}

static uint64_t flags_of_result(uint64_t result, unsigned size)
{
    uint64_t flags = __builtin_parityll(result & 0xff) ? 0 : FLAG_PARITY;

    if (!(result & size_mask(size)))
        flags |= FLAG_ZERO;
    if (result & sign_bit(size))
        flags |= FLAG_SIGN;
    return flags;
}

static uint64_t add(uint64_t x, uint64_t y, unsigned size, uint64_t *flags)
{
    uint64_t sum = (x + y) & size_mask(size);

    *flags = flags_of_result(sum, size) | ((x ^ y ^ sum) & FLAG_ADJUST);
    if (sum < x)
        *flags |= RFLAGS_CF;
    if ((x ^ sum) & (y ^ sum) & sign_bit(size))
        *flags |= FLAG_OVERFLOW;
    return sum;
}

static uint64_t subtract(uint64_t x, uint64_t y, unsigned size, uint64_t *flags)
{
    uint64_t difference = (x - y) & size_mask(size);

    *flags = flags_of_result(difference, size) | ((x ^ y ^ difference) & FLAG_ADJUST);
    if (x < y)
        *flags |= RFLAGS_CF;
    if ((x ^ y) & (x ^ difference) & sign_bit(size))
        *flags |= FLAG_OVERFLOW;
    return difference;
}

/* x is the first operand. */
static uint64_t compute(enum mmio_operation operation, uint64_t x, uint64_t y, unsigned size, uint64_t *rflags)
{
    uint64_t result, flags;

    x &= size_mask(size);
    y &= size_mask(size);
    switch (operation) {
    case MMIO_ADD:
        result = add(x, y, size, &flags);
        break;
    case MMIO_SUBTRACT:
    case MMIO_COMPARE:
        result = subtract(x, y, size, &flags);
        break;
    case MMIO_OR:
        result = x | y;
        flags = flags_of_result(result, size);
        break;
    case MMIO_XOR:
        result = x ^ y;
        flags = flags_of_result(result, size);
        break;
    default: /* AND, TEST */
        result = x & y;
        flags = flags_of_result(result, size);
        break;
    }
    *rflags = (*rflags & ~FLAGS_ARITHMETIC) | flags;
    return result;
}

static void move(const struct mmio_access *a, uint64_t regs[16], uint64_t rflags, const struct mmio_target *t)
{
    if (!a->to_memory) {
        uint64_t value = t->read(t->context, a->size);
        if (a->sign_extend && (value & sign_bit(a->size)))
            value |= ~size_mask(a->size);
        register_put(a, regs, value);
        return;
    }
    uint64_t value = a->has_immediate ? a->immediate & size_mask(a->size) : register_get(a, regs);
    t->write(t->context, a->size, value);
    if (a->advance_rdi)
        regs[REG_RDI] += rflags & RFLAGS_DF ? -(uint64_t)a->size : a->size;
}

static void exchange(const struct mmio_access *a, uint64_t regs[16], const struct mmio_target *t)
{
    uint64_t old = t->read(t->context, a->size);

    t->write(t->context, a->size, register_get(a, regs));
    register_put(a, regs, old);
}

void mmio_perform(const struct mmio_access *a, uint64_t regs[16], uint64_t *rflags, const struct mmio_target *target)
{
    if (a->operation == MMIO_MOVE) {
        move(a, regs, *rflags, target);
        return;
    }
    if (a->operation == MMIO_EXCHANGE) {
        exchange(a, regs, target);
        return;
    }
    uint64_t memory = target->read(target->context, a->size);
    uint64_t other = a->has_immediate ? a->immediate : register_get(a, regs);
    uint64_t result = a->to_memory ? compute(a->operation, memory, other, a->size, rflags)
                                   : compute(a->operation, other, memory, a->size, rflags);
    if (a->operation == MMIO_COMPARE || a->operation == MMIO_TEST)
        return;
    if (a->to_memory)
        target->write(target->context, a->size, result);
    else
        register_put(a, regs, result);
}
