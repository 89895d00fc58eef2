/*
 * What the debug build (-Ddebug_checks=true) knows of freed objects; nothing in the others.  A free object is filled with
 * a pattern.  Handing it out finds what was written to it meanwhile, freeing it what was freed before; and who still reads
 * it meets pointers that are not canonical and locks that are never given.  Fresh objects are filled with another pattern,
 * so that nobody lives by zeros that he did not ask for.
 */
#ifndef GUEST_KERNEL_CORE_SLAB_POISON_H
#define GUEST_KERNEL_CORE_SLAB_POISON_H

#include <stddef.h>

#include "config.h"

#if CONFIG_DEBUG_CHECKS

/* The first two bytes of a free object are the allocator's.  `name`: of its cache, for the message. */
void slab_poison_new(void *object, size_t size);
void slab_poison_alloc(void *object, size_t size, const char *name);
void slab_poison_free(void *object, size_t size, const char *name);

#define SLAB_POISON(call) slab_poison_##call

#else

#define SLAB_POISON(call) ((void)0)

#endif
#endif
