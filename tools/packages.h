/*
 * Files of installed Debian packages on their way into a root, with those of the packages that these depend on.
 */
#ifndef TOOLS_PACKAGES_H
#define TOOLS_PACKAGES_H

#include "tools/run_options.h"
#include "tools/tree.h"

/*
 * Bring along what the packages of o->packages and all that they depend on or pre-depend on hold, but for documentation
 * and translations.  Ends the launcher with a line that names the package if one is not installed, or if dpkg-query is
 * not there.
 */
void packages_add(struct tree_node *root, const struct run_options *o);

#endif
