/*
 * Root archives: what becomes of good ones, plain and gzip, aligned and not, and that damaged ones are refused whole.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <zlib.h>

#include "abi/init_spec.h"
#include "fs/tmpfs.h"
#include "guest_kernel/core/alloc.h"
#include "lib/string.h"
#include "tests/unit/archive_builder.h"
#include "tests/unit/fake_core.h"

static char archive[1 << 18] aligned_to(4096);
static long live_before;

static int enter(void **state)
{
    live_before = fake_allocations_live();
    fake_enter_mount();
    memset(archive, 0, sizeof archive);
    return 0;
}

static int leave(void **state)
{
    fake_leave_mount();
    assert_int_equal(fake_allocations_live(), live_before);
    return 0;
}

static int start(void **state)
{
    fake_start();
    return 0;
}

static int unpack(const void *data, size_t size)
{
    void *spec;
    size_t spec_size;
    int error = fs_unpack_cpio(data, size, &spec, &spec_size);

    mem_free(spec);
    return error;
}

static void check_file(const char *name, const char *content, size_t n)
{
    static char buffer[20000];
    struct file *f;

    assert_int_equal(vfs_open(name, O_RDONLY, 0, &f), 0);
    assert_int_equal(vfs_read_at(f, buffer, sizeof buffer, 0), n);
    assert_memory_equal(buffer, content, n);
    file_put(f);
}

static struct inode *inode_of(const char *name)
{
    struct path p;

    assert_int_equal(path_walk(AT_FDCWD, name, 0, &p), 0);
    struct inode *i = p.dentry->inode;
    path_put(&p);
    return i;
}

static size_t build(struct archive *a)
{
    static char big[9000];

    memset(big, 'b', sizeof big);
    *a = (struct archive){.data = archive, .room = sizeof archive};
    archive_add(a, &(struct archive_member){"bin", 0040755});
    archive_add(a, &(struct archive_member){"bin/sh", 0100755, "hello", 5, .uid = 7, .mtime = 1000});
    archive_add(a, &(struct archive_member){"deep/er/file", 0104711, big, 9000, .align = 4096});
    archive_add(a, &(struct archive_member){"link", 0120777, "bin/sh", 6});
    archive_add(a, &(struct archive_member){"null", 0020666, .rdev_major = 1, .rdev_minor = 3});
    archive_add(a, &(struct archive_member){"hard1", 0100644, .inode = 5, .links = 2});
    archive_add(a, &(struct archive_member){"hard2", 0100644, "both", 4, .inode = 5, .links = 2});
    archive_add(a, &(struct archive_member){"/abs", 0100644, "a", 1});
    archive_add(a, &(struct archive_member){INIT_SPEC_NAME, 0100644, "arg=x", 6});
    archive_end(a);
    return a->used;
}

static void check_built(void)
{
    static char big[9000];

    memset(big, 'b', sizeof big);
    check_file("bin/sh", "hello", 5);
    check_file("link", "hello", 5);
    check_file("deep/er/file", big, 9000);
    check_file("hard1", "both", 4);
    check_file("abs", "a", 1);
    assert_int_equal(inode_of("bin/sh")->uid, 7);
    assert_int_equal(inode_of("bin/sh")->modify_ns, 1000 * 1000000000ULL);
    assert_int_equal(inode_of("deep/er/file")->mode, 0104711);
    assert_int_equal(inode_of("null")->rdev, 0x103);
    assert_ptr_equal(inode_of("hard1"), inode_of("hard2"));
    assert_int_equal(inode_of("hard1")->links, 2);
}

static void test_plain(void **state)
{
    struct archive a;
    void *spec;
    size_t spec_size, size = build(&a);

    assert_int_equal(fs_unpack_cpio(archive, size, &spec, &spec_size), 0);
    assert_int_equal(spec_size, 6);
    assert_memory_equal(spec, "arg=x", 6);
    mem_free(spec);
    check_built();
    struct path p;
    assert_int_equal(path_walk(AT_FDCWD, INIT_SPEC_NAME, 0, &p), -ENOENT);
    /* whole pages of aligned content were not copied, the last part of a page was */
    struct inode *i = inode_of("deep/er/file");
    assert_true(page_tree_find(&i->pages, 0)->flags);
    assert_true(page_tree_find(&i->pages, 1)->flags);
    assert_false(page_tree_find(&i->pages, 2)->flags);
    assert_false(page_tree_find(&inode_of("bin/sh")->pages, 0)->flags);
}

