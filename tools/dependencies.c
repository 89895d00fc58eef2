/*
 * See tools/dependencies.h.
 */
#include "tools/dependencies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tools/library_search.h"
#include "tools/local_files.h"
#include "tools/message.h"
#include "tools/program.h"

#define SCRIPT_DEPTH_MAX 5 /* as Linux */

/* One program and all that is loaded for it. */
struct closure {
    struct tree_node *root;
    const struct run_options *options;
    const char *about;      /* the program that messages name */
    bool required;          /* what is missing ends the launcher */
    const struct string_list *companions; /* files that come along with it: it may know where they are; NULL: none */
    struct library_search search;
    struct loaded **loaded; /* allocated one by one: they point to each other */
    size_t count;
};

static struct string_list told; /* what was said to be missing already */

static bool list_has(const struct string_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *slash = strrchr(list->items[i], '/');
        if (strcmp(list->items[i], name) == 0 || (slash && strcmp(slash + 1, name) == 0))
            return true;
    }
    return false;
}

/* Of several that lack the same thing, one is told. */
static void missing(const struct closure *c, const char *thing, char *what)
{
    if (c->required)
        fail(EXIT_NOT_EXECUTABLE, "%s: %s", c->about, what);
    if (!list_has(&told, thing)) {
        string_list_add(&told, must_format("%s", thing));
        message("%s: %s", c->about, what);
    }
    free(what);
}

static bool bring(const struct closure *c, const char *path)
{
    int error = local_add(c->root, path, NULL);

    if (error)
        missing(c, path, must_format("needs %s: %s", path, strerror(-error)));
    return !error;
}

/* A file's needs; false: it is none that has any. */
static bool read_needs(const char *path, struct elf_needs *needs)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    void *file = size > 0 ? mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    bool good = file != MAP_FAILED && elf_needs_read(needs, file, (size_t)size) == 0;

    if (file != MAP_FAILED)
        munmap(file, (size_t)size);
    if (fd >= 0)
        close(fd);
    return good;
}

static bool is_loaded(const struct closure *c, const char *real)
{
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->loaded[i]->path, real) == 0)
            return true;
    }
    return false;
}

/* Loaders ask by name before they search: what another file's search found is good for all. */
static bool is_loaded_by_name(const struct closure *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct loaded *l = c->loaded[i];
        if ((l->needs.name && strcmp(l->needs.name, name) == 0) || strcmp(strrchr(l->path, '/') + 1, name) == 0)
            return true;
    }
    return false;
}

/* NULL: it is loaded already, or cannot be read. */
static struct loaded *load(struct closure *c, const char *path, const struct loaded *loader)
{
    char *real = realpath(path, NULL);
    struct loaded *l = must_alloc(sizeof *l);

    *l = (struct loaded){.path = real, .loader = loader};
    if (!real || is_loaded(c, real) || !read_needs(real, &l->needs)) {
        free(real);
        free(l);
        return NULL;
    }
    c->loaded = must_realloc(c->loaded, (c->count + 1) * sizeof *c->loaded);
    c->loaded[c->count++] = l;
    return l;
}

static void load_needed(struct closure *c, const struct loaded *l, const char *name)
{
    struct string_list found = {0};

    if (library_is_in_loader(&c->search, name))
        return;
    if (!library_find(&c->search, l, name, &found) && !is_loaded_by_name(c, name) &&
        !(c->companions && list_has(c->companions, name)))
        missing(c, name, must_format("%s needs the library %s, which is not on this machine", l->path, name));
    for (size_t i = 0; i < found.count; i++) {
        if (bring(c, found.items[i]))
            load(c, found.items[i], l);
        free((char *)found.items[i]);
    }
    free(found.items);
}

/* Libraries of all that is loaded, breadth first as the loaders go; the list grows meanwhile. */
static void load_all(struct closure *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct loaded *l = c->loaded[i];
        for (size_t n = 0; n < l->needs.needed.count; n++)
            load_needed(c, l, l->needs.needed.items[n]);
    }
}

static void closure_end(struct closure *c)
{
    for (size_t i = 0; i < c->count; i++) {
        elf_needs_free(&c->loaded[i]->needs);
        free((char *)c->loaded[i]->path);
        free(c->loaded[i]);
    }
    free(c->loaded);
    library_search_end(&c->search);
}

