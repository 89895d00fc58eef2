/*
 * VT-x on this CPU: what it can do, turning it on, making a VMCS current, entering the guest.
 */
#ifndef HV_VMX_VMX_H
#define HV_VMX_VMX_H

#include "hv/vm.h"
#include "lib/compiler.h"

#define MSR_VMX_BASIC 0x480
#define MSR_VMX_PIN 0x481
#define MSR_VMX_PROC 0x482
#define MSR_VMX_EXIT 0x483
#define MSR_VMX_ENTRY 0x484
#define MSR_VMX_MISC 0x485
#define MSR_VMX_CR0_FIXED0 0x486
#define MSR_VMX_CR0_FIXED1 0x487
#define MSR_VMX_CR4_FIXED0 0x488
#define MSR_VMX_CR4_FIXED1 0x489
#define MSR_VMX_PROC2 0x48b
#define MSR_VMX_EPT_VPID 0x48c
#define MSR_VMX_TRUE_PIN 0x48d
#define MSR_VMX_TRUE_PROC 0x48e
#define MSR_VMX_TRUE_EXIT 0x48f
#define MSR_VMX_TRUE_ENTRY 0x490

/* The same on all CPUs; filled by vmx_probe. */
struct vmx_capabilities {
    uint32_t revision;
    uint32_t pin, proc, proc2, exit, entry; /* the control values to use */
    uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
    unsigned preemption_shift; /* the timer counts down by one every 2^this TSC ticks */
    bool has_vpid, has_ept_accessed_dirty, has_ept_large, has_invept_single, has_invvpid_single;
};
extern struct vmx_capabilities vmx;

/*
 * Can this machine run sandboxes?  0, or -ENODEV with `why` (of `size` bytes) naming the first capability that is
 * missing.
 */
int vmx_probe(char *why, size_t size) must_check;
int vmx_enable(void) must_check; /* each CPU: VMXON.  0, -ENOMEM or -EIO */

/* A new VMCS, in the clear state: NULL, no memory. */
void *vmcs_create(void) must_check;
void vmcs_clear(void *vmcs); /* write back; not current any more; next entry must launch */
void vmcs_load(void *vmcs);

void vmx_flush_ept(uint64_t ept_pointer);
void vmx_flush_vpid(uint16_t vpid);

/* hv/vmx/enter.S.  0: there was an exit.  1, 2: the instruction failed (SDM vol. 3, 31.2), without or with error. */
int vmx_enter(struct vcpu *vcpu, bool launched);
extern const char vmx_exit_point[];

#endif
