/*
 * The parts that make a root: the tree of names, what an ELF file needs, the cache of ldconfig.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/cpio.h"
#include "lib/elf.h"
#include "tools/elf_needs.h"
#include "tools/ld_cache.h"
#include "tools/library_search.h"
#include "tools/tree.h"

/* --- the tree --- */

static struct tree_node *make_folder(struct tree_node *folder, const char *name)
{
    return tree_put_folder(folder, name, 0700);
}

static const struct stat link_stat = {.st_mode = S_IFLNK | 0777}, file_stat = {.st_mode = S_IFREG | 0644};

static void walks_follow_links(void **state)
{
    struct tree_node *root = tree_new();
    struct tree_node *bin = tree_walk(root, "/usr/bin", make_folder);
    struct tree_node *file = tree_put(bin, "sh", &file_stat);

    tree_put_link(root, "bin", &link_stat, "usr/bin");
    tree_put_link(root, "round", &link_stat, "/round");
    tree_put_link(bin, "up", &link_stat, "../../bin");
    tree_put_link(bin, "bash", &link_stat, "/bin/sh");
    assert_ptr_equal(tree_walk(root, "/bin/sh", NULL), file);
    assert_ptr_equal(tree_walk(root, "bin/../bin/./up/bash", NULL), file);
    assert_ptr_equal(tree_walk(root, "/../..", NULL), root);
    assert_null(tree_walk(root, "/round/x", NULL));
    assert_null(tree_walk(root, "/bin/sh/x", NULL));
    assert_null(tree_walk(root, "/bin/sh/x", make_folder));
    assert_null(tree_walk(root, "/none", NULL));
    assert_ptr_equal(tree_child(root, "usr"), bin->parent);
    char *path = tree_path(tree_walk(root, "/bin/new/er", make_folder));
    assert_string_equal(path, "/usr/bin/new/er");
    free(path);
    tree_free(root);
}

static void later_ones_replace(void **state)
{
    struct tree_node *root = tree_new();
    struct tree_node *folder = tree_put_folder(root, "a", 0755);

    tree_put(folder, "b", &file_stat);
    assert_ptr_equal(tree_put_folder(root, "a", 0700), folder);
    assert_int_equal(folder->st.st_mode, S_IFDIR | 0700);
    assert_non_null(tree_child(folder, "b"));
    tree_put(root, "a", &file_stat);
    assert_true(S_ISREG(tree_child(root, "a")->st.st_mode));
    assert_null(tree_walk(root, "/a/b", NULL));
    tree_free(root);
}

static void trees_become_archives(void **state)
{
    struct tree_node *root = tree_new();
    struct archive a = {0};
    struct cpio_member m;

    struct tree_node *file = tree_put(tree_walk(root, "/x/y", make_folder), "f", &file_stat);
    bytes_append(&file->content, "hello", 5);
    tree_put_link(root, "l", &link_stat, "x/y");
    tree_write(root, &a);
    archive_end(&a);
    assert_int_equal(cpio_find(a.bytes.data, a.bytes.size, ".", &m), 1);
    assert_int_equal(cpio_find(a.bytes.data, a.bytes.size, "x/y/f", &m), 1);
    assert_int_equal(m.size, 5);
    assert_memory_equal(m.content, "hello", 5);
    assert_int_equal(cpio_find(a.bytes.data, a.bytes.size, "l", &m), 1);
    assert_int_equal(m.mode, S_IFLNK | 0777);
    assert_memory_equal(m.content, "x/y", 3);
    bytes_free(&a.bytes);
    tree_free(root);
}

/* --- ELF files --- */

static const char strings[] = "\0liba.so\0libb.so.2\0$ORIGIN/../lib:/opt\0me.so";

enum { AT_A = 1, AT_B = 9, AT_PATH = 19, AT_ME = 39 };

struct file { /* one segment at 0x1000 that holds all of it */
    Elf64_Ehdr e;
    Elf64_Phdr p[3];
    char interpreter[16];
    Elf64_Dyn d[8];
    char strings[sizeof strings];
};

static struct file make_file(void)
{
    struct file f = {
        .e = {.e_ident = {0x7f, 'E', 'L', 'F', 2, 1, 1}, .e_type = ET_DYN, .e_machine = EM_X86_64,
              .e_phoff = offsetof(struct file, p), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3},
        .p = {{.p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = sizeof f, .p_memsz = sizeof f},
              {.p_type = PT_DYNAMIC, .p_offset = offsetof(struct file, d), .p_filesz = sizeof f.d},
              {.p_type = PT_INTERP, .p_offset = offsetof(struct file, interpreter), .p_filesz = sizeof f.interpreter}},
        .interpreter = "/lib/loader",
        .d = {{DT_NEEDED, {AT_A}}, {DT_NEEDED, {AT_B}}, {DT_SONAME, {AT_ME}}, {29, {AT_PATH}},
              {DT_STRTAB, {0x1000 + offsetof(struct file, strings)}}, {DT_STRSZ, {sizeof strings}}},
    };

    memcpy(f.strings, strings, sizeof strings);
    return f;
}

