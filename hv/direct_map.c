/*
 * phys_to_virt and back; apart, so that host tests can put their own in its place.
 */
#include "hv/alloc.h"
#include "hv/paging.h"

void *phys_to_virt(uint64_t phys)
{
    return (void *)(DIRECT_MAP_BASE + phys);
}

uint64_t virt_to_phys(const void *direct_map_address)
{
    return (uintptr_t)direct_map_address - DIRECT_MAP_BASE;
}
