/*
 * Walking the guest's own page tables, as the CPU would with the vCPU's current CR0, CR3, CR4 and EFER: 4-level, PAE and
 * two-level paging, or none.  No permission check, no A/D bits.  The walk can be kept and later shown to still hold.
 */
#ifndef HV_GUEST_WALK_H
#define HV_GUEST_WALK_H

#include "hv/guest_memory.h"
#include "lib/compiler.h"

#define GUEST_WALK_LEVELS 4u

struct guest_walk {
    gpa_t gpa; /* what the address translates to */
    const uint64_t *entry[GUEST_WALK_LEVELS]; /* what was read, through the direct map; 4-level paging only */
    uint64_t value[GUEST_WALK_LEVELS];
};

/* 0 or -EFAULT: not mapped, or the tables lie outside the sandbox's memory. */
int guest_walk(struct vcpu *vcpu, uint64_t va, struct guest_walk *walk) must_check;

#define GUEST_ENTRY_ACCESSED_DIRTY 0x60ULL

/*
 * Would walking again read the same entries?  (4-level paging, same CR3 and EPT generation: the caller compares those.)
 * So a kept translation is as good as a new walk: no flush by the guest needs to be seen.  Levels that a large page
 * spared compare a constant with itself, which is cheaper than a loop.
 */
static inline bool guest_walk_holds(const struct guest_walk *walk)
{
    uint64_t changed = __atomic_load_n(walk->entry[0], __ATOMIC_RELAXED) ^ walk->value[0];

    changed |= __atomic_load_n(walk->entry[1], __ATOMIC_RELAXED) ^ walk->value[1];
    changed |= __atomic_load_n(walk->entry[2], __ATOMIC_RELAXED) ^ walk->value[2];
    changed |= __atomic_load_n(walk->entry[3], __ATOMIC_RELAXED) ^ walk->value[3];
    return !(changed & ~GUEST_ENTRY_ACCESSED_DIRTY);
}

#endif