static size_t compress_archive(size_t size, char *out, size_t room)
{
    z_stream z = {.next_in = (unsigned char *)archive, .avail_in = (unsigned)size, .next_out = (unsigned char *)out,
                  .avail_out = (unsigned)room};

    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static void test_gzip(void **state)
{
    static char packed[1 << 16];
    struct archive a;
    size_t size = compress_archive(build(&a), packed, sizeof packed);

    assert_int_equal(unpack(packed, size), 0);
    check_built();
    assert_int_equal(unpack(packed, size), 0); /* over itself */
    check_built();
    for (size_t cut = 0; cut < size; cut += 97)
        if (cut)
            assert_int_equal(unpack(packed, cut), -EINVAL);
    packed[size / 2] ^= 0x55;
    assert_int_equal(unpack(packed, size), -EINVAL);
}

/* A plain archive, padding, a gzip one, another plain one: later members win. */
static void test_concatenated(void **state)
{
    static char both[1 << 18], second[4096];
    struct archive a, b = {.data = second, .room = sizeof second};
    size_t size = build(&a);

    archive_add(&b, &(struct archive_member){"bin/sh", 0100700, "newer", 5});
    archive_add(&b, &(struct archive_member){"link", 0040755});
    archive_end(&b);
    size_t packed = compress_archive(size, both, sizeof both);
    memset(both + packed, 0, 512);
    memcpy(both + packed + 512, second, b.used);
    assert_int_equal(unpack(both, packed + 512 + b.used), 0);
    check_file("bin/sh", "newer", 5);
    assert_true(S_ISDIR(inode_of("link")->mode));
}

static void test_refused(void **state)
{
    static const struct archive_member bad[] = {
        {"file", 0160644, "x", 1},           /* no such type */
        {"link", 0120777, "", 0},            /* empty target */
        {"link", 0120777, "a\0b", 3},        /* NUL in the target */
        {"..", 0100644, "x", 1},             /* not a file's name */
        {"file/", 0100644, "x", 1},
    };

    for (size_t n = 0; n < ARRAY_SIZE(bad); n++) {
        struct archive a = {.data = archive, .room = sizeof archive};
        archive_add(&a, &bad[n]);
        archive_end(&a);
        assert_int_not_equal(unpack(archive, a.used), 0);
    }
    assert_int_equal(unpack("rubbish that is no archive at all", 33), -EINVAL);
    struct archive a;
    size_t size = build(&a);
    assert_int_equal(unpack(archive, size - 300), -EINVAL);
}

static void test_no_memory(void **state)
{
    struct archive a;
    size_t size = build(&a);
    bool failed = true;

    for (long n = 0; failed; n++) {
        long before = fake_allocations_live();
        fake_enter_mount();
        fake_fail_after(n);
        int error = unpack(archive, size);
        failed = fake_has_failed();
        fake_fail_after(-1);
        assert_int_equal(error, failed ? -ENOMEM : 0);
        fake_leave_mount();
        assert_int_equal(fake_allocations_live(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_plain, enter, leave),
        cmocka_unit_test_setup_teardown(test_gzip, enter, leave),
        cmocka_unit_test_setup_teardown(test_concatenated, enter, leave),
        cmocka_unit_test_setup_teardown(test_refused, enter, leave),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
