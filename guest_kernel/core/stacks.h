/*
 * Kernel stacks of KERNEL_STACK_SIZE in the VMAP region, each with an unmapped page range of the same size below.
 */
#ifndef GUEST_KERNEL_CORE_STACKS_H
#define GUEST_KERNEL_CORE_STACKS_H

#include "lib/compiler.h"

void *stack_alloc(void) must_check; /* lowest address; NULL: no memory */
void stack_free(void *stack);       /* not the one in use */
void stack_counts(uint32_t *used, uint32_t *all); /* all: also those kept for the next task */

#endif
