/*
 * Decoder of device accesses by Zydis in its minimal form, which gives lengths, prefixes, opcode and mnemonic; what the
 * operands of the few instructions are that matter here follows from the opcode (SDM vol. 2, appendix A).
 */
#include "vmexit/mmio_decode.h"

#include <Zydis/Decoder.h>
#include <linux/errno.h>

#define REX_W 8
#define REX_R 4

struct form {
    ZydisMnemonic mnemonic;
    enum mmio_operation operation;
};

static const struct form forms[] = {
    {ZYDIS_MNEMONIC_MOV, MMIO_MOVE},    {ZYDIS_MNEMONIC_MOVZX, MMIO_MOVE},     {ZYDIS_MNEMONIC_MOVSX, MMIO_MOVE},
    {ZYDIS_MNEMONIC_MOVSXD, MMIO_MOVE}, {ZYDIS_MNEMONIC_STOSB, MMIO_MOVE},     {ZYDIS_MNEMONIC_STOSW, MMIO_MOVE},
    {ZYDIS_MNEMONIC_STOSD, MMIO_MOVE},  {ZYDIS_MNEMONIC_STOSQ, MMIO_MOVE},     {ZYDIS_MNEMONIC_XCHG, MMIO_EXCHANGE},
    {ZYDIS_MNEMONIC_ADD, MMIO_ADD},     {ZYDIS_MNEMONIC_OR, MMIO_OR},          {ZYDIS_MNEMONIC_AND, MMIO_AND},
    {ZYDIS_MNEMONIC_SUB, MMIO_SUBTRACT}, {ZYDIS_MNEMONIC_XOR, MMIO_XOR},       {ZYDIS_MNEMONIC_CMP, MMIO_COMPARE},
    {ZYDIS_MNEMONIC_TEST, MMIO_TEST},
};

struct decoded {
    ZydisDecodedInstruction instruction;
    uint8_t rex;      /* 0: none */
    unsigned operand; /* bytes of a full-size operand */
    bool repeated;
};

/* The prefixes that change what an operand is. */
static void prefixes_look(struct decoded *d, enum mmio_mode mode)
{
    bool override = false;

    for (unsigned i = 0; i < d->instruction.raw.prefix_count; i++) {
        uint8_t value = d->instruction.raw.prefixes[i].value;
        override |= value == 0x66;
        d->repeated |= value == 0xf2 || value == 0xf3;
        if (mode == MMIO_64BIT && (value & 0xf0) == 0x40)
            d->rex = value;
    }
    d->operand = (mode == MMIO_16BIT) != override ? 2 : 4;
    if (d->rex & REX_W)
        d->operand = 8;
}

static void register_operand(struct mmio_access *a, const struct decoded *d)
{
    a->reg = (uint8_t)((d->instruction.raw.modrm.reg & 7) | (d->rex & REX_R) << 1);
    if (a->register_size == 1 && !d->rex && a->reg >= 4) {
        a->reg -= 4;
        a->high_byte = true;
    }
}

/* Sign-extended from its encoded size: where it is as large as the operand, the surplus is cut off later. */
static uint64_t immediate_of(const ZydisDecodedInstruction *i)
{
    unsigned surplus = 64 - i->raw.imm[0].size;

    if (surplus >= 64)
        return 0;
    return (uint64_t)((int64_t)(i->raw.imm[0].value.u << surplus) >> surplus);
}

