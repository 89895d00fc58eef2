/*
 * What a program with a terminal (-t) finds beside itself in a root of ours: the description of the user's terminal,
 * and a locale for UTF-8 if he uses it.
 */
#ifndef TOOLS_TERMINAL_FILES_H
#define TOOLS_TERMINAL_FILES_H

#include "tools/run_options.h"
#include "tools/tree.h"

const char *terminal_type(const struct run_options *o); /* its TERM */
/* The value of LANG: C.UTF-8, or NULL if the user's own is not for UTF-8 or this machine has no such locale. */
const char *terminal_locale(void);
void terminal_files_add(struct tree_node *root, const struct run_options *o);

#endif
