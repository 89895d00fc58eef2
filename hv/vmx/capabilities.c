/*
 * Which controls to use on this CPU, from its capability MSRs (SDM vol. 3, appendix A).  A control that we need and the
 * CPU lacks has a name, and that name is what the user reads.
 */
#include <asm-generic/errno.h>

#include "hv/cpu.h"
#include "hv/vmx/vmcs.h"
#include "hv/vmx/vmx.h"
#include "lib/format.h"
#include "lib/x86.h"

#define BASIC_TRUE_CONTROLS BIT(55)
#define BASIC_REVISION 0x7fffffffu
#define EPT_LEVELS_4 BIT(6)
#define EPT_WRITE_BACK BIT(14)
#define EPT_LARGE BIT(16) /* entries of 2 MiB */
#define EPT_INVEPT BIT(20)
#define EPT_ACCESSED_DIRTY BIT(21)
#define EPT_INVEPT_SINGLE BIT(25)
#define VPID_INVVPID BIT(32)
#define VPID_SINGLE BIT(41)
#define MISC_TIMER_SHIFT 0x1f

struct control {
    uint32_t bit;
    const char *name; /* NULL: wanted, not needed */
};

struct control_set {
    uint32_t msr, true_msr; /* true_msr: used where the CPU has it */
    uint32_t *value;
    struct control control[12];
};

struct vmx_capabilities vmx;

static const struct control_set sets[] = {
    {MSR_VMX_PIN, MSR_VMX_TRUE_PIN, &vmx.pin,
     {{PIN_EXTERNAL_INTERRUPT, "external-interrupt exiting"},
      {PIN_NMI, "NMI exiting"},
      {PIN_VIRTUAL_NMI, "virtual NMIs"},
      {PIN_PREEMPTION_TIMER, "VMX-preemption timer"}}},
    {MSR_VMX_PROC, MSR_VMX_TRUE_PROC, &vmx.proc,
     {{PROC_HLT, "HLT exiting"},
      {PROC_MWAIT, "MWAIT exiting"},
      {PROC_RDPMC, "RDPMC exiting"},
      {PROC_CR8_LOAD, "CR8-load exiting"},
      {PROC_CR8_STORE, "CR8-store exiting"},
      {PROC_ALL_IO, "unconditional I/O exiting"},
      {PROC_MSR_BITMAP, "MSR bitmaps"},
      {PROC_MONITOR, "MONITOR exiting"},
      {PROC_SECONDARY, "secondary controls"}}},
    {MSR_VMX_PROC2, MSR_VMX_PROC2, &vmx.proc2,
     {{PROC2_EPT, "extended page tables (EPT)"},
      {PROC2_UNRESTRICTED, "unrestricted guest"},
      {PROC2_WBINVD, "WBINVD exiting"},
      {PROC2_VPID, NULL},
      {PROC2_RDTSCP, NULL},
      {PROC2_PAUSE_LOOP, NULL},
      {PROC2_INVPCID, NULL},
      {PROC2_XSAVES, NULL}}},
    {MSR_VMX_EXIT, MSR_VMX_TRUE_EXIT, &vmx.exit,
     {{EXIT_HOST_64, "64-bit host"},
      {EXIT_SAVE_DEBUG, "saving debug controls"},
      {EXIT_SAVE_PAT, "saving IA32_PAT"},
      {EXIT_LOAD_PAT, "loading IA32_PAT at exit"},
      {EXIT_SAVE_EFER, "saving IA32_EFER"},
      {EXIT_LOAD_EFER, "loading IA32_EFER at exit"}}},
    {MSR_VMX_ENTRY, MSR_VMX_TRUE_ENTRY, &vmx.entry,
     {{ENTRY_LOAD_DEBUG, "loading debug controls"},
      {ENTRY_LOAD_PAT, "loading IA32_PAT at entry"},
      {ENTRY_LOAD_EFER, "loading IA32_EFER at entry"}}},
};

/* Low half: bits that must be 1; high half: bits that may be 1. */
static const char *set_choose(const struct control_set *set, bool true_controls)
{
    uint64_t allowed = msr_read(true_controls ? set->true_msr : set->msr);
    uint32_t value = (uint32_t)allowed;

    for (unsigned i = 0; i < ARRAY_SIZE(set->control) && set->control[i].bit; i++) {
        const struct control *c = &set->control[i];
        if (allowed >> 32 & c->bit)
            value |= c->bit;
        else if (c->name)
            return c->name;
    }
    *set->value = value;
    return NULL;
}

static const char *ept_probe(void)
{
    uint64_t ept = msr_read(MSR_VMX_EPT_VPID);

    if (!(ept & EPT_LEVELS_4))
        return "4-level EPT";
    if (!(ept & EPT_WRITE_BACK))
        return "write-back EPT structures";
    if (!(ept & EPT_INVEPT))
        return "INVEPT";
    vmx.has_ept_accessed_dirty = ept & EPT_ACCESSED_DIRTY;
    vmx.has_ept_large = ept & EPT_LARGE;
    vmx.has_invept_single = ept & EPT_INVEPT_SINGLE;
    vmx.has_vpid = (vmx.proc2 & PROC2_VPID) && (ept & VPID_INVVPID) && (ept & VPID_SINGLE);
    if (!vmx.has_vpid)
        vmx.proc2 &= ~PROC2_VPID;
    return NULL;
}

static const char *missing_capability(void)
{
    uint32_t features = cpuid_count(1, 0).ecx;
    uint64_t control;

    if (!(features & BIT(5)))
        return "VT-x (CPUID.1:ECX.VMX)";
    if (!(features & BIT(26)))
        return "XSAVE (CPUID.1:ECX.XSAVE)";
    if (!msr_read_checked(MSR_FEATURE_CONTROL, &control) && (control & 1) && !(control & 4))
        return "VT-x: the firmware has locked it off (IA32_FEATURE_CONTROL)";
    uint64_t basic = msr_read(MSR_VMX_BASIC);
    vmx.revision = basic & BASIC_REVISION;
    for (unsigned i = 0; i < ARRAY_SIZE(sets); i++) {
        const char *name = set_choose(&sets[i], basic & BASIC_TRUE_CONTROLS);
        if (name)
            return name;
    }
    vmx.cr0_fixed0 = msr_read(MSR_VMX_CR0_FIXED0);
    vmx.cr0_fixed1 = msr_read(MSR_VMX_CR0_FIXED1);
    vmx.cr4_fixed0 = msr_read(MSR_VMX_CR4_FIXED0);
    vmx.cr4_fixed1 = msr_read(MSR_VMX_CR4_FIXED1);
    vmx.preemption_shift = msr_read(MSR_VMX_MISC) & MISC_TIMER_SHIFT;
    return ept_probe();
}

int vmx_probe(char *why, size_t size)
{
    const char *name = missing_capability();

    if (!name)
        return 0;
    format(why, size, "this machine cannot run sandboxes: its CPU lacks %s", name);
    return -ENODEV;
}
