/*
 * What the hypervisor is given to run: the bundle (abi/boot_image.h, abi/sandbox_spec.h), its command line, and a machine
 * that is large enough.
 */
#ifndef TOOLS_PAYLOAD_H
#define TOOLS_PAYLOAD_H

#include "tools/machine.h"
#include "tools/manifest.h"

struct payload {
    struct bytes bundle;
    char *command_line;
    uint64_t memory; /* of the machine, bytes */
};

/* The root archive of one program, with its init spec.  Ends the launcher if it cannot be made or run.  Decides
 * o->memory if that was left open. */
struct bytes root_archive(struct run_options *o);

/* One sandbox, by the hypervisor's command line. */
void payload_single(struct payload *p, const struct run_options *o, const struct images *images, const struct bytes *root);
/* One for each section; `file` is the manifest's name for messages.  Ends the launcher on what cannot be read or run. */
void payload_manifest(struct payload *p, const struct run_options *o, const struct images *images,
                      const struct manifest *m, const char *file);
void payload_free(struct payload *p);

#endif
