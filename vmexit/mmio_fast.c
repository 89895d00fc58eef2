/*
 * Decoder of the most frequent device accesses: 64-bit mode, optional 66 and REX prefixes, then 88 89 8A 8B (MOV with a
 * register), C6 C7 (MOV of an immediate) or 0F B6 B7 (MOVZX).  All else is left to the full decoder; a unit test holds
 * the two against each other.
 */
#include <linux/errno.h>

#include "lib/string.h"
#include "vmexit/mmio_decode.h"

#define REX_W 8
#define REX_R 4

struct prefixes {
    bool operand_size;
    uint8_t rex; /* 0: none */
    unsigned length;
};

static struct prefixes prefixes_take(const uint8_t *bytes, size_t n)
{
    struct prefixes p = {0};

    if (n > 0 && bytes[0] == 0x66) {
        p.operand_size = true;
        p.length = 1;
    }
    if (p.length < n && (bytes[p.length] & 0xf0) == 0x40)
        p.rex = bytes[p.length++];
    return p;
}

/* Bytes of ModRM, SIB and displacement of a memory operand (SDM vol. 2, 2.1.3); 0: a register, or cut off. */
static unsigned address_length(const uint8_t *modrm, size_t n)
{
    if (n < 1)
        return 0;
    unsigned mod = modrm[0] >> 6, rm = modrm[0] & 7, length = 1;

    if (mod == 3)
        return 0;
    if (rm == 4) {
        if (n < 2)
            return 0;
        rm = modrm[1] & 7;
        length = 2;
    }
    if (mod == 1)
        length += 1;
    else if (mod == 2 || rm == 5) /* with mod 0 and base 5 only a displacement, or RIP-relative */
        length += 4;
    return length <= n ? length : 0;
}

static void register_operand(struct mmio_access *a, const struct prefixes *p, uint8_t modrm, bool is_byte)
{
    a->reg = (uint8_t)((modrm >> 3 & 7) | (p->rex & REX_R) << 1);
    if (is_byte && !p->rex && a->reg >= 4) {
        a->reg -= 4;
        a->high_byte = true;
    }
}

static int64_t immediate_read(const uint8_t *at, unsigned size)
{
    int32_t four;
    int16_t two;

    if (size == 1)
        return (int8_t)at[0];
    if (size == 2) {
        memcpy(&two, at, sizeof(two));
        return two;
    }
    memcpy(&four, at, sizeof(four));
    return four;
}

int mmio_decode_fast(const uint8_t *bytes, size_t n, struct mmio_access *out)
{
    struct prefixes p = prefixes_take(bytes, n);
    unsigned at = p.length, size = p.rex & REX_W ? 8 : p.operand_size ? 2 : 4;
    bool zero_extend = at + 1 < n && bytes[at] == 0x0f;

    at += zero_extend;
    if (at >= n)
        return -ENOSYS;
    uint8_t opcode = bytes[at++];
    bool is_register = !zero_extend && (opcode & 0xfc) == 0x88, is_immediate = !zero_extend && (opcode & 0xfe) == 0xc6;
    if (!is_register && !is_immediate && !(zero_extend && (opcode & 0xfe) == 0xb6))
        return -ENOSYS;
    unsigned address = address_length(bytes + at, n - at);
    if (!address || (is_immediate && (bytes[at] >> 3 & 7) != 0))
        return -ENOSYS;

    *out = (struct mmio_access){.operation = MMIO_MOVE};
    out->register_size = (uint8_t)(zero_extend || (opcode & 1) ? size : 1);
    out->size = (uint8_t)(zero_extend ? 1 + (opcode & 1) : out->register_size);
    out->to_memory = is_immediate || (is_register && !(opcode & 2));
    uint8_t modrm = bytes[at];
    at += address;
    if (is_immediate) {
        unsigned immediate = MIN(out->size, 4u);
        if (at + immediate > n)
            return -ENOSYS;
        out->has_immediate = true;
        out->immediate = (uint64_t)immediate_read(bytes + at, immediate);
        at += immediate;
    } else {
        register_operand(out, &p, modrm, out->register_size == 1);
    }
    out->length = (uint8_t)at;
    return 0;
}
