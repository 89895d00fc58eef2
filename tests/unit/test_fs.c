/*
 * fs/ on the host: path walk, tmpfs, renames, descriptors, pipes, page trees; and every allocation failing in turn.
 * What the calls answer is compared with Linux by tests/abi/; here it is the structures and their ends that count.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#include "fs/pipe.h"
#include "fs/tmpfs.h"
#include "guest_kernel/core/alloc.h"
#include "lib/format.h"
#include "lib/string.h"
#include "tests/unit/fake_core.h"

static long live_before;
static struct file_table *first_table;

static int enter(void **state)
{
    live_before = fake_allocations_live();
    fake_enter_mount();
    first_table = fake_task.files;
    fake_task.files = file_table_create();
    return fake_task.files ? 0 : -1;
}

/* All that a test made goes with its mount. */
static int leave(void **state)
{
    file_table_put(fake_task.files);
    fake_task.files = first_table;
    fake_leave_mount();
    assert_int_equal(fake_allocations_live(), live_before);
    return 0;
}

static int start(void **state)
{
    fake_start();
    return 0;
}

static int make(const char *name)
{
    struct file *f;
    int error = vfs_open(name, O_CREAT | O_RDWR, 0644, &f);

    if (!error)
        file_put(f);
    return error;
}

static int look(const char *name)
{
    struct path p;
    int error = path_walk(AT_FDCWD, name, WALK_FOLLOW, &p);

    if (!error)
        path_put(&p);
    return error;
}

static void test_walk(void **state)
{
    struct path p;
    bool deleted;
    char text[64];

    assert_int_equal(tree_make(AT_FDCWD, "a", S_IFDIR | 0755, 0), 0);
    assert_int_equal(tree_make(AT_FDCWD, "a/b", S_IFDIR | 0755, 0), 0);
    assert_int_equal(make("a/b/f"), 0);
    assert_int_equal(tree_symlink("../b/./f", AT_FDCWD, "a/b/l"), 0);
    assert_int_equal(tree_symlink("/a//b/", AT_FDCWD, "abs"), 0);
    assert_int_equal(tree_symlink("self", AT_FDCWD, "self"), 0);
    assert_int_equal(look("a/b/l"), 0);
    assert_int_equal(look("abs/l"), 0);
    assert_int_equal(look("abs/../b/../../../../a"), 0);
    assert_int_equal(look("self"), -ELOOP);
    assert_int_equal(look("self/x"), -ELOOP);
    assert_int_equal(look("a/b/l/x"), -ENOTDIR);
    assert_int_equal(look("a/b/l/"), -ENOTDIR);
    assert_int_equal(look("a/none/../b"), -ENOENT);
    assert_int_equal(path_walk(AT_FDCWD, "abs/l", WALK_FOLLOW, &p), 0);
    struct path root;
    context_paths(&root, NULL);
    assert_int_equal(path_format(&p, &root, text, sizeof text, &deleted), 6);
    assert_string_equal(text, "/a/b/f");
    assert_int_equal(path_format(&p, &root, text, 6, &deleted), -ENAMETOOLONG);
    assert_int_equal(tree_remove(AT_FDCWD, "a/b/f", false), 0);
    assert_int_equal(path_format(&p, &root, text, sizeof text, &deleted), 6);
    assert_true(deleted);
    path_put(&root);
    path_put(&p);
}

static void test_long_names(void **state)
{
    char name[300];

    memset(name, 'n', sizeof name);
    for (int length = 28; length < 40; length++) { /* around what fits in a dentry */
        name[length] = '\0';
        assert_int_equal(make(name), 0);
        assert_int_equal(tree_rename(AT_FDCWD, name, AT_FDCWD, "short", 0), 0);
        assert_int_equal(tree_rename(AT_FDCWD, "short", AT_FDCWD, name, 0), 0);
        assert_int_equal(make("other"), 0);
        assert_int_equal(tree_rename(AT_FDCWD, name, AT_FDCWD, "other", RENAME_EXCHANGE), 0);
        assert_int_equal(look(name), 0);
        assert_int_equal(tree_remove(AT_FDCWD, name, false), 0);
        name[length] = 'n';
    }
    name[256] = '\0';
    assert_int_equal(make(name), -ENAMETOOLONG);
}

