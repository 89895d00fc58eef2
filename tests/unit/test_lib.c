/*
 * The shared library on the host: formatting against the C library's, numbers, ELF and cpio readers with good files and
 * with every single byte of a good file damaged (nothing may be read outside it: ASan watches).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cpio.h"
#include "lib/elf.h"
#include "lib/format.h"
#include "lib/pvh.h"
#include "lib/string.h"

#define SAME(...)                                                                                                      \
    do {                                                                                                               \
        char ours[128], theirs[128];                                                                                   \
        int n = format(ours, sizeof ours, __VA_ARGS__), m = snprintf(theirs, sizeof theirs, __VA_ARGS__);              \
        assert_string_equal(ours, theirs);                                                                             \
        assert_int_equal(n, m);                                                                                        \
    } while (0)

static void format_matches_printf(void **state)
{
    SAME("plain %% text");
    SAME("%d|%5d|%-5d|%05d|%+d|% d", 42, 42, 42, 42, 42, 42);
    SAME("%d %d %ld %lld", INT32_MIN, INT32_MAX, INT64_MIN, (long long)INT64_MAX);
    SAME("%u %lu %x %X %#x %#X %o %#o", 4000000000u, UINT64_MAX, 0xbeefu, 0xBEEFu, 0xbeefu, 0xbeefu, 8u, 8u);
    SAME("%#x %#o %x", 0u, 0u, 0u);
    SAME("%hhd %hhu %hd %hu", 300, 300, 70000, 70000);
    SAME("%zu %zx %jd", (size_t)123, (size_t)0xabc, (intmax_t)-5);
    SAME("%s|%10s|%-10s|%.3s|%.*s", "abcdef", "abc", "abc", "abcdef", 2, "xyz");
    SAME("%c%c|%3c|%-3c|", 'a', 'b', 'c', 'd');
    SAME("%08x|%.8x|%12.8x|%-12.8x|", 0xabcu, 0xabcu, 0xabcu, 0xabcu);
    SAME("%*d|%-*d|%*d|", 6, 7, 6, 7, -6, 7);
    SAME("%.0d|%.0d", 0, 1);
    SAME("%p", (void *)(uintptr_t)0x1234);
}

static void format_is_bounded(void **state)
{
    char small[4] = "xxx";

    assert_int_equal(format(small, sizeof small, "%d", 123456), 6);
    assert_string_equal(small, "123");
    assert_int_equal(format(NULL, 0, "%s", "abc"), 3);
}

static void numbers_are_whole(void **state)
{
    unsigned long long v = 7;

    assert_int_equal(string_to_u64("18446744073709551615", &v), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(string_to_u64("0x1F", &v), 0);
    assert_true(v == 31);
    assert_int_equal(string_to_u64("017", &v), 0);
    assert_true(v == 15);
    assert_int_equal(string_to_u64("18446744073709551616", &v), -EINVAL);
    assert_int_equal(string_to_u64("", &v), -EINVAL);
    assert_int_equal(string_to_u64("0x", &v), -EINVAL);
    assert_int_equal(string_to_u64("12a", &v), -EINVAL);
    assert_int_equal(string_to_u64("-1", &v), -EINVAL);
    assert_true(v == 15);
}

/* A small but complete image: header, one PT_LOAD, one PT_NOTE with the PVH entry. */
struct image {
    Elf64_Ehdr e;
    Elf64_Phdr p[2];
    Elf64_Nhdr n;
    char name[4];
    uint32_t entry;
};

static struct image image_make(void)
{
    struct image i = {
        .e = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT}, .e_type = ET_EXEC, .e_machine = 62,
              .e_phoff = offsetof(struct image, p), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2},
        .p = {{.p_type = PT_LOAD, .p_filesz = sizeof i, .p_memsz = 8192, .p_vaddr = 0x400000, .p_paddr = 0x400000},
              {.p_type = PT_NOTE, .p_offset = offsetof(struct image, n), .p_filesz = sizeof i.n + 8}},
        .n = {.n_namesz = 4, .n_descsz = 4, .n_type = PVH_ELF_NOTE_TYPE}, .name = "Xen", .entry = 0x100040,
    };
    return i;
}

static void elf_reads_a_good_image(void **state)
{
    struct image i = image_make();
    uint64_t entry = 0;

    assert_int_equal(elf_check_image(&i, sizeof i), 0);
    assert_int_equal(elf_pvh_entry(&i, sizeof i, &entry), 0);
    assert_true(entry == 0x100040);
}

