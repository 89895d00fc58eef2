/*
 * The vDSO as the kernel sees it: pages made once at boot, mapped into each new image by execve.
 */
#ifndef GUEST_KERNEL_VDSO_H
#define GUEST_KERNEL_VDSO_H

#include "lib/compiler.h"

struct layout_random;
struct space;

/* Make the pages; kernel option vdso=0 leaves them out.  0 or -ENOMEM. */
int vdso_init(void) must_check;

/* Map it, near the stack that begins at `stack` if places are random.  *address for AT_SYSINFO_EHDR, 0 if there is none.  0 or -errno of space_map. */
int vdso_map(struct space *s, uint64_t stack, const struct layout_random *random, uint64_t *address) must_check;

#endif
