/*
 * MSRs of a sandbox.  What the guest may touch freely has no exit (msr_pass_all); of the rest a table says how it is
 * read and written, and an MSR that is in neither does not exist: #GP.
 */
#include "vmexit/msr.h"

#include <asm/kvm_para.h>

#include "hv/vcpu.h"
#include "hv/vmx/vmx.h"
#include "lib/x86.h"
#include "vmexit/handlers.h"
#include "vmexit/kvm_clock.h"
#include "vmexit/lapic.h"
#include "vmexit/state.h"

#define MSR_X2APIC_LAST 0x8ffu
#define MSR_MICROCODE 0x8bu
#define MSR_XSS 0xda0u
#define MISC_ENABLE_FAST_STRINGS BIT(0)
#define EFER_WRITABLE (EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)

static bool is_canonical(uint64_t address)
{
    int64_t sign = (int64_t)address >> 47;

    return sign == 0 || sign == -1;
}

void msr_pass_all(struct vm *vm)
{
    static const uint32_t free[] = {MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_PAT,
                                    MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP};
    static const uint32_t readable[] = {MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_FMASK, MSR_TSC};

    for (unsigned i = 0; i < ARRAY_SIZE(free); i++)
        vm_msr_pass(vm, free[i], true, true);
    for (unsigned i = 0; i < ARRAY_SIZE(readable); i++)
        vm_msr_pass(vm, readable[i], true, false);
    if (vmx.proc2 & PROC2_RDTSCP)
        vm_msr_pass(vm, MSR_TSC_AUX, true, true);
}

static bool efer_write(struct vcpu *v, uint64_t value)
{
    uint64_t old = vmcs_read(VMCS_GUEST_EFER);

    if (value & ~EFER_WRITABLE)
        return false;
    if ((vmcs_read(VMCS_GUEST_CR0) & CR0_PG) && ((value ^ old) & EFER_LME))
        return false;
    v->exits->efer_sce = value & EFER_SCE;
    vmcs_write(VMCS_GUEST_EFER, (value & ~(EFER_LMA | EFER_SCE)) | (old & EFER_LMA));
    gate_apply(v);
    return true;
}

/* A register that stays in the CPU; the copy is what a switch of vCPUs loads, and what the gate uses. */
static bool live_write(uint32_t msr, uint64_t value, uint64_t *copy)
{
    *copy = value;
    msr_write(msr, value);
    return true;
}

static bool value_write(struct vcpu *v, uint32_t msr, uint64_t value)
{
    switch (msr) {
    case MSR_EFER:
        return efer_write(v, value);
    case MSR_STAR:
        return live_write(msr, value, &v->star);
    case MSR_LSTAR:
        return is_canonical(value) && live_write(msr, value, &v->lstar);
    case MSR_CSTAR:
        return is_canonical(value) && live_write(msr, value, &v->cstar);
    case MSR_FMASK:
        return !(value >> 32) && live_write(msr, value, &v->fmask);
    case MSR_MICROCODE: /* 0 is written before its revision is read */
        return true;
    case MSR_XSS:
        return (vmx.proc2 & PROC2_XSAVES) && value == 0;
    case MSR_KVM_SYSTEM_TIME_NEW:
        return kvm_clock_set(v, value);
    case MSR_KVM_WALL_CLOCK_NEW:
        return kvm_wall_clock_set(v->vm, value);
    case MSR_APIC_BASE:
    case MSR_TSC_DEADLINE:
    case MSR_X2APIC_BASE ... MSR_X2APIC_LAST:
        return lapic_msr_write(v->lapic, msr, value) == 0;
    default:
        return false;
    }
}

static bool value_read(struct vcpu *v, uint32_t msr, uint64_t *value)
{
    *value = 0;
    switch (msr) {
    case MSR_EFER:
        *value = (vmcs_read(VMCS_GUEST_EFER) & ~EFER_SCE) | v->exits->efer_sce;
        return true;
    case MSR_MISC_ENABLE:
        *value = MISC_ENABLE_FAST_STRINGS;
        return true;
    case MSR_MICROCODE:
        return true;
    case MSR_XSS:
        return vmx.proc2 & PROC2_XSAVES;
    case MSR_KVM_SYSTEM_TIME_NEW:
        *value = v->exits->kvm_clock;
        return true;
    case MSR_KVM_WALL_CLOCK_NEW:
        *value = v->vm->exits->kvm_wall;
        return true;
    case MSR_APIC_BASE:
    case MSR_TSC_DEADLINE:
    case MSR_X2APIC_BASE ... MSR_X2APIC_LAST:
        return lapic_msr_read(v->lapic, msr, value) == 0;
    default:
        return false;
    }
}

enum exit_outcome exit_msr_read(struct vcpu *v)
{
    uint64_t value;

    if (!value_read(v, (uint32_t)v->regs[REG_RCX], &value))
        return vcpu_fault(v, FAULT_PROTECTION, 0);
    v->regs[REG_RAX] = (uint32_t)value;
    v->regs[REG_RDX] = value >> 32;
    return EXIT_RETIRED;
}

enum exit_outcome exit_msr_write(struct vcpu *v)
{
    uint64_t value = v->regs[REG_RDX] << 32 | (uint32_t)v->regs[REG_RAX];

    if (!value_write(v, (uint32_t)v->regs[REG_RCX], value))
        return vcpu_fault(v, FAULT_PROTECTION, 0);
    return EXIT_RETIRED;
}