static void needs_are_read(void **state)
{
    struct file f = make_file();
    struct elf_needs n;

    assert_int_equal(elf_needs_read(&n, &f, sizeof f), 0);
    assert_string_equal(n.interpreter, "/lib/loader");
    assert_int_equal(n.needed.count, 2);
    assert_string_equal(n.needed.items[0], "liba.so");
    assert_string_equal(n.needed.items[1], "libb.so.2");
    assert_string_equal(n.runpath, "$ORIGIN/../lib:/opt");
    assert_null(n.rpath);
    assert_string_equal(n.name, "me.so");
    elf_needs_free(&n);
}

static void expect_refused(const struct file *f, int error)
{
    struct elf_needs n;

    assert_int_equal(elf_needs_read(&n, f, sizeof *f), error);
    assert_null(n.interpreter);
    assert_int_equal(n.needed.count, 0);
}

static void broken_files_are_refused(void **state)
{
    struct file f = make_file();
    struct elf_needs n;

    assert_int_equal(elf_needs_read(&n, &f, 10), -ENOEXEC);
    f.e.e_machine = 3;
    expect_refused(&f, -ENOEXEC);
    f = make_file();
    f.d[0].d_un.d_val = sizeof strings; /* a name outside of the strings */
    expect_refused(&f, -EINVAL);
    f = make_file();
    f.d[5].d_un.d_val = 15; /* strings end inside of a name */
    expect_refused(&f, -EINVAL);
    f = make_file();
    f.d[5].d_un.d_val = UINT64_MAX;
    expect_refused(&f, -EINVAL);
    f = make_file();
    f.d[4].d_un.d_ptr = 0x5000; /* in no segment */
    expect_refused(&f, -EINVAL);
    f = make_file();
    f.p[1].p_offset = UINT64_MAX - 8;
    expect_refused(&f, -EINVAL);
    f = make_file();
    f.p[2].p_filesz = 4; /* without its NUL */
    expect_refused(&f, -EINVAL);
    f = make_file();
    f.interpreter[0] = 'x';
    expect_refused(&f, -EINVAL);
}

/* --- the cache --- */

struct cache {
    char magic[20];
    uint32_t count, strings_size, unused[5];
    struct {
        int32_t flags;
        uint32_t name, path, version;
        uint64_t hardware;
    } entries[3];
    char strings[32];
};

static struct bytes make_cache(struct cache *c)
{
    const uint32_t s = offsetof(struct cache, strings);

    *c = (struct cache){.count = 3, .entries = {{0x803, s, s + 6, 0, 0}, {0x303, s, s + 6, 0, 0}, {0x303, s, s + 12, 0, 7}},
                        .strings = "lib.1\0/a/lib\0/b/lib"};
    memcpy(c->magic, "glibc-ld.so.cache1.1", 20);
    c->entries[2].path = s + 13;
    return (struct bytes){(uint8_t *)c, sizeof *c, sizeof *c};
}

static void caches_are_read(void **state)
{
    struct cache c;
    struct bytes b = make_cache(&c);
    uint32_t at = 0;

    assert_string_equal(ld_cache_next(&b, "lib.1", &at), "/a/lib");
    assert_string_equal(ld_cache_next(&b, "lib.1", &at), "/b/lib");
    assert_null(ld_cache_next(&b, "lib.1", &at));
    at = 0;
    assert_null(ld_cache_next(&b, "lib", &at));
    c.entries[1].path = sizeof c;
    at = 0;
    assert_string_equal(ld_cache_next(&b, "lib.1", &at), "/b/lib");
    c.count = 1000;
    at = 0;
    assert_null(ld_cache_next(&b, "lib.1", &at));
    b.size = 20;
    at = 0;
    assert_null(ld_cache_next(&b, "lib.1", &at));
}

/* --- searches, on this machine's own library --- */

static void search(const struct loaded *user, const char *name, const char *expected)
{
    struct library_search s = {0};
    struct string_list found = {0};

    assert_int_equal(library_find(&s, user, name, &found), expected != NULL);
    if (expected)
        assert_string_equal(found.items[0], expected);
    for (size_t i = 0; i < found.count; i++)
        free((char *)found.items[i]);
    free(found.items);
}

static void searches_keep_the_order(void **state)
{
    char origin[] = "$ORIGIN/../x86_64-linux-gnu", braces[] = "/none:${ORIGIN}/.:$NOTHING";
    struct loaded program = {.path = "/usr/lib/x86_64-linux-gnu/program", .needs = {.rpath = braces}};
    struct loaded library = {.path = "/usr/lib/gcc/lib.so", .loader = &program};

    search(&program, "libc.so.6", "/usr/lib/x86_64-linux-gnu/./libc.so.6");
    search(&library, "libc.so.6", "/usr/lib/x86_64-linux-gnu/./libc.so.6");
    library.needs.runpath = origin; /* then the program's own path does not count */
    search(&library, "libc.so.6", "/usr/lib/gcc/../x86_64-linux-gnu/libc.so.6");
    program.needs.rpath = NULL;
    search(&program, "libc.so.6", "/lib/x86_64-linux-gnu/libc.so.6");
    search(&program, "$ORIGIN/libc.so.6", "/usr/lib/x86_64-linux-gnu/libc.so.6");
    search(&program, "libnone.so.6", NULL);
    search(&program, "/etc/passwd", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walks_follow_links),       cmocka_unit_test(later_ones_replace),
        cmocka_unit_test(trees_become_archives),    cmocka_unit_test(needs_are_read),
        cmocka_unit_test(broken_files_are_refused), cmocka_unit_test(caches_are_read),
        cmocka_unit_test(searches_keep_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
