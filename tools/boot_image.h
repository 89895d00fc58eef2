/*
 * What a machine boots: the bundle (guest kernel and root in one archive) and the RAM image for Bochs (abi/boot_image.h).
 */
#ifndef TOOLS_BOOT_IMAGE_H
#define TOOLS_BOOT_IMAGE_H

#include "tools/bytes.h"

struct bundle_member {
    const char *name;
    const void *data;
    size_t size;
};

/* The bundle: a cpio archive of these members, each page aligned. */
struct bytes bundle_build(const struct bundle_member *members, size_t count);

/*
 * The RAM image: header, the hypervisor's segments, PVH start info with a memory map of machine_memory bytes, the command
 * line, and the bundle.  Ends the launcher if the hypervisor's file cannot be laid out or the machine is too small.
 */
struct bytes boot_image_build(const struct bytes *hypervisor, const struct bytes *bundle, const char *command_line,
                              uint64_t machine_memory);

#endif
