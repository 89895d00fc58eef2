/*
 * RAM as the loader describes it, and its way into the page allocator.
 */
#ifndef GUEST_KERNEL_CORE_MEMORY_MAP_H
#define GUEST_KERNEL_CORE_MEMORY_MAP_H

#include "lib/compiler.h"

struct pvh_memmap_entry;

/* Note the RAM of the loader's map. */
void memory_map_read(const struct pvh_memmap_entry *entries, uint32_t count);
/*
 * Map it all, keep image and initrd out, give the rest to the page allocator.  Bytes of RAM in the map.  Panics when
 * there is too little.
 */
uint64_t memory_map_start(uint64_t initrd_phys, uint64_t initrd_size);
uint64_t memory_touched_pages(void);

#endif
