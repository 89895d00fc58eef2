/*
 * See tools/local_files.h.
 */
#include "tools/local_files.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/message.h"

#define LINKS_MAX 40

static char *read_link(const char *path)
{
    char target[PATH_MAX];
    ssize_t n = readlink(path, target, sizeof target - 1);

    if (n < 0)
        fail(EXIT_LAUNCHER, "cannot read %s: %s", path, strerror(errno));
    target[n] = '\0';
    return must_format("%s", target);
}

static struct tree_node *put_one(struct tree_node *folder, const char *name, const char *path, const struct stat *st,
                                 struct string_list *files)
{
    if (S_ISLNK(st->st_mode)) {
        char *target = read_link(path);
        struct tree_node *link = tree_put_link(folder, name, st, target);
        free(target);
        return link;
    }
    struct tree_node *node = tree_put(folder, name, st);
    if (S_ISREG(st->st_mode)) {
        node->source = must_format("%s", path);
        if (files)
            string_list_add(files, must_format("%s", path));
    }
    return node;
}

void local_put(struct tree_node *folder, const char *name, const char *path, const struct stat *st)
{
    put_one(folder, name, path, st, NULL);
}

void local_add_folder(struct tree_node *to, const char *folder, struct string_list *files)
{
    char *paths[] = {(char *)folder, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    struct tree_node *at = to;

    if (!walk)
        fail(EXIT_LAUNCHER, "cannot read %s: %s", folder, strerror(errno));
    for (FTSENT *e = fts_read(walk); e; e = fts_read(walk)) {
        if (e->fts_info == FTS_ERR || e->fts_info == FTS_DNR || e->fts_info == FTS_NS)
            fail(EXIT_LAUNCHER, "cannot read %s: %s", e->fts_path, strerror(e->fts_errno));
        if (e->fts_info == FTS_DP && e->fts_level > 0)
            at = at->parent;
        if (e->fts_info == FTS_DP || S_ISSOCK(e->fts_statp->st_mode))
            continue;
        if (e->fts_level == 0) {
            to->st = *e->fts_statp;
            continue;
        }
        struct tree_node *node = put_one(at, e->fts_name, e->fts_path, e->fts_statp, files);
        if (e->fts_info == FTS_D)
            at = node;
    }
    fts_close(walk);
}

/* A folder on the way to what is wanted: a link as here, else plain. */
static struct tree_node *make_parent(struct tree_node *folder, const char *name)
{
    char *above = tree_path(folder), *path = must_format("%s/%s", above, name);
    struct tree_node *made;
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        made = put_one(folder, name, path, &st, NULL);
    else
        made = tree_put_folder(folder, name, lstat(path, &st) == 0 && (st.st_mode & S_ISVTX) ? 01777 : 0755);
    free(path);
    free(above);
    return made;
}

static char *absolute_path(const char *path)
{
    char folder[PATH_MAX];
    const char *last = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;

    if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
        return realpath(path, NULL);
    if (path[0] == '/')
        return must_format("%s", path);
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    return getcwd(folder, sizeof folder) ? must_format("%s/%s", strcmp(folder, "/") ? folder : "", path) : NULL;
}

/* What is being added: folders with all in them, or by themselves. */
struct addition {
    struct tree_node *root;
    bool whole;
    struct string_list *files;
};

static int add_linked(const struct addition *a, const char *path, unsigned links);

/* Where the link at `path` leads, if it leads anywhere. */
static int add_target(const struct addition *a, const char *path, unsigned links)
{
    char *target = read_link(path);
    char *full = target[0] == '/' ? must_format("%s", target)
                                  : must_format("%.*s/%s", (int)(strrchr(path, '/') - path), path, target);
    int error = access(full, F_OK) != 0 ? 0 : links == LINKS_MAX ? -ELOOP : add_linked(a, full, links + 1);

    free(full);
    free(target);
    return error;
}

static int add_linked(const struct addition *a, const char *path, unsigned links)
{
    char *absolute = absolute_path(path);
    struct stat st;

    if (!absolute || lstat(absolute, &st) != 0) {
        int error = -errno;
        free(absolute);
        return error;
    }
    char *slash = strrchr(absolute, '/'), *above = must_format("%.*s", (int)(slash - absolute), absolute);
    struct tree_node *folder = tree_walk(a->root, above, make_parent);
    int error = 0;
    if (!folder || !S_ISDIR(folder->st.st_mode)) {
        error = -ENOTDIR;
    } else if (!slash[1]) {
        if (a->whole)
            local_add_folder(a->root, absolute, a->files);
    } else {
        struct tree_node *node = put_one(folder, slash + 1, absolute, &st, a->files);
        if (S_ISDIR(st.st_mode) && a->whole)
            local_add_folder(node, absolute, a->files);
        if (S_ISLNK(st.st_mode))
            error = add_target(a, absolute, links);
    }
    free(above);
    free(absolute);
    return error;
}

int local_add(struct tree_node *root, const char *path, struct string_list *files)
{
    return add_linked(&(struct addition){root, true, files}, path, 0);
}

int local_add_one(struct tree_node *root, const char *path)
{
    return add_linked(&(struct addition){root, false, NULL}, path, 0);
}
