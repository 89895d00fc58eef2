/*
 * What boot learnt from the loader.  boot_start() is the first C code: it brings up core and then starts the kernel
 * thread that calls kernel_main(), which the floors above define.
 */
#ifndef GUEST_KERNEL_CORE_BOOT_H
#define GUEST_KERNEL_CORE_BOOT_H

#include "lib/compiler.h"

#define BOOT_COMMAND_LINE_MAX 2048

struct boot_info {
    uint64_t initrd_phys; /* PVH module 0: reserved memory (see page_adopt()); size 0: none */
    uint64_t initrd_size;
    const char *command_line; /* a copy, NUL-terminated, cut at BOOT_COMMAND_LINE_MAX - 1 */
    uint64_t memory_size;     /* bytes of RAM in the loader's map */
};

/* Defined by the floor above: runs in a kernel thread and may sleep; must not return. */
noreturn void kernel_main(const struct boot_info *boot);

const char *boot_command_line(void); /* all of it */

/*
 * The value of option `name` ("name=value" words) in the command line: copied into value[size].  Its length, or
 * -ENOENT. A bare "name" has the empty value.
 */
int boot_option(const char *name, char *value, size_t size);
/* The same as a number; `otherwise` when it is missing or malformed. */
uint64_t boot_option_u64(const char *name, uint64_t otherwise);

#endif
