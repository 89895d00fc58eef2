/*
 * The VMX instructions but entry; see hv/vmx/vmx.h.
 */
#include "hv/vmx/vmx.h"

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "hv/cpu.h"
#include "lib/log.h"
#include "lib/x86.h"

#define FEATURE_CONTROL_LOCK BIT(0)
#define FEATURE_CONTROL_VMXON BIT(2)
#define INVEPT_SINGLE 1UL
#define INVEPT_ALL 2UL
#define INVVPID_SINGLE 1UL

struct invalidate {
    uint64_t word[2];
};

/* The firmware sets and locks this register; where there was none it is 0, and ours to set. */
static void feature_control_set(void)
{
    uint64_t control = 0;

    if (msr_read_checked(MSR_FEATURE_CONTROL, &control) || (control & FEATURE_CONTROL_LOCK))
        return;
    msr_write(MSR_FEATURE_CONTROL, control | FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON);
}

int vmx_enable(void)
{
    uint32_t *region = page_alloc_zero();
    bool failed;

    if (!region)
        return -ENOMEM;
    *region = vmx.revision;
    feature_control_set();
    cr0_write((cr0_read() | vmx.cr0_fixed0) & vmx.cr0_fixed1);
    cr4_write((cr4_read() | CR4_VMXE | vmx.cr4_fixed0) & vmx.cr4_fixed1);
    uint64_t phys = virt_to_phys(region);
    __asm__ volatile("vmxon %1" : "=@ccna"(failed) : "m"(phys) : "memory");
    if (failed) {
        page_free(region, 0);
        return -EIO;
    }
    this_cpu()->vmxon = region;
    return 0;
}

void *vmcs_create(void)
{
    uint32_t *vmcs = page_alloc_zero();

    if (!vmcs)
        return NULL;
    *vmcs = vmx.revision;
    vmcs_clear(vmcs);
    return vmcs;
}

void vmcs_clear(void *vmcs)
{
    uint64_t phys = virt_to_phys(vmcs);
    bool failed;

    __asm__ volatile("vmclear %1" : "=@ccna"(failed) : "m"(phys) : "memory");
    assert(!failed);
}

void vmcs_load(void *vmcs)
{
    uint64_t phys = virt_to_phys(vmcs);
    bool failed;

    __asm__ volatile("vmptrld %1" : "=@ccna"(failed) : "m"(phys) : "memory");
    assert(!failed);
}

void vmx_flush_ept(uint64_t ept_pointer)
{
    struct invalidate what = {{ept_pointer, 0}};
    uint64_t type = vmx.has_invept_single ? INVEPT_SINGLE : INVEPT_ALL;
    bool failed;

    __asm__ volatile("invept %1, %2" : "=@ccna"(failed) : "m"(what), "r"(type) : "memory");
    assert(!failed);
}

void vmx_flush_vpid(uint16_t vpid)
{
    struct invalidate what = {{vpid, 0}};
    bool failed;

    if (!vmx.has_vpid)
        return;
    __asm__ volatile("invvpid %1, %2" : "=@ccna"(failed) : "m"(what), "r"(INVVPID_SINGLE) : "memory");
    assert(!failed);
}
