/*
 * The member of the root archive that tells the guest kernel what to run (abi/init_spec.h).
 */
#ifndef TOOLS_INIT_SPEC_H
#define TOOLS_INIT_SPEC_H

#include "tools/archive.h"
#include "tools/run_options.h"

void init_spec_add(struct archive *a, const struct run_options *o, const char *program);

#endif
