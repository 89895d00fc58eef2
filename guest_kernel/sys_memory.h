/*
 * What the files with the bodies of the calls on memory share.
 */
#ifndef GUEST_KERNEL_SYS_MEMORY_H
#define GUEST_KERNEL_SYS_MEMORY_H

#include "lib/compiler.h"

/* READ_IMPLIES_EXEC of personality(2): what may be read may be run. */
uint32_t prot_by_personality(uint32_t prot);

#endif
