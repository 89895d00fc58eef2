/*
 * bzImages: a good header is taken, each bad one refused; what the zero page, the page tables and the GDT then say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hv/guest_bzimage.h"

#define FILE_SIZE 8192u

static uint8_t file[FILE_SIZE];

static struct setup_header *header(void)
{
    return (struct setup_header *)(void *)(file + 0x1f1);
}

static void file_make(void)
{
    memset(file, 0xcc, sizeof file);
    memset(file, 0, 0x300);
    *header() = (struct setup_header){
        .setup_sects = 3, .boot_flag = 0xaa55, .header = 0x53726448, .version = 0x20f, .loadflags = LOADED_HIGH,
        .xloadflags = XLF_KERNEL_64, .initrd_addr_max = 0x7fffffff, .cmdline_size = 2047, .pref_address = 0x1000000,
        .init_size = 0x300000, .kernel_alignment = 0x200000, .relocatable_kernel = 1, .setup_data = 0x1234};
    file[0x200] = 0xeb;
    file[0x201] = sizeof(struct setup_header) - (0x202 - 0x1f1);
}

static void a_good_one_is_taken(void **state)
{
    struct bzimage b;

    file_make();
    assert_null(bzimage_parse(file, sizeof file, &b));
    assert_int_equal(b.code_offset, 4 * 512);
    assert_int_equal(b.code_size, sizeof file - 4 * 512);
    assert_int_equal(b.load_address, 0x1000000);
    assert_int_equal(b.end, 0x1300000);
    assert_int_equal(b.initrd_limit, 0x80000000);
    assert_int_equal(b.command_line_max, 2047);
    header()->setup_sects = 0;
    assert_null(bzimage_parse(file, sizeof file, &b));
    assert_int_equal(b.code_offset, 5 * 512);
}

#define REFUSED(size, change)                                                                                          \
    do {                                                                                                               \
        struct bzimage b_;                                                                                             \
        file_make();                                                                                                   \
        change;                                                                                                        \
        assert_non_null(bzimage_parse(file, size, &b_));                                                               \
    } while (0)

static void bad_ones_are_refused(void **state)
{
    REFUSED(0, (void)0);
    REFUSED(0x1f1 + sizeof(struct setup_header) - 1, (void)0);
    REFUSED(4 * 512 + 0x200, (void)0);
    REFUSED(sizeof file, header()->header = 0);
    REFUSED(sizeof file, header()->boot_flag = 0);
    REFUSED(sizeof file, header()->version = 0x20b);
    REFUSED(sizeof file, header()->xloadflags = 0);
    REFUSED(sizeof file, header()->loadflags = 0);
    REFUSED(sizeof file, header()->setup_sects = 255);
    REFUSED(sizeof file, header()->pref_address = 0xff000);
    REFUSED(sizeof file, header()->pref_address = 0x1000001);
    REFUSED(sizeof file, header()->pref_address = ~0xfffULL);
    REFUSED(sizeof file, (header()->pref_address = 0xff000000, header()->init_size = 0x2000000));
    REFUSED(sizeof file, header()->init_size = ~0u);
    REFUSED(sizeof file, file[0x201] = 0);
    REFUSED(sizeof file, memcpy(file, "\177ELF", 4));
}

static void a_short_header_leaves_the_rest_zero(void **state)
{
    struct bzimage b;

    file_make();
    file[0x201] = offsetof(struct setup_header, init_size) + 4 - (0x202 - 0x1f1);
    header()->kernel_info_offset = 77;
    assert_null(bzimage_parse(file, sizeof file, &b));
    assert_int_equal(b.header.kernel_info_offset, 0);
}

static void the_zero_page_says_where_things_are(void **state)
{
    static struct boot_params p;
    struct bzimage b;
    const struct bzimage_places places = {.command_line = 0xa000, .rsdp = 0xe0000, .initrd = 0x5000000, .initrd_size = 0x1234,
                                          .low_memory_end = 0xa0000, .high_memory_start = 0x100000, .memory_end = 0x6000000};

    file_make();
    assert_null(bzimage_parse(file, sizeof file, &b));
    bzimage_fill_params(&b, &places, &p);
    assert_int_equal(p.hdr.type_of_loader, 0xff);
    assert_int_equal(p.hdr.setup_data, 0);
    assert_int_equal(p.hdr.cmd_line_ptr, 0xa000);
    assert_int_equal(p.hdr.ramdisk_image, 0x5000000);
    assert_int_equal(p.hdr.ramdisk_size, 0x1234);
    assert_int_equal(p.acpi_rsdp_addr, 0xe0000);
    assert_int_equal(p.e820_entries, 2);
    assert_int_equal(p.e820_table[1].addr, 0x100000);
    assert_int_equal(p.e820_table[1].size, 0x5f00000);
    assert_int_equal(p.sentinel, 0);
}

/* As the CPU would walk them. */
static void four_gib_are_mapped_one_to_one(void **state)
{
    static uint64_t tables[BZIMAGE_TABLE_PAGES][512];
    uint64_t gdt[BZIMAGE_GDT_ENTRIES];
    const uint64_t at = 0x10000;

    bzimage_fill_tables(tables, at);
    for (uint64_t address = 0; address < GiB(4); address += MiB(2)) {
        uint64_t entry = tables[0][address >> 39];
        for (int shift = 30; shift >= 21; shift -= 9) {
            assert_int_equal(entry & 0x83, 3);
            entry = tables[((entry & ~0xfffULL) - at) / PAGE_SIZE][address >> shift & 511];
        }
        assert_int_equal(entry, address | 0x83);
    }
    assert_int_equal(tables[0][1], 0);
    assert_int_equal(tables[1][4], 0);
    bzimage_fill_gdt(gdt);
    assert_int_equal(gdt[2] >> 40 & 0xff, 0x9b); /* code, present, 64 bits */
    assert_true(gdt[2] & BIT(53));
    assert_int_equal(gdt[3] >> 40 & 0xff, 0x93);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_one_is_taken), cmocka_unit_test(bad_ones_are_refused),
        cmocka_unit_test(a_short_header_leaves_the_rest_zero), cmocka_unit_test(the_zero_page_says_where_things_are),
        cmocka_unit_test(four_gib_are_mapped_one_to_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
