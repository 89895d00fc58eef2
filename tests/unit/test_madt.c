/*
 * The reader of ACPI's MADT: good tables of both kinds, and every way in which they can be damaged.
 */
#include <asm-generic/errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/madt.h"

#define MEMORY 8192
#define RSDP 0x10
#define ROOT 0x100
#define OTHER 0x200
#define MADT 0x400

static uint8_t memory[MEMORY];
static struct madt_cpus cpus;

/* A copy of just these bytes, so that the sanitizer sees a read beyond them. */
static const void *reach(uint64_t phys, uint64_t n)
{
    static void *last;

    free(last);
    last = NULL;
    if (phys >= MEMORY || n > MEMORY - phys)
        return NULL;
    last = malloc(n);
    memcpy(last, memory + phys, n);
    return last;
}

static void put(unsigned at, uint64_t value, unsigned bytes)
{
    memcpy(memory + at, &value, bytes);
}

static void checksum(unsigned at, unsigned n, unsigned field)
{
    uint8_t sum = 0;

    memory[at + field] = 0;
    for (unsigned i = 0; i < n; i++)
        sum = (uint8_t)(sum + memory[at + i]);
    memory[at + field] = (uint8_t)-sum;
}

static void table(unsigned at, const char *signature, unsigned length)
{
    memcpy(memory + at, signature, 4);
    put(at + 4, length, 4);
    checksum(at, length, 9);
}

/* RSDP, root table with two entries of `width` bytes, the second one the MADT, which is `length` long. */
static void tables(unsigned width, unsigned length)
{
    memcpy(memory + RSDP, "RSD PTR ", 8);
    memory[RSDP + 15] = width == 8 ? 2 : 0;
    put(RSDP + 16, width == 4 ? ROOT : 0, 4);
    put(RSDP + 20, 36, 4);
    put(RSDP + 24, width == 8 ? ROOT : 0, 8);
    checksum(RSDP, 20, 8);
    checksum(RSDP, 36, 32);
    put(ROOT + 36, OTHER, width);
    put(ROOT + 36 + width, MADT, width);
    table(ROOT, width == 8 ? "XSDT" : "RSDT", 36 + 2 * width);
    table(OTHER, "FACP", 36);
    table(MADT, "APIC", length);
}

static unsigned local_apic(unsigned at, unsigned id, unsigned flags)
{
    memory[at] = 0;
    memory[at + 1] = 8;
    memory[at + 3] = (uint8_t)id;
    put(at + 4, flags, 4);
    return at + 8;
}

static unsigned local_x2apic(unsigned at, uint32_t id, unsigned flags)
{
    memory[at] = 9;
    memory[at + 1] = 16;
    put(at + 4, id, 4);
    put(at + 8, flags, 4);
    return at + 16;
}

/* Three CPUs, one of them twice; one that is off; an I/O APIC. */
static unsigned entries(void)
{
    unsigned at = MADT + 44;

    memset(memory, 0, sizeof memory);
    at = local_apic(at, 0, 1);
    at = local_apic(at, 5, 1);
    at = local_apic(at, 6, 2);
    memory[at] = 1;
    memory[at + 1] = 12;
    at = local_x2apic(at + 12, 5, 1);
    at = local_x2apic(at, 0x12345, 1);
    return at - MADT;
}

static void expect_three(void)
{
    assert_int_equal(madt_read(RSDP, reach, &cpus), 0);
    assert_int_equal(cpus.count, 3);
    assert_int_equal(cpus.left_out, 0);
    assert_int_equal(cpus.apic_ids[0], 0);
    assert_int_equal(cpus.apic_ids[1], 5);
    assert_int_equal(cpus.apic_ids[2], 0x12345);
}

static void expect_none(int error)
{
    assert_int_equal(madt_read(RSDP, reach, &cpus), error);
    assert_int_equal(cpus.count, 0);
}

static void both_kinds_of_root_are_read(void **state)
{
    tables(4, entries());
    expect_three();
    tables(8, entries());
    expect_three();
}

static void the_rsdp_is_found(void **state)
{
    tables(8, entries());
    assert_int_equal(madt_find_rsdp(0, MEMORY, reach), RSDP);
    assert_int_equal(madt_find_rsdp(RSDP + 16, MEMORY, reach), 0);
    assert_int_equal(madt_find_rsdp(0, RSDP + 16, reach), 0); /* it would not end in there */
    memory[RSDP + 9] ^= 1;
    assert_int_equal(madt_find_rsdp(0, MEMORY, reach), 0);
}

static void nothing_there_is_no_error(void **state)
{
    assert_int_equal(madt_read(0, reach, &cpus), -ENOENT);
    tables(8, entries());
    table(MADT, "NONE", 44);
    expect_none(-ENOENT);
}

/* Whatever single byte is wrong: an error or a list, never a read outside (the sanitizer would say). */
static void each_damaged_byte_is_survived(void **state)
{
    unsigned length = entries();
    static const uint8_t flips[] = {0x01, 0x80, 0xff};

    for (unsigned at = 0; at < MADT + length; at++) {
        for (unsigned i = 0; i < ARRAY_SIZE(flips); i++) {
            entries();
            tables(8, length);
            memory[at] ^= flips[i];
            bool covered = (at >= RSDP && at < RSDP + 36) || (at >= ROOT && at < ROOT + 52) || at >= MADT;
            if (madt_read(RSDP, reach, &cpus) == 0)
                assert_false(covered); /* a checksum protects each of these */
        }
    }
}

/* The same with a good checksum: lengths of entries and tables are lies. */
static void lengths_are_not_believed(void **state)
{
    unsigned length = entries();

    for (unsigned value = 0; value < 256; value++) {
        entries();
        memory[MADT + 44 + 1] = (uint8_t)value;
        tables(8, length);
        (void)!madt_read(RSDP, reach, &cpus);
        assert_true(cpus.count <= 3);
    }
    static const uint32_t lies[] = {0, 1, 35, 36, 43, 44, 45, 0x7fffffff, 0xffffffff};
    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        entries();
        tables(8, length);
        put(MADT + 4, lies[i], 4);
        if (lies[i] < MEMORY - MADT && lies[i] > 9)
            checksum(MADT, lies[i], 9);
        (void)!madt_read(RSDP, reach, &cpus);
        assert_int_equal(cpus.count, 0);
    }
}

static void more_cpus_than_room_are_counted(void **state)
{
    unsigned at = MADT + 44;

    memset(memory, 0, sizeof memory);
    for (uint32_t i = 0; i < MADT_CPUS_MAX + 7; i++)
        at = local_x2apic(at, i, 1);
    tables(8, at - MADT);
    assert_int_equal(madt_read(RSDP, reach, &cpus), 0);
    assert_int_equal(cpus.count, MADT_CPUS_MAX);
    assert_int_equal(cpus.left_out, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_of_root_are_read),
        cmocka_unit_test(the_rsdp_is_found),
        cmocka_unit_test(nothing_there_is_no_error),
        cmocka_unit_test(each_damaged_byte_is_survived),
        cmocka_unit_test(lengths_are_not_believed),
        cmocka_unit_test(more_cpus_than_room_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
