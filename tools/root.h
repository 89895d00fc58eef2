/*
 * The sandbox's root as a cpio archive: a minimal tree made from the program, a copy of a folder, or an archive that the
 * user gives; and the check that the program can be run at all.
 */
#ifndef TOOLS_ROOT_H
#define TOOLS_ROOT_H

#include "tools/archive.h"
#include "tools/run_options.h"

/*
 * Fills `a` with the root (without the trailer) and returns the path of the program in it, allocated.  Ends the launcher
 * with 125 (a root or --add path cannot be read), 126 (the program is not an x86-64 ELF file or #! script, is not
 * executable, or needs a dynamic loader that is not there) or 127 (it does not exist).
 */
char *root_build(struct archive *a, const struct run_options *o);

#endif
