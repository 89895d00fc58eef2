/*
 * See tools/root.h.
 */
#include "tools/root.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/cpio.h"
#include "tools/dependencies.h"
#include "tools/local_files.h"
#include "tools/message.h"
#include "tools/packages.h"
#include "tools/program.h"
#include "tools/terminal_files.h"

/* A path on this machine for `name`, by PATH if it has no slash: absolute, without "." parts.  Allocated. */
static char *find_on_machine(const char *name)
{
    char folder[PATH_MAX];

    if (!strchr(name, '/')) {
        char *path = program_find_in_path(name);
        if (!path)
            fail(EXIT_NOT_FOUND, "%s: not found in PATH", name);
        return path;
    }
    if (access(name, F_OK) != 0)
        fail(EXIT_NOT_FOUND, "%s: %s", name, strerror(errno));
    if (name[0] == '/')
        return must_format("%s", name);
    while (strncmp(name, "./", 2) == 0)
        name += 2;
    if (!getcwd(folder, sizeof folder))
        fail(EXIT_LAUNCHER, "cannot tell the working directory: %s", strerror(errno));
    return must_format("%s/%s", folder, name);
}

static const char *executable_of(const struct run_options *o)
{
    return o->executable ? o->executable : o->program[0];
}

static void put_standard_folders(struct tree_node *root)
{
    static const struct {
        const char *name;
        mode_t permissions;
    } folders[] = {{"proc", 0555}, {"dev", 0755}, {"tmp", 01777}};

    for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
        if (!tree_child(root, folders[i].name))
            tree_put_folder(root, folders[i].name, folders[i].permissions);
    }
}

/* What --add and --package name; with a program (not NULL), also what that needs. */
static void add_asked_for(struct tree_node *root, const struct run_options *o, const char *program)
{
    struct string_list files = {0};

    for (size_t i = 0; i < o->added.count; i++) {
        int error = local_add(root, o->added.items[i], &files);
        if (error)
            fail(EXIT_LAUNCHER, "--add %s: %s", o->added.items[i], strerror(-error));
    }
    if (program)
        dependencies_of_files(root, o, program, &files);
    for (size_t i = 0; i < files.count; i++)
        free((char *)files.items[i]);
    free(files.items);
    packages_add(root, o); /* what they need comes by their own dependencies */
}

/* /bin and its like, where they are links into /usr: programs name both. */
static void put_usual_links(struct tree_node *root)
{
    static const char *const names[] = {"bin", "sbin", "lib", "lib64"};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char *path = must_format("/%s", names[i]), *target = must_format("/usr/%s", names[i]);
        struct stat st;

        if (tree_walk(root, target, NULL) && !tree_child(root, names[i]) && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
            local_put(root, names[i], path, &st);
        free(target);
        free(path);
    }
}

static void put_text(struct tree_node *folder, const char *name, char *text)
{
    struct stat st = {.st_mode = S_IFREG | 0644, .st_mtime = folder->st.st_mtime};

    if (!tree_child(folder, name)) {
        struct tree_node *node = tree_put(folder, name, &st);
        bytes_append(&node->content, text, strlen(text));
    }
    free(text);
}

/* Names for the ids there are: dynamically linked programs look them up. */
static void put_accounts(struct tree_node *root, const struct run_options *o)
{
    struct tree_node *etc = tree_child(root, "etc") ? tree_walk(root, "/etc", NULL) : tree_put_folder(root, "etc", 0755);

    if (!etc || !S_ISDIR(etc->st.st_mode))
        return;
    put_text(etc, "passwd", o->uid ? must_format("root:x:0:0:root:/root:/bin/sh\nuser:x:%u:%u:user:/:/bin/sh\n", o->uid, o->gid)
                                   : must_format("root:x:0:%u:root:/root:/bin/sh\n", o->gid));
    put_text(etc, "group", o->gid ? must_format("root:x:0:\nuser:x:%u:\n", o->gid) : must_format("root:x:0:\n"));
}

static char *build_minimal(struct tree_node *root, const struct run_options *o)
{
    char *path = find_on_machine(executable_of(o));
    int error = access(path, X_OK) ? -errno : local_add(root, path, NULL);

    if (error)
        fail(EXIT_NOT_EXECUTABLE, "%s: %s", path, strerror(-error));
    bool dynamic = dependencies_of_program(root, o, path);
    add_asked_for(root, o, path);
    put_usual_links(root);
    put_standard_folders(root);
    if (o->tty)
        terminal_files_add(root, o);
    if (dynamic)
        put_accounts(root, o);
    return path;
}