/* One-byte opcodes. */
static int operands_of_short(struct mmio_access *a, const struct decoded *d)
{
    uint8_t opcode = d->instruction.opcode;

    a->size = a->register_size = (uint8_t)(opcode & 1 ? d->operand : 1);
    a->immediate = immediate_of(&d->instruction);
    switch (opcode) {
    case 0x00 ... 0x3f: /* E,G and G,E for opcode & 7 below 4; the others have no memory operand */
        if ((opcode & 7) >= 4)
            return -ENOSYS;
        a->to_memory = !(opcode & 2);
        register_operand(a, d);
        return 0;
    case 0x63: /* MOVSXD */
        a->register_size = (uint8_t)d->operand;
        a->size = (uint8_t)MIN(d->operand, 4u);
        a->sign_extend = true;
        register_operand(a, d);
        return 0;
    case 0x80 ... 0x83:
    case 0xc6 ... 0xc7:
    case 0xf6 ... 0xf7:
        a->to_memory = a->has_immediate = true;
        return 0;
    case 0x84 ... 0x87: /* TEST, XCHG */
    case 0x88 ... 0x8b: /* MOV */
        a->to_memory = opcode < 0x8a;
        register_operand(a, d);
        return 0;
    case 0xa0 ... 0xa3: /* MOV between the accumulator and an absolute address */
        a->to_memory = opcode & 2;
        return 0;
    case 0xaa ... 0xab: /* STOS */
        if (d->repeated)
            return -ENOSYS;
        a->to_memory = a->advance_rdi = true;
        return 0;
    default:
        return -ENOSYS;
    }
}

/* MOVZX, MOVSX: 0F B6, B7, BE, BF. */
static int operands_of_extension(struct mmio_access *a, const struct decoded *d)
{
    uint8_t opcode = d->instruction.opcode;

    if ((opcode & 0xf6) != 0xb6)
        return -ENOSYS;
    a->size = (uint8_t)(1 + (opcode & 1));
    a->register_size = (uint8_t)d->operand;
    a->sign_extend = opcode & 8;
    register_operand(a, d);
    return 0;
}

static int access_of(struct mmio_access *a, const struct decoded *d)
{
    const ZydisDecodedInstruction *i = &d->instruction;
    bool has_modrm = i->attributes & ZYDIS_ATTRIB_HAS_MODRM;

    if (has_modrm && i->raw.modrm.mod == 3) /* registers only */
        return -ENOSYS;
    for (size_t n = 0; n < ARRAY_SIZE(forms); n++) {
        if (forms[n].mnemonic != i->mnemonic)
            continue;
        *a = (struct mmio_access){.operation = forms[n].operation, .length = i->length};
        if (i->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
            return operands_of_short(a, d);
        return i->opcode_map == ZYDIS_OPCODE_MAP_0F ? operands_of_extension(a, d) : -ENOSYS;
    }
    return -ENOSYS;
}

static ZyanStatus zydis_decode(const void *bytes, size_t n, enum mmio_mode mode, ZydisDecodedInstruction *to)
{
    static const ZydisMachineMode machine_modes[] = {
        [MMIO_16BIT] = ZYDIS_MACHINE_MODE_LEGACY_16,
        [MMIO_32BIT] = ZYDIS_MACHINE_MODE_LEGACY_32,
        [MMIO_64BIT] = ZYDIS_MACHINE_MODE_LONG_64,
    };
    static const ZydisStackWidth stack_widths[] = {
        [MMIO_16BIT] = ZYDIS_STACK_WIDTH_16,
        [MMIO_32BIT] = ZYDIS_STACK_WIDTH_32,
        [MMIO_64BIT] = ZYDIS_STACK_WIDTH_64,
    };
    ZydisDecoder decoder;
    ZyanStatus status = ZydisDecoderInit(&decoder, machine_modes[mode], stack_widths[mode]);

    return ZYAN_SUCCESS(status) ? ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, n, to) : status;
}

static int decode_full(const void *bytes, size_t n, enum mmio_mode mode, struct mmio_access *out)
{
    struct decoded d = {0};
    ZyanStatus status = zydis_decode(bytes, n, mode, &d.instruction);

    if (status == ZYDIS_STATUS_NO_MORE_DATA)
        return -EFAULT;
    if (!ZYAN_SUCCESS(status))
        return -EINVAL;
    prefixes_look(&d, mode);
    return access_of(out, &d);
}

int mmio_decode(const void *bytes, size_t n, enum mmio_mode mode, struct mmio_access *out)
{
    n = MIN(n, (size_t)INSTRUCTION_MAX);
    if (mode == MMIO_64BIT && mmio_decode_fast(bytes, n, out) == 0)
        return 0;
    return decode_full(bytes, n, mode, out);
}
