/*
 * Decoder of device accesses: known encodings, the fast decoder against the full one over every form and many random
 * ones, and instructions executed here on real memory against mmio_perform().
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Decoder.h>
#include <cmocka.h>

#include "vmexit/mmio_decode.h"

static void decodes(const char *bytes, size_t n, const struct mmio_access *expected)
{
    struct mmio_access a;

    assert_int_equal(mmio_decode(bytes, n, MMIO_64BIT, &a), 0);
    assert_int_equal(a.operation, expected->operation);
    assert_int_equal(a.length, n);
    assert_int_equal(a.size, expected->size);
    assert_int_equal(a.to_memory, expected->to_memory);
    assert_int_equal(a.has_immediate, expected->has_immediate);
    if (a.has_immediate) {
        assert_int_equal(a.immediate, expected->immediate);
    } else {
        assert_int_equal(a.reg, expected->reg);
        assert_int_equal(a.register_size, expected->register_size ? expected->register_size : a.size);
        assert_int_equal(a.high_byte, expected->high_byte);
        assert_int_equal(a.sign_extend, expected->sign_extend);
    }
}

#define DECODES(bytes, ...) decodes(bytes, sizeof(bytes) - 1, &(struct mmio_access){__VA_ARGS__})

static void known_encodings(void **state)
{
    DECODES("\x66\x89\x02", .size = 2, .to_memory = true);                                    /* mov %ax,(%rdx) */
    DECODES("\x44\x89\x78\x10", .size = 4, .to_memory = true, .reg = 15);                     /* mov %r15d,16(%rax) */
    DECODES("\x48\x8b\x04\x25\x00\x00\x00\x00", .size = 8);                                   /* mov 0,%rax */
    DECODES("\x0f\xb7\x00", .size = 2, .register_size = 4);                                   /* movzwl (%rax),%eax */
    DECODES("\x0f\xbe\x18", .size = 1, .register_size = 4, .reg = 3, .sign_extend = true);    /* movsbl (%rax),%ebx */
    DECODES("\x48\x63\x08", .size = 4, .register_size = 8, .reg = 1, .sign_extend = true);    /* movslq (%rax),%rcx */
    DECODES("\xc7\x00\xff\xff\xff\xff", .size = 4, .to_memory = true, .has_immediate = true, .immediate = UINT64_MAX);
    DECODES("\x66\xc7\x00\x34\x12", .size = 2, .to_memory = true, .has_immediate = true, .immediate = 0x1234);
    DECODES("\x88\x20", .size = 1, .to_memory = true, .reg = 0, .high_byte = true);           /* mov %ah,(%rax) */
    DECODES("\x40\x88\x20", .size = 1, .to_memory = true, .reg = 4);                          /* mov %spl,(%rax) */
    DECODES("\xf0\x83\x08\x01", .operation = MMIO_OR, .size = 4, .to_memory = true, .has_immediate = true,
            .immediate = 1);                                                                  /* lock orl $1,(%rax) */
    DECODES("\x03\x08", .operation = MMIO_ADD, .size = 4, .reg = 1);                          /* add (%rax),%ecx */
    DECODES("\x87\x08", .operation = MMIO_EXCHANGE, .size = 4, .to_memory = true, .reg = 1);  /* xchg %ecx,(%rax) */
    DECODES("\xf6\x00\x80", .operation = MMIO_TEST, .size = 1, .to_memory = true, .has_immediate = true,
            .immediate = (uint64_t)-128);
    DECODES("\x48\xab", .size = 8, .to_memory = true);                                        /* stos %rax */
    DECODES("\xa1\x00\x00\xe0\xfe\x00\x00\x00\x00", .size = 4);                               /* movabs */
}

