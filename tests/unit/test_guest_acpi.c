/*
 * The sandbox's ACPI tables, read as a kernel reads them: from the RSDP on, by lengths and checksums.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hv/guest_acpi.h"

static const uint8_t *at(const uint8_t *tables, uint64_t address)
{
    assert_in_range(address, GUEST_ACPI_ADDRESS, GUEST_ACPI_ADDRESS + GUEST_ACPI_SIZE - 1);
    return tables + (address - GUEST_ACPI_ADDRESS);
}

static uint64_t number(const uint8_t *p, size_t n)
{
    uint64_t v = 0;

    memcpy(&v, p, n);
    return v;
}

static uint8_t sum(const uint8_t *p, size_t n)
{
    uint8_t s = 0;

    while (n--)
        s = (uint8_t)(s + *p++);
    return s;
}

/* The table with this signature that the XSDT names. */
static const uint8_t *table_find(const uint8_t *tables, const char *signature, size_t size)
{
    const uint8_t *xsdt = at(tables, number(tables + 24, 8));
    uint32_t length = (uint32_t)number(xsdt + 4, 4);

    assert_memory_equal(xsdt, "XSDT", 4);
    assert_int_equal(sum(xsdt, length), 0);
    for (uint32_t entry = 36; entry + 8 <= length; entry += 8) {
        const uint8_t *table = at(tables, number(xsdt + entry, 8));
        assert_true(table + number(table + 4, 4) <= tables + size);
        assert_int_equal(sum(table, number(table + 4, 4)), 0);
        if (memcmp(table, signature, 4) == 0)
            return table;
    }
    fail_msg("no %s", signature);
    return NULL;
}

static void a_kernel_finds_its_cpus(void **state)
{
    for (unsigned cpus = 1; cpus <= GUEST_ACPI_CPUS_MAX; cpus++) {
        uint8_t tables[GUEST_ACPI_SIZE];
        size_t size = guest_acpi_build(tables, cpus);
        assert_in_range(size, 1, GUEST_ACPI_SIZE);
        assert_memory_equal(tables, "RSD PTR ", 8);
        assert_int_equal(sum(tables, 20), 0);
        assert_int_equal(sum(tables, 36), 0);
        const uint8_t *madt = table_find(tables, "APIC", size);
        uint32_t length = (uint32_t)number(madt + 4, 4);
        unsigned found = 0;
        for (uint32_t entry = 44; entry < length; entry += madt[entry + 1]) {
            assert_int_equal(madt[entry], 0);
            assert_int_equal(madt[entry + 1], 8);
            assert_int_equal(madt[entry + 3], found);
            assert_int_equal(number(madt + entry + 4, 4), 1);
            found++;
        }
        assert_int_equal(found, cpus);
    }
}

static void the_machine_is_hardware_reduced(void **state)
{
    uint8_t tables[GUEST_ACPI_SIZE];
    size_t size = guest_acpi_build(tables, 2);
    const uint8_t *fadt = table_find(tables, "FACP", size);
    const uint8_t *dsdt = at(tables, number(fadt + 140, 8));

    assert_int_equal(number(fadt + 4, 4), 276);
    assert_true(number(fadt + 112, 4) & 1 << 20);
    assert_int_equal(number(fadt + 116 + 4, 8), RESET_PORT);
    assert_int_equal(number(fadt + 244 + 4, 8), SLEEP_CONTROL_PORT);
    assert_int_equal(number(fadt + 256 + 4, 8), SLEEP_STATUS_PORT);
    assert_memory_equal(dsdt, "DSDT", 4);
    assert_int_equal(sum(dsdt, number(dsdt + 4, 4)), 0);
}

static void impossible_machines_are_refused(void **state)
{
    uint8_t tables[GUEST_ACPI_SIZE];

    assert_int_equal(guest_acpi_build(tables, 0), 0);
    assert_int_equal(guest_acpi_build(tables, GUEST_ACPI_CPUS_MAX + 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_finds_its_cpus),
        cmocka_unit_test(the_machine_is_hardware_reduced),
        cmocka_unit_test(impossible_machines_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
