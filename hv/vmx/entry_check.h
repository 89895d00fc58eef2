/*
 * Why a VM entry was refused: the checks of SDM vol. 3, 27.2 and 27.3 done again in software, each with a name.  Pure but
 * for the reader, so that it can be tested on the host.
 */
#ifndef HV_VMX_ENTRY_CHECK_H
#define HV_VMX_ENTRY_CHECK_H

#include "hv/vmx/vmcs.h"
#include "lib/compiler.h"

struct entry_check {
    uint64_t (*read)(enum vmcs_field field);
    uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
    unsigned physical_bits, linear_bits;
};

/* The first rule that the state breaks, as text; NULL: none of those retested. */
const char *entry_check(const struct entry_check *c);
/* Of this CPU's current VMCS. */
const char *entry_check_current(void);

#endif
