/*
 * See tools/tree.h.
 */
#include "tools/tree.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/message.h"

#define LINKS_MAX 40 /* path_resolution(7) */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct tree_node *)a)->name, ((const struct tree_node *)b)->name);
}

struct tree_node *tree_new(void)
{
    struct tree_node *root = must_alloc(sizeof *root);

    *root = (struct tree_node){.name = must_format("%s", ""), .parent = root,
                               .st = {.st_mode = S_IFDIR | 0755, .st_mtime = time(NULL)}};
    return root;
}

static void free_node(void *p)
{
    struct tree_node *node = p;

    tdestroy(node->children, free_node);
    bytes_free(&node->content);
    free(node->source);
    free(node->name);
    free(node);
}

void tree_free(struct tree_node *root)
{
    free_node(root);
}

struct tree_node *tree_child(const struct tree_node *folder, const char *name)
{
    struct tree_node key = {.name = (char *)name};
    struct tree_node *const *found = tfind(&key, &folder->children, compare_names);

    return found ? *found : NULL;
}

struct tree_node *tree_put(struct tree_node *folder, const char *name, const struct stat *st)
{
    struct tree_node *node = tree_child(folder, name);

    if (node && S_ISDIR(node->st.st_mode) && S_ISDIR(st->st_mode)) {
        node->st = *st;
        return node;
    }
    if (node) {
        tdelete(node, &folder->children, compare_names);
        free_node(node);
    }
    node = must_alloc(sizeof *node);
    *node = (struct tree_node){.name = must_format("%s", name), .parent = folder, .st = *st};
    if (!tsearch(node, &folder->children, compare_names))
        fail(EXIT_LAUNCHER, "out of memory");
    return node;
}

struct tree_node *tree_put_folder(struct tree_node *folder, const char *name, mode_t permissions)
{
    struct stat st = {.st_mode = S_IFDIR | permissions, .st_mtime = time(NULL)};

    return tree_put(folder, name, &st);
}

struct tree_node *tree_put_link(struct tree_node *folder, const char *name, const struct stat *st, const char *target)
{
    struct tree_node *node = tree_put(folder, name, st);

    bytes_append(&node->content, target, strlen(target));
    return node;
}

/* The first part of *path, allocated; *path moves behind it.  NULL: no further part. */
static char *take_part(const char **path)
{
    const char *start = *path + strspn(*path, "/");
    size_t n = strcspn(start, "/");

    *path = start + n + strspn(start + n, "/");
    return n ? must_format("%.*s", (int)n, start) : NULL;
}

/* One step of a walk; NULL: there is nothing to step to. */
static struct tree_node *step(struct tree_node *at, const char *name,
                              struct tree_node *(*make)(struct tree_node *folder, const char *name))
{
    if (!S_ISDIR(at->st.st_mode))
        return NULL;
    if (strcmp(name, ".") == 0)
        return at;
    if (strcmp(name, "..") == 0)
        return at->parent;
    struct tree_node *next = tree_child(at, name);
    return next || !make ? next : make(at, name);
}

struct tree_node *tree_walk(struct tree_node *root, const char *path,
                            struct tree_node *(*make)(struct tree_node *folder, const char *name))
{
    struct tree_node *at = root;
    char *whole = must_format("%s", path), *part;
    const char *rest = whole;

    for (int links = 0; at && (part = take_part(&rest));) {
        struct tree_node *next = step(at, part, make);
        free(part);
        if (!next || !S_ISLNK(next->st.st_mode)) {
            at = next;
            continue;
        }
        const char *target = (const char *)next->content.data;
        char *longer = must_format("%.*s/%s", (int)next->content.size, target, rest);
        at = links++ == LINKS_MAX ? NULL : next->content.size && target[0] == '/' ? root : at;
        free(whole);
        rest = whole = longer;
    }
    free(whole);
    return at;
}

char *tree_path(const struct tree_node *node)
{
    if (node->parent == node)
        return must_format("/");
    char *above = tree_path(node->parent);
    char *path = must_format("%s/%s", strcmp(above, "/") ? above : "", node->name);
    free(above);
    return path;
}

struct writer {
    struct archive *archive;
    const char *folder; /* "" or ending in a slash */
};

static void write_below(const struct tree_node *folder, struct archive *a, const char *prefix);

static void write_node(const struct tree_node *node, const struct writer *w)
{
    char *name = must_format("%s%s", w->folder, node->name);

    if (node->source) {
        int error = archive_add_from(w->archive, name, &node->st, node->source);
        if (error)
            fail(EXIT_LAUNCHER, "cannot read %s: %s", node->source, strerror(-error));
    } else {
        archive_add(w->archive, name, &node->st, node->content.data, node->content.size);
    }
    if (S_ISDIR(node->st.st_mode)) {
        char *prefix = must_format("%s/", name);
        write_below(node, w->archive, prefix);
        free(prefix);
    }
    free(name);
}

static void visit(const void *node, VISIT order, void *context)
{
    if (order == postorder || order == leaf)
        write_node(*(const struct tree_node *const *)node, context);
}

static void write_below(const struct tree_node *folder, struct archive *a, const char *prefix)
{
    struct writer w = {a, prefix};

    twalk_r(folder->children, visit, &w);
}

void tree_write(const struct tree_node *root, struct archive *a)
{
    archive_add(a, ".", &root->st, NULL, 0);
    write_below(root, a, "");
}
