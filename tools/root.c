/*
 * See tools/root.h.
 */
#include "tools/root.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/cpio.h"
#include "tools/message.h"
#include "tools/program.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The tree under construction: which names are in it already (a tree of <search.h>). */
struct tree {
    struct archive *archive;
    void *names;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool tree_has(const struct tree *t, const char *name)
{
    return tfind(name, &t->names, compare_names) != NULL;
}

static bool tree_claim(struct tree *t, const char *name)
{
    if (tree_has(t, name))
        return false;
    if (!tsearch(must_format("%s", name), &t->names, compare_names))
        fail(EXIT_LAUNCHER, "out of memory");
    return true;
}

static void tree_add_directory(struct tree *t, const char *name, mode_t permissions)
{
    if (tree_claim(t, name))
        archive_add_directory(t->archive, name, permissions);
}

/* The folders above path ("usr/bin/x": usr, usr/bin), as far as they are not there. */
static void tree_add_parents(struct tree *t, const char *path)
{
    char *copy = must_format("%s", path);

    for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        tree_add_directory(t, copy, 0755);
        *slash = '/';
    }
    free(copy);
}

static void archive_add_from_disk(struct archive *a, const char *name, const char *path, const struct stat *st)
{
    struct bytes content = {0};
    int error = 0;

    if (S_ISREG(st->st_mode)) {
        error = bytes_read_file(&content, path);
    } else if (S_ISLNK(st->st_mode)) {
        ssize_t n = readlink(path, (char *)bytes_reserve(&content, PATH_MAX), PATH_MAX);
        error = n < 0 ? -errno : 0;
        content.size = n < 0 ? 0 : (size_t)n;
    }
    if (error)
        fail(EXIT_LAUNCHER, "cannot read %s: %s", path, strerror(-error));
    archive_add(a, name, st, content.data, content.size);
    bytes_free(&content);
}

/* Everything under `folder` on disk as `prefix`... in the tree. */
static void tree_add_folder(struct tree *t, const char *folder, const char *prefix)
{
    char *paths[] = {(char *)folder, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    size_t skip = strlen(folder);

    if (!walk)
        fail(EXIT_LAUNCHER, "cannot read %s: %s", folder, strerror(errno));
    for (FTSENT *e = fts_read(walk); e; e = fts_read(walk)) {
        if (e->fts_info == FTS_DP)
            continue;
        if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR || e->fts_info == FTS_NS)
            fail(EXIT_LAUNCHER, "cannot read %s: %s", e->fts_path, strerror(e->fts_errno));
        const char *rest = e->fts_path + skip;
        rest += strspn(rest, "/");
        char *name = must_format("%s%s%s", prefix, *prefix && *rest ? "/" : "", rest);
        if (!S_ISSOCK(e->fts_statp->st_mode) && tree_claim(t, *name ? name : "."))
            archive_add_from_disk(t->archive, *name ? name : ".", e->fts_path, e->fts_statp);
        free(name);
    }
    fts_close(walk);
}

/* A file, link or folder of this machine at its own path; a link's target comes along. */
static void tree_add_path(struct tree *t, const char *path)
{
    char *absolute = path[0] == '/' ? must_format("%s", path) : NULL;
    char folder[PATH_MAX];
    struct stat st;

    if (!absolute && getcwd(folder, sizeof folder))
        absolute = must_format("%s/%s", folder, path);
    if (!absolute || lstat(absolute, &st) != 0)
        fail(EXIT_LAUNCHER, "--add %s: %s", path, strerror(errno));
    const char *name = absolute + strspn(absolute, "/");
    tree_add_parents(t, name);
    if (S_ISDIR(st.st_mode))
        tree_add_folder(t, absolute, name);
    else if (tree_claim(t, name))
        archive_add_from_disk(t->archive, name, absolute, &st);
    if (S_ISLNK(st.st_mode)) {
        char *target = realpath(absolute, NULL);
        if (target)
            tree_add_path(t, target);
        free(target);
    }
    free(absolute);
}

