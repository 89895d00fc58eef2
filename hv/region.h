/*
 * Who answers an access to a guest port or to guest-physical addresses without memory: regions, kept sorted per VM and
 * found by binary search.  Ports are made at VM creation only; device registers move with PCI BARs, under vm->region_lock.
 */
#ifndef HV_REGION_H
#define HV_REGION_H

#include "lib/compiler.h"

struct vm;
struct vcpu;

struct region_ops {
    /* offset within the region, size 1, 2, 4 or 8 (ports: up to 4); an access never crosses the region's end. */
    uint64_t (*read)(struct vcpu *vcpu, void *context, uint64_t offset, unsigned size);
    void (*write)(struct vcpu *vcpu, void *context, uint64_t offset, unsigned size, uint64_t value);
};

struct region {
    uint64_t first, size;
    const struct region_ops *ops;
    void *context;
};

#define REGIONS_MAX 32

struct region_table {
    unsigned count;
    struct region entry[REGIONS_MAX]; /* sorted by `first`, disjoint */
};

/* 0, -EINVAL (empty or wraps), -EEXIST (overlaps another), -ENOSPC. */
int region_add(struct region_table *t, const struct region *r) must_check;
void region_remove(struct region_table *t, uint64_t first);
/* The region that holds all of [address, address + size), or NULL. */
const struct region *region_find(const struct region_table *t, uint64_t address, unsigned size);

/* The same for device registers, whose table other vCPUs may change: false, or a copy of the region. */
bool vm_find_mmio(struct vm *vm, uint64_t address, unsigned size, struct region *out) must_check;
int vm_add_ports(struct vm *vm, uint16_t first, uint16_t count, const struct region_ops *ops, void *context) must_check;
int vm_add_mmio(struct vm *vm, uint64_t first, uint64_t size, const struct region_ops *ops, void *context) must_check;
void vm_remove_mmio(struct vm *vm, uint64_t first);

#endif
