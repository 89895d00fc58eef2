/*
 * Putting a kernel into a new VM's memory: an ELF file the way PVH says (its segments, the root archive as a module,
 * command line, memory map), a bzImage by Linux's 64-bit boot protocol.  The kernel image is not trusted.
 */
#ifndef HV_GUEST_LOAD_H
#define HV_GUEST_LOAD_H

#include "hv/vm.h"
#include "lib/compiler.h"

struct guest_image {
    const void *kernel; /* ELF file or bzImage */
    size_t kernel_size;
    uint64_t module; /* physical address, page aligned; mapped into the guest where it lies.  0: none */
    bool copy_module; /* others have it too: give this guest its own */
    uint64_t module_size;
    const char *command_line;
};

/*
 * Loads and sets vCPU 0 to start.  0, or a negative errno with the reason logged: -ENOEXEC, -ENOMEM (no memory here),
 * -E2BIG (the VM's memory is too small), -EINVAL.
 */
int guest_load(struct vm *vm, const struct guest_image *image) must_check;

#endif
