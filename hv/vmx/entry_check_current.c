/*
 * The entry checks applied to this CPU's current VMCS.
 */
#include "hv/vmx/entry_check.h"
#include "hv/vmx/vmx.h"
#include "lib/x86.h"

#define ADDRESS_SIZES_LEAF 0x80000008u

static uint64_t current_read(enum vmcs_field field)
{
    return vmcs_read(field);
}

const char *entry_check_current(void)
{
    uint32_t sizes = cpuid_count(ADDRESS_SIZES_LEAF, 0).eax;
    struct entry_check c = {
        .read = current_read,
        .cr0_fixed0 = vmx.cr0_fixed0,
        .cr0_fixed1 = vmx.cr0_fixed1,
        .cr4_fixed0 = vmx.cr4_fixed0,
        .cr4_fixed1 = vmx.cr4_fixed1,
        .physical_bits = sizes & 0xff,
        .linear_bits = sizes >> 8 & 0xff,
    };

    return entry_check(&c);
}
