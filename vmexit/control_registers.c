/*
 * Writes to control registers that exit, CR8, and XSETBV.  The guest owns most bits of CR0 and CR4; a write exits only when
 * it changes one that VMX holds (CR0.NE, CR4.VMXE), one that would slow down others (CR0.CD) or one that is not offered.
 */
#include "hv/vcpu.h"
#include "hv/vmx/vmx.h"
#include "hv/xstate.h"
#include "lib/x86.h"
#include "vmexit/handlers.h"
#include "vmexit/lapic.h"

#define ACCESS_WRITE 0u
#define ACCESS_READ 1u
#define ACCESS_CLTS 2u
#define ACCESS_LMSW 3u
#define LMSW_BITS 0xfULL
#define PDPTE_PRESENT 1ULL
#define PDPTE_RESERVED 0x1e6ULL
#define XCR0_X87 BIT(0)
#define XCR0_SSE BIT(1)
#define XCR0_AVX BIT(2)
#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))

static uint64_t register_read(struct vcpu *v, unsigned number)
{
    return number == REG_RSP ? vmcs_read(VMCS_GUEST_RSP) : v->regs[number];
}

/* PAE paging keeps four entries in the CPU: they are checked and loaded when paging begins (SDM vol. 3, 4.4.1). */
static bool pdptes_load(struct vcpu *v)
{
    uint64_t entry[4];

    if (guest_read(v->vm, gpa(vmcs_read(VMCS_GUEST_CR3) & 0xffffffe0), entry, sizeof entry))
        return false;
    for (unsigned i = 0; i < 4; i++) {
        if ((entry[i] & PDPTE_PRESENT) && (entry[i] & PDPTE_RESERVED))
            return false;
        vmcs_write((enum vmcs_field)(VMCS_GUEST_PDPTE0 + 2 * i), entry[i]);
    }
    return true;
}

/* Paging goes on or off by a write that we perform: so does long mode, if it was enabled. */
static bool paging_switch(struct vcpu *v, bool on)
{
    uint64_t efer = vmcs_read(VMCS_GUEST_EFER), cr4 = vmcs_read(VMCS_GUEST_CR4);
    uint64_t controls = vmcs_read(VMCS_ENTRY_CONTROLS);

    if (on && (efer & EFER_LME)) {
        if (!(cr4 & CR4_PAE) || (vmcs_read(VMCS_GUEST_CS_RIGHTS) & RIGHTS_LONG_MODE))
            return false;
        vmcs_write(VMCS_GUEST_EFER, efer | EFER_LMA);
        vmcs_write(VMCS_ENTRY_CONTROLS, controls | ENTRY_IA32E);
        return true;
    }
    if (on)
        return !(cr4 & CR4_PAE) || pdptes_load(v);
    if (vcpu_is_64_bit() || (cr4 & CR4_PCIDE))
        return false;
    vmcs_write(VMCS_GUEST_EFER, efer & ~EFER_LMA);
    vmcs_write(VMCS_ENTRY_CONTROLS, controls & ~ENTRY_IA32E);
    return true;
}

static enum exit_outcome cr0_set(struct vcpu *v, uint64_t value)
{
    uint64_t old = vmcs_read(VMCS_GUEST_CR0);
    uint64_t fixed = (vmx.cr0_fixed0 & ~(CR0_PE | CR0_PG)) | CR0_ET;

    if (value >> 32 || ((value & CR0_PG) && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD)))
        return vcpu_fault(v, FAULT_PROTECTION, 0);
    if (((value ^ old) & CR0_PG) && !paging_switch(v, value & CR0_PG))
        return vcpu_fault(v, FAULT_PROTECTION, 0);
    vmcs_write(VMCS_GUEST_CR0, ((value & ~CR0_CACHE) | fixed) & vmx.cr0_fixed1);
    vmcs_write(VMCS_CR0_SHADOW, value | CR0_ET);
    vmx_flush_vpid(v->vpid);
    return EXIT_RETIRED;
}

static enum exit_outcome cr4_set(struct vcpu *v, uint64_t value)
{
    uint64_t old = vmcs_read(VMCS_GUEST_CR4);
    bool long_mode = vmcs_read(VMCS_GUEST_EFER) & EFER_LMA;

    if ((value & ~v->vm->cr4_allowed) || (long_mode && !(value & CR4_PAE)))
        return vcpu_fault(v, FAULT_PROTECTION, 0);
    if ((value & ~old & CR4_PCIDE) && (!long_mode || (vmcs_read(VMCS_GUEST_CR3) & 0xfff)))
        return vcpu_fault(v, FAULT_PROTECTION, 0);
    vmcs_write(VMCS_GUEST_CR4, value | CR4_VMXE | vmx.cr4_fixed0);
    vmcs_write(VMCS_CR4_SHADOW, value);
    vmx_flush_vpid(v->vpid);
    return EXIT_RETIRED;
}

static enum exit_outcome cr8_access(struct vcpu *v, unsigned access, unsigned number)
{
    if (access == ACCESS_READ) {
        v->regs[number] = lapic_task_priority(v->lapic) >> 4;
        return EXIT_RETIRED;
    }
    uint64_t value = register_read(v, number);
    if (value > 15)
        return vcpu_fault(v, FAULT_PROTECTION, 0);
    lapic_set_task_priority(v->lapic, (uint32_t)value << 4);
    return EXIT_RETIRED;
}

enum exit_outcome exit_cr_access(struct vcpu *v)
{
    uint64_t q = vmcs_read(VMCS_EXIT_QUALIFICATION);
    unsigned access = q >> 4 & 3, number = q >> 8 & 15, cr = q & 15;
    uint64_t cr0 = (vmcs_read(VMCS_GUEST_CR0) & ~CR0_HELD) | (vmcs_read(VMCS_CR0_SHADOW) & CR0_HELD);

    if (cr == 8)
        return cr8_access(v, access, number);
    if (access == ACCESS_LMSW) /* sets PE, never clears it */
        return cr0_set(v, (cr0 & (~LMSW_BITS | CR0_PE)) | (q >> 16 & LMSW_BITS));
    if (access == ACCESS_CLTS)
        return cr0_set(v, cr0 & ~CR0_TS);
    if (cr == 0 && access == ACCESS_WRITE)
        return cr0_set(v, register_read(v, number));
    if (cr == 4 && access == ACCESS_WRITE)
        return cr4_set(v, register_read(v, number));
    return vcpu_crash(v, "control register access %#llx is not one that exits", (unsigned long long)q);
}

static bool is_valid_xcr0(uint64_t value)
{
    if (!(value & XCR0_X87) || (value & ~xstate_features()))
        return false;
    if ((value & XCR0_AVX) && !(value & XCR0_SSE))
        return false;
    if (!(value & XCR0_AVX512))
        return true;
    return (value & XCR0_AVX512) == XCR0_AVX512 && (value & XCR0_AVX);
}

/* Some CPUs exit before they check the privilege level, so it is checked here. */
enum exit_outcome exit_xsetbv(struct vcpu *v)
{
    uint64_t value = v->regs[REG_RDX] << 32 | (uint32_t)v->regs[REG_RAX];

    if (vcpu_cpl() != 0 || (uint32_t)v->regs[REG_RCX] != 0 || !is_valid_xcr0(value))
        return vcpu_fault(v, FAULT_PROTECTION, 0);
    v->xcr0 = value;
    xcr0_write(value);
    return EXIT_RETIRED;
}