static void refuses_others(void **state)
{
    struct mmio_access a;

    assert_int_equal(mmio_decode("\xf3\x48\xab", 3, MMIO_64BIT, &a), -ENOSYS);     /* rep stos */
    assert_int_equal(mmio_decode("\x0f\x11\x00", 3, MMIO_64BIT, &a), -ENOSYS);     /* movups */
    assert_int_equal(mmio_decode("\x89\xc0", 2, MMIO_64BIT, &a), -ENOSYS);         /* registers only */
    assert_int_equal(mmio_decode("\x06", 1, MMIO_64BIT, &a), -EINVAL);             /* push %es */
    assert_int_equal(mmio_decode("\xc7\x00\x01", 3, MMIO_64BIT, &a), -EFAULT);     /* cut off */
    assert_int_equal(mmio_decode("", 0, MMIO_64BIT, &a), -EFAULT);
}

/* In front of this segment prefix the fast decoder gives up; Zydis then sees the same instruction. */
static void fast_equals_full(const uint8_t *bytes, size_t n)
{
    struct mmio_access fast, full;
    uint8_t prefixed[INSTRUCTION_MAX + 1] = {0x3e};

    if (n > INSTRUCTION_MAX - 1 || mmio_decode_fast(bytes, n, &fast))
        return;
    memcpy(prefixed + 1, bytes, n);
    assert_int_equal(mmio_decode(prefixed, n + 1, MMIO_64BIT, &full), 0);
    full.length--;
    if (full.has_immediate)
        full.reg = full.register_size = fast.register_size = 0;
    assert_memory_equal(&fast, &full, offsetof(struct mmio_access, immediate));
    if (fast.has_immediate)
        assert_int_equal(fast.immediate, full.immediate);
}

static void fast_decoder_agrees(void **state)
{
    static const uint8_t prefixes[][2] = {{0}, {0x66}, {0x40}, {0x44}, {0x48}, {0x4f}, {0x66, 0x41}, {0x66, 0x4c}};
    uint8_t bytes[INSTRUCTION_MAX - 1];

    srand(1);
    for (unsigned p = 0; p < ARRAY_SIZE(prefixes); p++) {
        for (unsigned opcode = 0; opcode < 512; opcode++) {
            for (unsigned modrm = 0; modrm < 256; modrm++) {
                size_t n = 0;
                while (n < 2 && prefixes[p][n])
                    bytes[n] = prefixes[p][n], n++;
                if (opcode > 255)
                    bytes[n++] = 0x0f;
                bytes[n++] = (uint8_t)opcode;
                bytes[n++] = (uint8_t)modrm;
                while (n < sizeof(bytes))
                    bytes[n++] = (uint8_t)rand();
                fast_equals_full(bytes, sizeof(bytes));
            }
        }
    }
}

/* Execution: each case is also an instruction of this CPU, on (%rdi) with operand %rsi. */

static uint64_t device;

static uint64_t device_read(void *context, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, &device, size);
    return value;
}

static void device_write(void *context, unsigned size, uint64_t value)
{
    memcpy(&device, &value, size);
}

static const struct mmio_target target = {device_read, device_write, NULL};

#define FLAGS_COMPARED 0x8c5u /* OF SF ZF PF CF; AF is undefined after AND, OR, XOR, TEST */

#define EXECUTE(text, bytes)                                                                                           \
    static uint64_t native_##text(uint64_t *memory, uint64_t *rsi)                                                     \
    {                                                                                                                  \
        uint64_t flags, value = *rsi;                                                                                  \
        __asm__ volatile(".byte " bytes "\n pushfq\n pop %0" : "=r"(flags), "+S"(value) : "D"(memory) : "memory", "cc"); \
        *rsi = value;                                                                                                  \
        return flags & FLAGS_COMPARED;                                                                                 \
    }
EXECUTE(add_to_memory, "0x01, 0x37")
EXECUTE(sub_to_memory_64, "0x48, 0x29, 0x37")
EXECUTE(sub_from_register_16, "0x66, 0x2b, 0x37")
EXECUTE(and_to_memory_8, "0x40, 0x20, 0x37")
EXECUTE(or_to_register, "0x0b, 0x37")
EXECUTE(xor_to_memory, "0x31, 0x37")
EXECUTE(cmp_memory, "0x39, 0x37")
EXECUTE(cmp_register, "0x3b, 0x37")
EXECUTE(test_memory, "0x85, 0x37")
EXECUTE(add_immediate, "0x83, 0x07, 0xff")