/* The loader's own configuration: without it, it might look elsewhere than we did. */
static void bring_loader(const struct closure *c, const char *interpreter)
{
    const char *configuration = c->search.musl ? "/etc/ld-musl-x86_64.path" : "/etc/ld.so.cache";

    if (bring(c, interpreter) && access(configuration, R_OK) == 0)
        (void)bring(c, configuration);
}

/* The program that a `#!` line wants: env(1) looks one up by its argument. */
static char *program_by_env(const char *words)
{
    while (*words) {
        size_t n = strcspn(words, " \t");
        char *word = must_format("%.*s", (int)n, words);
        if (n > 0 && word[0] != '-' && !strchr(word, '=')) {
            char *path = program_find_in_path(word);
            free(word);
            return path;
        }
        free(word);
        words += n + strspn(words + n, " \t");
    }
    return NULL;
}

static bool script_needs(struct closure *c, const struct program_kind *kind, unsigned depth);

static bool program_needs(struct closure *c, const char *path, unsigned depth)
{
    struct program_kind kind = program_examine(path);
    bool dynamic = false;

    if (kind.wrong) {
        missing(c, path, must_format("%s%s%s", depth ? path : "", depth ? ": " : "", kind.wrong));
    } else if (kind.interpreter) {
        dynamic = script_needs(c, &kind, depth);
    } else if (kind.loader) {
        library_search_start(&c->search, c->options, kind.loader);
        bring_loader(c, kind.loader);
        load(c, path, NULL);
        load_all(c);
        dynamic = true;
    }
    program_kind_free(&kind);
    return dynamic;
}

static bool script_needs(struct closure *c, const struct program_kind *kind, unsigned depth)
{
    const char *slash = strrchr(kind->interpreter, '/');
    bool dynamic = false;

    if (depth == SCRIPT_DEPTH_MAX)
        return false; /* execve will say it */
    if (access(kind->interpreter, X_OK) != 0) {
        missing(c, kind->interpreter, must_format("its interpreter %s: %s", kind->interpreter, strerror(errno)));
        return false;
    }
    if (bring(c, kind->interpreter))
        dynamic = program_needs(c, kind->interpreter, depth + 1);
    char *called = strcmp(slash, "/env") == 0 ? program_by_env(kind->argument) : NULL;
    if (called && bring(c, called)) {
        struct closure further = {.root = c->root, .options = c->options, .about = c->about, .required = c->required};
        dynamic |= program_needs(&further, called, depth + 1);
        closure_end(&further);
    }
    free(called);
    return dynamic;
}

bool dependencies_of_program(struct tree_node *root, const struct run_options *o, const char *path)
{
    struct closure c = {.root = root, .options = o, .about = path, .required = true};
    bool dynamic = program_needs(&c, path, 0);

    closure_end(&c);
    return dynamic;
}

/* A library by itself: what it needs is looked for on behalf of the program, which may load it. */
static void library_needs(struct closure *c, const char *path, const char *program)
{
    library_search_start(&c->search, c->options, "");
    const struct loaded *main = load(c, program, NULL);
    size_t first = c->count;

    load(c, path, main);
    for (size_t i = first; i < c->count; i++) {
        const struct loaded *l = c->loaded[i];
        for (size_t n = 0; n < l->needs.needed.count; n++)
            load_needed(c, l, l->needs.needed.items[n]);
    }
}

/* Folders hold examples and scripts for other systems: nobody wants to hear of each. */
static bool interpreter_is_here(const char *script)
{
    struct program_kind kind = program_examine(script);
    bool here = kind.interpreter && access(kind.interpreter, X_OK) == 0;

    program_kind_free(&kind);
    return here;
}

void dependencies_of_files(struct tree_node *root, const struct run_options *o, const char *path,
                           const struct string_list *files)
{
    for (size_t i = 0; i < files->count; i++) {
        struct closure c = {.root = root, .options = o, .about = files->items[i], .companions = files};
        struct elf_needs needs = {0};

        if (program_is_script(files->items[i])) {
            if (files->count == 1 || interpreter_is_here(files->items[i]))
                program_needs(&c, files->items[i], 0);
        } else if (read_needs(files->items[i], &needs)) {
            if (needs.interpreter)
                program_needs(&c, files->items[i], 0);
            else if (needs.needed.count)
                library_needs(&c, files->items[i], path);
        }
        elf_needs_free(&needs);
        closure_end(&c);
    }
}
