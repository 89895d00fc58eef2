/*
 * See hv/guest_walk.h; SDM vol. 3, chapter 4.
 */
#include "hv/guest_walk.h"

#include <asm-generic/errno.h>

#include "hv/vm.h"
#include "hv/vmx/vmcs.h"
#include "lib/x86.h"

#define PRESENT BIT(0)
#define LARGE BIT(7)
#define ADDRESS 0x000ffffffffff000ULL

static const uint64_t no_entry;

static int walk_long(struct vcpu *vcpu, uint64_t va, struct guest_walk *walk)
{
    uint64_t table = vmcs_read(VMCS_GUEST_CR3) & ADDRESS;
    unsigned level = 0;

    for (unsigned shift = 39;; shift -= 9) {
        uint64_t where = table + (va >> shift & 0x1ff) * 8;
        size_t length;
        const uint64_t *entry = guest_window(vcpu->vm, gpa(where), 8, &length);
        if (!entry)
            return -EFAULT;
        uint64_t value = __atomic_load_n(entry, __ATOMIC_RELAXED);
        if (!(value & PRESENT))
            return -EFAULT;
        walk->entry[level] = entry;
        walk->value[level++] = value;
        uint64_t offset_mask = (1ULL << shift) - 1;
        if (shift == 12 || (shift < 39 && (value & LARGE))) {
            walk->gpa = gpa((value & ADDRESS & ~offset_mask) | (va & offset_mask));
            return 0;
        }
        table = value & ADDRESS;
    }
}

/* PAE (entries of 8 bytes) and the original two-level format (4 bytes); rare: early boot of other kernels. */
static int walk_legacy(struct vcpu *vcpu, uint32_t va, uint64_t cr4, struct guest_walk *walk)
{
    bool pae = cr4 & CR4_PAE;
    unsigned size = pae ? 8 : 4;
    unsigned bits = pae ? 9 : 10;
    uint64_t table = vmcs_read(VMCS_GUEST_CR3) & (pae ? 0xffffffe0ULL : 0xfffff000ULL);

    for (unsigned shift = pae ? 30 : 22;; shift -= bits) {
        uint64_t entry = 0;
        uint64_t index = va >> shift & ((1u << bits) - 1);
        if (guest_read(vcpu->vm, gpa(table + index * size), &entry, size) || !(entry & PRESENT))
            return -EFAULT;
        uint64_t offset_mask = (1ULL << shift) - 1;
        bool is_large = shift != 30 && (entry & LARGE) && (pae || cr4 & CR4_PSE);
        if (shift == 12 || is_large) {
            walk->gpa = gpa((entry & ADDRESS & ~offset_mask) | (va & offset_mask));
            return 0;
        }
        table = entry & ADDRESS;
    }
}

int guest_walk(struct vcpu *vcpu, uint64_t va, struct guest_walk *walk)
{
    uint64_t cr0 = vmcs_read(VMCS_GUEST_CR0);

    for (unsigned i = 0; i < GUEST_WALK_LEVELS; i++) {
        walk->entry[i] = &no_entry;
        walk->value[i] = no_entry;
    }
    if (!(cr0 & CR0_PG)) {
        walk->gpa = gpa(va & 0xffffffff);
        return 0;
    }
    if (vmcs_read(VMCS_GUEST_EFER) & EFER_LMA)
        return walk_long(vcpu, va, walk);
    return walk_legacy(vcpu, (uint32_t)va, vmcs_read(VMCS_GUEST_CR4), walk);
}
