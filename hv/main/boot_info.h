/*
 * What the loader told us (PVH start info, lib/pvh.h): memory, command line, the bundle.  It is believed as far as the
 * protocol goes: it comes from who started this machine.
 */
#ifndef HV_MAIN_BOOT_INFO_H
#define HV_MAIN_BOOT_INFO_H

#include "lib/compiler.h"

struct boot_info {
    const char *command_line; /* never NULL */
    uint64_t bundle;          /* physical; 0: none */
    uint64_t bundle_size;
    uint64_t rsdp;            /* ACPI's, physical; 0: the loader names none */
};

/* Maps RAM, gives the free part of it to the page allocator.  0, -EINVAL (no PVH start info) or -ENOMEM. */
int boot_info_read(uint64_t start_info, struct boot_info *out) must_check;

#endif