/* An executable file of the root by its path there, with all that execve will look for. */
static void check_given(struct tree_node *root, const char *path)
{
    const struct tree_node *node = tree_walk(root, path, NULL);

    if (!node)
        fail(EXIT_NOT_FOUND, "%s: not in the root", path);
    if (!S_ISREG(node->st.st_mode) || !(node->st.st_mode & 0111))
        fail(EXIT_NOT_EXECUTABLE, "%s: not an executable file", path);
    struct program_kind kind = node->source ? program_examine(node->source)
                                            : program_examine_bytes(node->content.data, node->content.size);
    if (kind.wrong)
        fail(EXIT_NOT_EXECUTABLE, "%s: %s", path, kind.wrong);
    const char *needed = kind.interpreter ? kind.interpreter : kind.loader;
    if (needed && !tree_walk(root, needed, NULL))
        fail(EXIT_NOT_EXECUTABLE, "%s: needs %s, which is not in the root", path, needed);
    program_kind_free(&kind);
}

/* The program inside a root that the user gave; a name without a slash is searched in the usual folders. */
static char *find_program_in(struct tree_node *root, const char *name)
{
    if (strchr(name, '/')) {
        char *path = must_format("%s%s", name[0] == '/' ? "" : "/", name);
        check_given(root, path);
        return path;
    }
    for (const char *list = DEFAULT_PATH; *list;) {
        size_t n = strcspn(list, ":");
        char *path = must_format("%.*s/%s", (int)n, list, name);
        if (tree_walk(root, path, NULL)) {
            check_given(root, path);
            return path;
        }
        free(path);
        list += n + (list[n] == ':');
    }
    fail(EXIT_NOT_FOUND, "%s: not in the root's usual folders (%s)", name, DEFAULT_PATH);
}

/* gzip or plain. */
static void read_archive_file(struct bytes *b, const char *path)
{
    gzFile file = gzopen(path, "rb");
    int n;

    if (!file)
        fail(EXIT_LAUNCHER, "--root %s: %s", path, strerror(errno));
    do {
        n = gzread(file, bytes_reserve(b, 1 << 20), 1 << 20);
        if (n < 0)
            fail(EXIT_LAUNCHER, "--root %s: not readable as (gzipped) cpio: %s", path, gzerror(file, &n));
        b->size += (size_t)n;
    } while (n > 0);
    gzclose(file);
}

static struct tree_node *make_plain_folder(struct tree_node *folder, const char *name)
{
    return tree_put_folder(folder, name, 0755);
}

static void put_member(struct tree_node *root, const struct cpio_member *m, const char *archive)
{
    struct stat st = {.st_mode = m->mode, .st_uid = m->uid, .st_gid = m->gid, .st_mtime = m->mtime,
                      .st_rdev = makedev(m->rdev_major, m->rdev_minor)};
    const char *slash = strrchr(m->name, '/');
    char *above = must_format("%.*s", slash ? (int)(slash - m->name) : 0, m->name);
    const char *name = slash ? slash + 1 : m->name;
    struct tree_node *folder = tree_walk(root, above, make_plain_folder);

    if (!folder || !S_ISDIR(folder->st.st_mode))
        fail(EXIT_LAUNCHER, "--root %s: %s lies in something that is no folder", archive, m->name);
    if (!*name || strcmp(name, ".") == 0) {
        folder->st = st;
    } else {
        struct tree_node *node = tree_put(folder, name, &st);
        bytes_append(&node->content, m->content, m->size);
    }
    free(above);
}

/* The members as nodes, to be written again with file data page aligned.  Hard links become copies of the file. */
static void read_archive(struct tree_node *root, const char *path)
{
    struct bytes raw = {0};
    struct cpio_reader reader;
    struct cpio_member m;
    size_t count = 0;
    int more;

    read_archive_file(&raw, path);
    cpio_open(&reader, raw.data, raw.size);
    while ((more = cpio_next(&reader, &m)) == 1) {
        put_member(root, &m, path);
        count++;
    }
    if (more < 0 || !count)
        fail(EXIT_LAUNCHER, "--root %s: not a newc cpio archive (stopped at byte %zu)", path, reader.offset);
    bytes_free(&raw);
}

static char *build_given(struct tree_node *root, const struct run_options *o)
{
    struct stat st;

    if (stat(o->root, &st) != 0)
        fail(EXIT_LAUNCHER, "--root %s: %s", o->root, strerror(errno));
    if (S_ISDIR(st.st_mode))
        local_add_folder(root, o->root, NULL);
    else
        read_archive(root, o->root);
    add_asked_for(root, o, NULL);
    put_standard_folders(root);
    return find_program_in(root, executable_of(o));
}

char *root_build(struct archive *a, const struct run_options *o)
{
    struct tree_node *root = tree_new();
    char *program = o->root ? build_given(root, o) : build_minimal(root, o);

    tree_write(root, a);
    tree_free(root);
    return program;
}