static const struct {
    uint64_t (*native)(uint64_t *memory, uint64_t *rsi);
    const char *bytes;
    size_t n;
} cases[] = {
    {native_add_to_memory, "\x01\x37", 2},         {native_sub_to_memory_64, "\x48\x29\x37", 3},
    {native_sub_from_register_16, "\x66\x2b\x37", 3}, {native_and_to_memory_8, "\x40\x20\x37", 3},
    {native_or_to_register, "\x0b\x37", 2},        {native_xor_to_memory, "\x31\x37", 2},
    {native_cmp_memory, "\x39\x37", 2},            {native_cmp_register, "\x3b\x37", 2},
    {native_test_memory, "\x85\x37", 2},           {native_add_immediate, "\x83\x07\xff", 3},
};

static void performs_like_the_cpu(void **state)
{
    static const uint64_t values[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0x7fffffff, 0x80000000, 0xffffffff,
                                      INT64_MAX, 1ULL << 63, UINT64_MAX, 0x123456789abcdef0ULL};
    struct mmio_access a;

    for (size_t c = 0; c < ARRAY_SIZE(cases); c++) {
        assert_int_equal(mmio_decode(cases[c].bytes, cases[c].n, MMIO_64BIT, &a), 0);
        for (size_t i = 0; i < ARRAY_SIZE(values) * ARRAY_SIZE(values); i++) {
            uint64_t memory = values[i % ARRAY_SIZE(values)], rsi = values[i / ARRAY_SIZE(values)];
            uint64_t regs[16] = {[6] = rsi}, rflags = 0x202;
            device = memory;
            uint64_t flags = cases[c].native(&memory, &rsi);
            mmio_perform(&a, regs, &rflags, &target);
            assert_int_equal(device, memory);
            assert_int_equal(regs[6], rsi);
            assert_int_equal(rflags & FLAGS_COMPARED, flags);
            assert_int_equal(rflags & ~0x8d5ULL, 0x202);
        }
    }
}

static void moves(void **state)
{
    struct mmio_access a;
    uint64_t regs[16] = {[0] = 0x1122334455667788, [7] = 100}, rflags = 2;

    device = 0;
    assert_int_equal(mmio_decode("\x88\x20", 2, MMIO_64BIT, &a), 0); /* mov %ah,(%rax) */
    mmio_perform(&a, regs, &rflags, &target);
    assert_int_equal(device, 0x77);
    device = 0x80;
    assert_int_equal(mmio_decode("\x0f\xbe\x00", 3, MMIO_64BIT, &a), 0); /* movsbl (%rax),%eax */
    mmio_perform(&a, regs, &rflags, &target);
    assert_int_equal(regs[0], 0xffffff80);
    assert_int_equal(mmio_decode("\x8a\x20", 2, MMIO_64BIT, &a), 0); /* mov (%rax),%ah */
    mmio_perform(&a, regs, &rflags, &target);
    assert_int_equal(regs[0], 0xffff8080);
    assert_int_equal(mmio_decode("\x66\xab", 2, MMIO_64BIT, &a), 0); /* stos %ax */
    mmio_perform(&a, regs, &rflags, &target);
    assert_int_equal(device, 0x8080);
    assert_int_equal(regs[7], 102);
    assert_int_equal(mmio_decode("\x87\x00", 2, MMIO_64BIT, &a), 0); /* xchg %eax,(%rax) */
    device = 5;
    mmio_perform(&a, regs, &rflags, &target);
    assert_int_equal(device, 0xffff8080);
    assert_int_equal(regs[0], 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_encodings), cmocka_unit_test(refuses_others),        cmocka_unit_test(fast_decoder_agrees),
        cmocka_unit_test(moves),           cmocka_unit_test(performs_like_the_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