static void elf_refuses_overflow(void **state)
{
    struct image i = image_make();

    i.p[0].p_offset = UINT64_MAX - 10;
    assert_int_equal(elf_check_image(&i, sizeof i), -ENOEXEC);
    i = image_make();
    i.p[0].p_vaddr = UINT64_MAX & ~4095ULL;
    assert_int_equal(elf_check_image(&i, sizeof i), -ENOEXEC);
    i = image_make();
    i.p[0].p_filesz = i.p[0].p_memsz + 1;
    assert_int_equal(elf_check_image(&i, sizeof i), -ENOEXEC);
    i = image_make();
    i.e.e_phoff = sizeof i - 8;
    assert_int_equal(elf_check_image(&i, sizeof i), -ENOEXEC);
}

static void elf_survives_damage(void **state)
{
    uint64_t entry;

    for (size_t at = 0; at < sizeof(struct image); at++)
        for (int bit = 0; bit < 8; bit++) {
            struct image good = image_make();
            char *heap = malloc(sizeof good);
            memcpy(heap, &good, sizeof good);
            heap[at] ^= (char)(1 << bit);
            (void)!elf_check_image(heap, sizeof good);
            (void)!elf_pvh_entry(heap, sizeof good, &entry);
            free(heap);
        }
    for (size_t size = 0; size < sizeof(struct image); size++) {
        struct image good = image_make();
        char *heap = malloc(size + 1);
        memcpy(heap, &good, size);
        assert_int_equal(elf_check_image(heap, size), -ENOEXEC);
        free(heap);
    }
}

static size_t member_put(char *out, const char *name, const char *content, unsigned mode)
{
    size_t name_size = strlen(name) + 1, size = strlen(content);
    size_t n = (size_t)sprintf(out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1, mode, 0, 0, 1, 0,
                               (unsigned)size, 0, 0, 0, 0, (unsigned)name_size, 0);

    memcpy(out + n, name, name_size);
    n = ALIGN_UP(n + name_size, 4);
    memcpy(out + n, content, size);
    return ALIGN_UP(n + size, 4);
}

static size_t archive_make(char *out, size_t room)
{
    size_t n = 0;

    memset(out, 0, room);
    n += member_put(out + n, "one", "first", 0100644);
    n += member_put(out + n, "dir/two", "second file", 0100755);
    n += member_put(out + n, "TRAILER!!!", "", 0);
    n = ALIGN_UP(n, 512);
    n += member_put(out + n, "three", "", 040755);
    n += member_put(out + n, "TRAILER!!!", "", 0);
    return n;
}

static void cpio_reads_concatenated_archives(void **state)
{
    char archive[4096];
    size_t size = archive_make(archive, sizeof archive);
    struct cpio_reader r;
    struct cpio_member m;

    cpio_open(&r, archive, size);
    assert_int_equal(cpio_next(&r, &m), 1);
    assert_string_equal(m.name, "one");
    assert_int_equal(m.size, 5);
    assert_memory_equal(m.content, "first", 5);
    assert_int_equal(cpio_next(&r, &m), 1);
    assert_string_equal(m.name, "dir/two");
    assert_int_equal(cpio_next(&r, &m), 1);
    assert_string_equal(m.name, "three");
    assert_int_equal(m.mode, 040755);
    assert_int_equal(cpio_next(&r, &m), 0);
    assert_int_equal(cpio_find(archive, size, "dir/two", &m), 1);
    assert_int_equal(cpio_find(archive, size, "none", &m), 0);
}

static void cpio_walk(const char *data, size_t size)
{
    struct cpio_reader r;
    struct cpio_member m;
    volatile char sum = 0;

    cpio_open(&r, data, size);
    while (cpio_next(&r, &m) == 1) {
        sum += m.name[m.name_length];
        for (uint64_t i = 0; i < m.size; i++)
            sum += m.content[i];
    }
    (void)sum;
}

static void cpio_survives_damage(void **state)
{
    char archive[4096];
    size_t size = archive_make(archive, sizeof archive);

    for (size_t at = 0; at < size; at++)
        for (int bit = 0; bit < 8; bit++) {
            char *heap = malloc(size);
            memcpy(heap, archive, size);
            heap[at] ^= (char)(1 << bit);
            cpio_walk(heap, size);
            free(heap);
        }
    for (size_t cut = 0; cut < size; cut++) {
        char *heap = malloc(cut + 1);
        memcpy(heap, archive, cut);
        cpio_walk(heap, cut);
        free(heap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format_matches_printf),
        cmocka_unit_test(format_is_bounded),
        cmocka_unit_test(numbers_are_whole),
        cmocka_unit_test(elf_reads_a_good_image),
        cmocka_unit_test(elf_refuses_overflow),
        cmocka_unit_test(elf_survives_damage),
        cmocka_unit_test(cpio_reads_concatenated_archives),
        cmocka_unit_test(cpio_survives_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