/* A random tree of renames, with a count of what must be there. */
static void test_random_renames(void **state)
{
    unsigned seed = 1;
    char a[32], b[32];

    for (int d = 0; d < 6; d++) {
        format(a, sizeof a, "d%d", d);
        assert_int_equal(tree_make(AT_FDCWD, a, S_IFDIR | 0755, 0), 0);
    }
    for (int n = 0; n < 20000; n++) {
        seed = seed * 1103515245 + 12345;
        unsigned r = seed >> 8;
        format(a, sizeof a, "d%u/%s%u", r % 6, r & 64 ? "d" : "f", r >> 7 & 7);
        format(b, sizeof b, "d%u/d%u/%u", r >> 10 & 3, r >> 12 & 7, r >> 15 & 3);
        switch (r >> 20 & 7) {
        case 0: (void)!make(a); break;
        case 1: (void)!tree_make(AT_FDCWD, a, S_IFDIR | 0755, 0); break;
        case 2: (void)!tree_rename(AT_FDCWD, a, AT_FDCWD, b, 0); break;
        case 3: (void)!tree_rename(AT_FDCWD, b, AT_FDCWD, a, 0); break;
        case 4: (void)!tree_rename(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE); break;
        case 5: (void)!tree_remove(AT_FDCWD, b, r & 1); break;
        case 6: (void)!tree_remove(AT_FDCWD, a, r & 1); break;
        default: (void)!tree_make(AT_FDCWD, b, S_IFDIR | 0755, 0); break;
        }
    }
}

static void test_many_names(void **state)
{
    char name[16];

    for (int n = 0; n < 20000; n++) {
        format(name, sizeof name, "%d", n);
        assert_int_equal(make(name), 0);
    }
    for (int n = 0; n < 20000; n++) {
        format(name, sizeof name, "%d", n);
        assert_int_equal(look(name), 0);
    }
}

static void test_page_tree(void **state)
{
    static const uint64_t far[] = {0, 1, 63, 64, 4095, 4096, 1 << 20, 1ULL << 40, (1ULL << 51) - 1};
    struct page_cache c = {0};
    struct page pages[ARRAY_SIZE(far)];
    uint64_t index = 0;

    for (size_t n = 0; n < ARRAY_SIZE(far); n++)
        assert_int_equal(page_tree_insert(&c, far[n], &pages[n]), 0);
    for (size_t n = 0; n < ARRAY_SIZE(far); n++, index++) {
        assert_ptr_equal(page_tree_find(&c, far[n]), &pages[n]);
        assert_ptr_equal(page_tree_next(&c, &index), &pages[n]);
        assert_int_equal(index, far[n]);
    }
    assert_null(page_tree_next(&c, &index));
    assert_null(page_tree_find(&c, 2));
    assert_null(page_tree_remove(&c, 65));
    for (size_t n = 0; n < ARRAY_SIZE(far); n++)
        assert_ptr_equal(page_tree_remove(&c, far[n]), &pages[n]);
    assert_int_equal(c.count, 0);
    assert_null(c.root);
}

static long move(struct file *f, bool writing, void *buffer, size_t n, uint64_t offset)
{
    struct io_iter it;

    iter_init_kernel(&it, buffer, n);
    return writing ? file_write_at(f, &it, offset) : file_read_at(f, &it, offset);
}

/* Random writes, truncations and holes against a plain array. */
static void test_file_model(void **state)
{
    enum { MAX = 60000 };
    static char model[MAX], buffer[MAX];
    size_t size = 0;
    unsigned seed = 7;
    struct file *f;

    assert_int_equal(vfs_open("f", O_CREAT | O_RDWR, 0600, &f), 0);
    for (int n = 0; n < 3000; n++) {
        seed = seed * 1103515245 + 12345;
        size_t at = (seed >> 8) % (MAX - 9000), length = (seed >> 3) % 9000;
        if (n % 3) {
            memset(buffer, n, length);
            assert_int_equal(move(f, true, buffer, length, at), length);
            memset(model + at, n, length);
            size = length ? MAX(size, at + length) : size;
        } else if (n % 2) {
            assert_int_equal(inode_truncate(f->mount, f->inode, at), 0);
            if (at < size)
                memset(model + at, 0, MAX - at);
            size = at;
        } else if (length) {
            assert_int_equal(f->inode->ops->allocate(f->inode, 3, at, length), 0);
            memset(model + at, 0, length);
        }
        assert_int_equal(f->inode->size, size);
        assert_int_equal(move(f, false, buffer, MAX, 0), size);
        assert_memory_equal(buffer, model, size);
    }
    file_put(f);
}