/* The program under the name it was called by: links on the way are followed, so that one file is enough. */
static void tree_add_program(struct tree *t, const char *path)
{
    struct bytes content = {0};
    struct stat st;
    int error = stat(path, &st) ? -errno : bytes_read_file(&content, path);

    if (error)
        fail(EXIT_NOT_EXECUTABLE, "%s: %s", path, strerror(-error));
    tree_add_parents(t, path + 1);
    if (tree_claim(t, path + 1))
        archive_add(t->archive, path + 1, &st, content.data, content.size);
    bytes_free(&content);
}

/* A path on this machine for `name`, by PATH if it has no slash: absolute, without "." parts.  Allocated. */
static char *find_on_machine(const char *name)
{
    char folder[PATH_MAX];

    if (strchr(name, '/')) {
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
    const char *list = getenv("PATH") ? getenv("PATH") : DEFAULT_PATH;
    while (*list) {
        size_t n = strcspn(list, ":");
        char *path = must_format("%.*s/%s", (int)n, list, name);
        if (n > 0 && *list == '/' && access(path, X_OK) == 0)
            return path;
        free(path);
        list += n + (list[n] == ':');
    }
    fail(EXIT_NOT_FOUND, "%s: not found in PATH", name);
}

static const char *executable_of(const struct run_options *o)
{
    return o->executable ? o->executable : o->program[0];
}

static char *build_minimal(struct archive *a, const struct run_options *o)
{
    struct tree t = {.archive = a};
    char *path = find_on_machine(executable_of(o));
    struct bytes head = {0};
    int error = bytes_read_file(&head, path);

    if (error)
        fail(error == -ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE, "%s: %s", path, strerror(-error));
    if (access(path, X_OK) != 0)
        fail(EXIT_NOT_EXECUTABLE, "%s: %s", path, strerror(errno));
    struct program_kind kind = program_examine(path, head.data, head.size);
    tree_add_directory(&t, ".", 0755);
    tree_add_directory(&t, "proc", 0555);
    tree_add_directory(&t, "dev", 0755);
    tree_add_directory(&t, "tmp", 01777);
    for (size_t i = 0; i < o->added.count; i++)
        tree_add_path(&t, o->added.items[i]);
    tree_add_program(&t, path);
    if (kind.interpreter) {
        if (access(kind.interpreter, X_OK) != 0)
            fail(EXIT_NOT_EXECUTABLE, "%s: its interpreter %s: %s", path, kind.interpreter, strerror(errno));
        struct bytes interpreter = {0};
        if (bytes_read_file(&interpreter, kind.interpreter) == 0)
            program_refuse_dynamic(kind.interpreter, program_examine(kind.interpreter, interpreter.data,
                                                                     interpreter.size).loader);
        bytes_free(&interpreter);
        tree_add_program(&t, kind.interpreter);
    }
    if (kind.loader && !tree_has(&t, kind.loader + 1))
        program_refuse_dynamic(path, kind.loader);
    bytes_free(&head);
    return path;
}

/* Follow symbolic links inside the archive so far; returns the member of the file at path, or false. */
static bool find_in_archive(const struct archive *a, const char *path, struct cpio_member *m)
{
    char resolved[PATH_MAX], next[PATH_MAX + 1];

    snprintf(resolved, sizeof resolved, "%s", path + strspn(path, "/"));
    for (int links = 0; links < 40; links++) {
        bool followed = false;
        for (size_t end = 0; !followed;) {
            end += strcspn(resolved + end, "/");
            char part[PATH_MAX];
            snprintf(part, sizeof part, "%.*s", (int)end, resolved);
            if (cpio_find(a->bytes.data, a->bytes.size, part, m) != 1)
                return false;
            if (S_ISLNK(m->mode)) {
                const char *folder_end = strrchr(part, '/');
                bool absolute = m->size > 0 && m->content[0] == '/';
                int prefix = absolute || !folder_end ? 0 : (int)(folder_end - part) + 1;
                int n = snprintf(next, sizeof next, "%.*s%.*s%s", prefix, part, (int)m->size - absolute,
                                 m->content + absolute, resolved + end);
                if (n >= PATH_MAX)
                    return false;
                memcpy(resolved, next, (size_t)n + 1);
                followed = true;
            } else if (!resolved[end]) {
                return true;
            } else {
                end++;
            }
        }
    }
    return false;
}

/* Check the program inside a root that the user gave; a name without a slash is searched in the usual folders. */
static char *find_program_in(const struct archive *a, const char *name)
{
    struct cpio_member m;
    char *path = NULL;

    if (strchr(name, '/')) {
        path = must_format("%s%s", name[0] == '/' ? "" : "/", name);
        if (!find_in_archive(a, path, &m))
            fail(EXIT_NOT_FOUND, "%s: not in the root", path);
    }
    for (const char *list = DEFAULT_PATH; !path && *list;) {
        size_t n = strcspn(list, ":");
        char *candidate = must_format("%.*s/%s", (int)n, list, name);
        if (find_in_archive(a, candidate, &m))
            path = candidate;
        else
            free(candidate);
        list += n + (list[n] == ':');
    }
    if (!path)
        fail(EXIT_NOT_FOUND, "%s: not in the root's usual folders (%s)", name, DEFAULT_PATH);
    if (!S_ISREG(m.mode) || !(m.mode & 0111))
        fail(EXIT_NOT_EXECUTABLE, "%s: not an executable file", path);
    struct program_kind kind = program_examine(path, m.content, m.size);
    const char *needed = kind.interpreter ? kind.interpreter : kind.loader;
    if (needed && !find_in_archive(a, needed, &m))
        fail(EXIT_NOT_EXECUTABLE, "%s: needs %s, which is not in the root", path, needed);
    return path;
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

/* Repack the members, so that file data gets page aligned.  Hard links become copies of the file. */
static void copy_archive(struct tree *t, const char *path)
{
    struct bytes raw = {0};
    struct cpio_reader reader;
    struct cpio_member m;
    int more;

    read_archive_file(&raw, path);
    cpio_open(&reader, raw.data, raw.size);
    while ((more = cpio_next(&reader, &m)) == 1) {
        struct stat st = {.st_mode = m.mode, .st_uid = m.uid, .st_gid = m.gid, .st_mtime = m.mtime,
                          .st_rdev = makedev(m.rdev_major, m.rdev_minor)};
        const char *name = m.name + strspn(m.name, "/");
        while (strncmp(name, "./", 2) == 0)
            name += 2;
        if (tree_claim(t, *name ? name : "."))
            archive_add(t->archive, *name ? name : ".", &st, m.content, m.size);
    }
    if (more < 0 || !t->names)
        fail(EXIT_LAUNCHER, "--root %s: not a newc cpio archive (stopped at byte %zu)", path, reader.offset);
    bytes_free(&raw);
}

static char *build_given(struct archive *a, const struct run_options *o)
{
    struct tree t = {.archive = a};
    struct stat st;

    if (stat(o->root, &st) != 0)
        fail(EXIT_LAUNCHER, "--root %s: %s", o->root, strerror(errno));
    for (size_t i = 0; i < o->added.count; i++)
        tree_add_path(&t, o->added.items[i]);
    if (S_ISDIR(st.st_mode))
        tree_add_folder(&t, o->root, "");
    else
        copy_archive(&t, o->root);
    tree_add_directory(&t, "proc", 0555);
    tree_add_directory(&t, "dev", 0755);
    tree_add_directory(&t, "tmp", 01777);
    return find_program_in(a, executable_of(o));
}

char *root_build(struct archive *a, const struct run_options *o)
{
    return o->root ? build_given(a, o) : build_minimal(a, o);
}
