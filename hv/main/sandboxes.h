/*
 * All sandboxes of this boot: made from the bundle's specs (abi/sandbox_spec.h) or from the command line, run side by side
 * to their ends.
 */
#ifndef HV_MAIN_SANDBOXES_H
#define HV_MAIN_SANDBOXES_H

#include "hv/main/boot_info.h"
#include "hv/main/options.h"

/* Returns when all have ended; the launcher has been told of each, and why one could not be made is logged. */
void sandboxes_run(const struct boot_info *boot, const struct options *o);

#endif
