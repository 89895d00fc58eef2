/*
 * What programs need beside themselves: interpreters of `#!` scripts, dynamic loaders, shared libraries; found as the
 * loaders will find them, and brought along at the same paths.
 */
#ifndef TOOLS_DEPENDENCIES_H
#define TOOLS_DEPENDENCIES_H

#include "tools/run_options.h"
#include "tools/tree.h"

/*
 * Bring along what the program at `path` (absolute) needs.  Ends the launcher with status 126, in one line that names
 * what is missing, if it cannot be run here.  True: it is dynamically linked, or its interpreter is.
 */
bool dependencies_of_program(struct tree_node *root, const struct run_options *o, const char *path);

/*
 * The same for further files, programs or not; libraries are looked for as the program at `path` would.  What is missing
 * is told on standard error, once.
 */
void dependencies_of_files(struct tree_node *root, const struct run_options *o, const char *path,
                           const struct string_list *files);

#endif