static void test_descriptors(void **state)
{
    struct file *f;

    assert_int_equal(vfs_open("/", O_RDONLY, 0, &f), 0);
    for (int n = 0; n < 1024; n++)
        assert_int_equal(fd_install(file_get(f), 0, n % 2), n);
    assert_int_equal(fd_reserve(0, false), -EMFILE);
    for (int n = 5; n < 1024; n += 7)
        assert_int_equal(fd_close(n), 0);
    for (int n = 5; n < 1024; n += 7)
        assert_int_equal(fd_install(file_get(f), 0, false), n);
    fd_close_range(100, 900, false);
    assert_int_equal(fd_reserve(0, false), 100);
    assert_int_equal(fd_install_at(f, 100, false), -EBUSY);
    assert_int_equal(file_table_next(fake_task.files, 99), 901);
    struct file_table *copy = file_table_clone(fake_task.files);
    assert_null(file_table_at(copy, 100));
    file_table_close_on_exec(copy);
    assert_int_equal(file_table_next(copy, -1), 0);
    assert_int_equal(file_table_next(copy, 0), 2);
    file_table_put(copy);
    fd_unreserve(100);
    file_put(f);
}

static void test_pipe(void **state)
{
    static char buffer[70000];
    struct file *r, *w;
    struct io_iter it;

    assert_int_equal(pipe_create(&r, &w, O_NONBLOCK), 0);
    iter_init_kernel(&it, buffer, sizeof buffer);
    assert_int_equal(file_write(w, &it), 65536);
    iter_init_kernel(&it, buffer, 1);
    assert_int_equal(file_write(w, &it), -EAGAIN);
    assert_int_equal(pipe_set_size(w, 4096), -EBUSY);
    assert_int_equal(pipe_set_size(w, 131072), 131072);
    iter_init_kernel(&it, buffer, sizeof buffer);
    assert_int_equal(file_read(r, &it), 65536);
    iter_init_kernel(&it, buffer, 100);
    assert_int_equal(file_read(r, &it), -EAGAIN);
    file_put(r);
    iter_init_kernel(&it, buffer, 1);
    assert_int_equal(file_write(w, &it), -EPIPE);
    file_put(w);
}

/* A little of everything; -ENOMEM may come from anywhere. */
static void scenario(void)
{
    struct file *f = NULL, *r, *w;
    char buffer[100] = "x";

    (void)!tree_make(AT_FDCWD, "dir", S_IFDIR | 0755, 0);
    (void)!tree_make(AT_FDCWD, "dir/a name that is too long for the dentry itself", S_IFREG | 0644, 0);
    (void)!tree_symlink("dir", AT_FDCWD, "link");
    (void)!tree_rename(AT_FDCWD, "link/a name that is too long for the dentry itself", AT_FDCWD, "short", 0);
    (void)!tree_rename(AT_FDCWD, "short", AT_FDCWD, "another name that is too long for the dentry", 0);
    if (!vfs_open("dir/f", O_CREAT | O_RDWR, 0600, &f)) {
        (void)!move(f, true, buffer, 100, 1 << 30);
        (void)!move(f, true, buffer, 100, 0);
        (void)!inode_truncate(f->mount, f->inode, 50);
        if (fd_install(f, 200, false) < 0)
            file_put(f);
    }
    if (!vfs_open("/", O_TMPFILE | O_RDWR, 0600, &f))
        file_put(f);
    if (!pipe_create(&r, &w, O_NONBLOCK)) {
        struct io_iter it;
        iter_init_kernel(&it, buffer, 10);
        (void)!file_write(w, &it);
        file_put(r);
        file_put(w);
    }
    (void)!tree_remove(AT_FDCWD, "dir/f", false);
}

static void test_failing_allocations(void **state)
{
    bool failed = true;

    for (long n = 0; failed; n++) {
        long before = fake_allocations_live();
        struct file_table *table = fake_task.files;
        fake_enter_mount();
        assert_non_null(fake_task.files = file_table_create());
        fake_fail_after(n);
        scenario();
        failed = fake_has_failed();
        fake_fail_after(-1);
        file_table_put(fake_task.files);
        fake_task.files = table;
        fake_leave_mount();
        assert_int_equal(fake_allocations_live(), before);
        assert_true(n < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_walk, enter, leave),
        cmocka_unit_test_setup_teardown(test_long_names, enter, leave),
        cmocka_unit_test_setup_teardown(test_random_renames, enter, leave),
        cmocka_unit_test_setup_teardown(test_many_names, enter, leave),
        cmocka_unit_test(test_page_tree),
        cmocka_unit_test_setup_teardown(test_file_model, enter, leave),
        cmocka_unit_test_setup_teardown(test_descriptors, enter, leave),
        cmocka_unit_test_setup_teardown(test_pipe, enter, leave),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
