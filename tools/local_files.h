/*
 * Files of this machine on their way into a root: at the same path, with the symbolic links that lead to them.
 */
#ifndef TOOLS_LOCAL_FILES_H
#define TOOLS_LOCAL_FILES_H

#include "tools/run_options.h"
#include "tools/tree.h"

/*
 * Bring the file, link or folder at `path` (absolute, or from the working directory) along; what a link points to comes
 * too.  The regular files brought are added to `files` (NULL: not) by their paths here, allocated.  0 or -errno: it
 * cannot be looked at.  Ends the launcher if something inside of a folder cannot be read.
 */
int local_add(struct tree_node *root, const char *path, struct string_list *files) must_check;

/* The same, but a folder comes without what it holds. */
int local_add_one(struct tree_node *root, const char *path) must_check;

/* One file, link or device, or an empty folder; `st` is lstat's. */
void local_put(struct tree_node *folder, const char *name, const char *path, const struct stat *st);

/* All that a folder holds, put into a folder of the tree; sockets are left out. */
void local_add_folder(struct tree_node *to, const char *folder, struct string_list *files);

#endif
