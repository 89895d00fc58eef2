/*
 * A root file system under construction: names in memory, the bytes of files still on this machine.  Walks follow the
 * tree's own symbolic links, as a program in the sandbox will.
 */
#ifndef TOOLS_TREE_H
#define TOOLS_TREE_H

#include <sys/stat.h>

#include "tools/archive.h"

struct tree_node {
    char *name;            /* one part of a path; the root's is "" */
    struct tree_node *parent; /* the root's is itself */
    void *children;        /* of a folder: by name (<search.h>) */
    struct stat st;        /* type, permissions, owner, time, device number */
    char *source;          /* of a regular file: where its bytes are on this machine; NULL: content has them */
    struct bytes content;  /* a regular file's bytes; a link's target, without a NUL */
};

struct tree_node *tree_new(void);
void tree_free(struct tree_node *root);

/* What stands at that name in a folder, links not followed; NULL: nothing. */
struct tree_node *tree_child(const struct tree_node *folder, const char *name);

/*
 * Put something at that name.  What was there gives way with all that is in it, but a folder that a folder comes to
 * stays and takes the new attributes.
 */
struct tree_node *tree_put(struct tree_node *folder, const char *name, const struct stat *st);
struct tree_node *tree_put_folder(struct tree_node *folder, const char *name, mode_t permissions);
struct tree_node *tree_put_link(struct tree_node *folder, const char *name, const struct stat *st, const char *target);

/*
 * Walk `path` from the root, links followed.  A part that is not there is made by `make` (NULL: the walk fails), which
 * may return NULL too.  NULL: not there, a file where a folder is needed, or links in a circle.
 */
struct tree_node *tree_walk(struct tree_node *root, const char *path,
                            struct tree_node *(*make)(struct tree_node *folder, const char *name));

char *tree_path(const struct tree_node *node); /* absolute, without links; allocated */

/* Everything below the root and the root itself (".") into the archive; ends the launcher if a file cannot be read. */
void tree_write(const struct tree_node *root, struct archive *a);

#endif
