/*
 * See tools/packages.h.  What is installed, what depends on what and which files belong to what is asked of
 * dpkg-query(1); of alternatives the first that is installed counts (Debian Policy 7.1, "Syntax of relationship
 * fields").
 */
#include "tools/packages.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/local_files.h"
#include "tools/message.h"

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789+-."
#define LIST_COMMAND                                                                                                   \
    "dpkg-query -W -f "                                                                                                \
    "'${db:Status-Status}\\t${Architecture}\\t${Package}\\t${binary:Package}\\t${Provides}\\t${Pre-Depends}, "         \
    "${Depends}\\n'"
enum { FIELD_STATUS, FIELD_ARCHITECTURE, FIELD_NAME, FIELD_FULL_NAME, FIELD_PROVIDES, FIELD_NEEDS, FIELD_COUNT };

struct package {
    char *line; /* holds the fields' text */
    char *fields[FIELD_COUNT];
    bool wanted;
};

/* A name of a package, its own or one that it provides. */
struct package_name {
    char *name;
    struct package *package;
};

struct installed {
    void *names; /* of struct package_name, by name (<search.h>) */
    struct package **packages, **wanted;
    size_t count, wanted_count;
};

/* What programs that nobody configures or reads about can do without; the first would bring perl along. */
static const char *const left_out_packages[] = {"debconf", "dpkg"};
static const char *const left_out_folders[] = {"/usr/share/doc/",  "/usr/share/man/",     "/usr/share/locale/",
                                               "/usr/share/info/", "/usr/share/lintian/", "/usr/share/doc-base/",
                                               "/usr/share/bug/"};

static int name_compare(const void *a, const void *b)
{
    return strcmp(((const struct package_name *)a)->name, ((const struct package_name *)b)->name);
}

static void name_free(void *node)
{
    struct package_name *n = node;

    free(n->name);
    free(n);
}

/* The first to come by a name keeps it. */
static void name_add(struct installed *all, char *name, struct package *p)
{
    struct package_name *n = must_alloc(sizeof *n);

    *n = (struct package_name){name, p};
    struct package_name **found = tsearch(n, &all->names, name_compare);
    if (!found)
        fail(EXIT_LAUNCHER, "no memory");
    if (*found != n)
        name_free(n);
}

static struct package *package_find(struct installed *all, char *name)
{
    struct package_name key = {.name = name}, **found = tfind(&key, &all->names, name_compare);

    return found ? (*found)->package : NULL;
}

/*
 * The next name of a relationship field, allocated; NULL: there is none.  *more is moved behind it, and *last says
 * whether no alternative follows.
 */
static char *relation_next(const char **more, bool *last)
{
    const char *at = *more + strspn(*more, ", |\t");
    size_t n = strspn(at, NAME_CHARACTERS);

    if (!n)
        return NULL;
    char *name = must_format("%.*s", (int)n, at);
    at += n + strcspn(at + n, ",|");
    *last = *at != '|';
    *more = at;
    return name;
}

static void provides_add(struct installed *all, struct package *p)
{
    const char *more = p->fields[FIELD_PROVIDES];
    bool last;
    char *name;

    while ((name = relation_next(&more, &last)))
        name_add(all, name, p);
}

static bool package_split(struct package *p)
{
    char *at = p->line;

    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        p->fields[i] = strsep(&at, "\t\n");
        if (!p->fields[i])
            return false;
    }
    return strcmp(p->fields[FIELD_STATUS], "installed") == 0 &&
           (strcmp(p->fields[FIELD_ARCHITECTURE], "amd64") == 0 || strcmp(p->fields[FIELD_ARCHITECTURE], "all") == 0);
}

static void installed_read(struct installed *all)
{
    FILE *list = popen(LIST_COMMAND, "r");
    size_t room = 0;
    char *line = NULL;

    while (list && getline(&line, &room, list) > 0) {
        struct package *p = must_alloc(sizeof *p);
        *p = (struct package){.line = line};
        line = NULL;
        room = 0;
        all->packages = must_realloc(all->packages, (all->count + 1) * sizeof *all->packages);
        all->packages[all->count++] = p;
        if (package_split(p)) {
            name_add(all, must_format("%s", p->fields[FIELD_NAME]), p);
            provides_add(all, p);
        }
    }
    free(line);
    if (!list || pclose(list) != 0)
        fail(EXIT_LAUNCHER, "--package: dpkg-query does not tell what is installed (is this Debian?)");
}

static void package_want(struct installed *all, struct package *p)
{
    if (p->wanted)
        return;
    p->wanted = true;
    all->wanted = must_realloc(all->wanted, (all->wanted_count + 1) * sizeof *all->wanted);
    all->wanted[all->wanted_count++] = p;
}

static bool is_left_out(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(left_out_packages); i++)
        if (strcmp(name, left_out_packages[i]) == 0)
            return true;
    return false;
}

static void needs_want(struct installed *all, const struct package *p)
{
    const char *more = p->fields[FIELD_NEEDS];
    bool last = true, found = false;
    char *name;

    while ((name = relation_next(&more, &last))) {
        struct package *needed = found || is_left_out(name) ? NULL : package_find(all, name);
        if (needed) {
            package_want(all, needed);
            found = true;
        }
        if (last)
            found = false;
        free(name);
    }
}

static void asked_want(struct installed *all, const struct run_options *o)
{
    for (size_t i = 0; i < o->packages.count; i++) {
        char *name = must_format("%s", o->packages.items[i]);
        struct package *p = package_find(all, name);
        if (!p)
            fail(EXIT_LAUNCHER, "--package %s: not installed here (apt-get install %s)", name, name);
        package_want(all, p);
        free(name);
    }
    for (size_t i = 0; i < all->wanted_count; i++)
        needs_want(all, all->wanted[i]);
}

static bool is_wanted_file(const char *path)
{
    for (size_t i = 0; i < ARRAY_SIZE(left_out_folders); i++)
        if (strncmp(path, left_out_folders[i], strlen(left_out_folders[i])) == 0)
            return false;
    return path[0] == '/' && strcmp(path, "/.") != 0 && access(path, F_OK) == 0;
}

/* Lines that are no paths tell of diversions; what a package lists and the machine has not was removed by its owner. */
static void files_add(struct tree_node *root, const char *command)
{
    FILE *list = popen(command, "r");
    size_t room = 0;
    char *line = NULL;
    ssize_t n;

    while (list && (n = getline(&line, &room, list)) > 0) {
        line[n - (line[n - 1] == '\n')] = '\0';
        int error = is_wanted_file(line) ? local_add_one(root, line) : 0;
        if (error)
            message("%s stays behind: %s", line, strerror(-error));
    }
    free(line);
    if (!list || pclose(list) != 0)
        fail(EXIT_LAUNCHER, "--package: dpkg-query does not tell the packages' files");
}

static void installed_free(struct installed *all)
{
    tdestroy(all->names, name_free);
    for (size_t i = 0; i < all->count; i++) {
        free(all->packages[i]->line);
        free(all->packages[i]);
    }
    free(all->packages);
    free(all->wanted);
}

void packages_add(struct tree_node *root, const struct run_options *o)
{
    struct installed all = {0};
    struct bytes command = {0};

    if (!o->packages.count)
        return;
    installed_read(&all);
    asked_want(&all, o);
    bytes_append_text(&command, "dpkg-query -L");
    for (size_t i = 0; i < all.wanted_count; i++)
        bytes_append_text(&command, " '%s'", all.wanted[i]->fields[FIELD_FULL_NAME]);
    bytes_append(&command, "", 1);
    files_add(root, (const char *)command.data);
    bytes_free(&command);
    installed_free(&all);
}
