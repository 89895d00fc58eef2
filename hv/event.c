/*
 * Delivering events to the guest by VM entry; see hv/vcpu.h and SDM vol. 3, 27.6 and 28.2.4.
 */
#include "hv/vcpu_enter.h"
#include "lib/x86.h"

#define NMI_VECTOR 2

bool vcpu_can_interrupt(void)
{
    return (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF) && !(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & BLOCKED_SHADOW);
}

static void want_exit(struct vcpu *v, uint32_t control, bool wanted)
{
    uint32_t controls = wanted ? v->proc_controls | control : v->proc_controls & ~control;

    if (controls == v->proc_controls)
        return;
    v->proc_controls = controls;
    vmcs_write(VMCS_PROCESSOR_CONTROLS, controls);
}

void vcpu_want_interrupt_window(struct vcpu *v, bool wanted)
{
    want_exit(v, PROC_INTERRUPT_WINDOW, wanted);
}

bool vcpu_can_nmi(void)
{
    return !(vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (BLOCKED_SHADOW | BLOCKED_BY_NMI));
}

void vcpu_try_nmi(struct vcpu *v)
{
    bool blocked = !vcpu_can_nmi();

    want_exit(v, PROC_NMI_WINDOW, blocked);
    if (blocked)
        return;
    v->nmi_waits = false;
    v->event = (struct vm_event){.info = EVENT_VALID | EVENT_NMI | NMI_VECTOR};
}

static bool is_fault(uint32_t info)
{
    unsigned vector = info & EVENT_VECTOR;

    return (info & EVENT_TYPE_MASK) == EVENT_EXCEPTION && vector != 1 && vector != 3 && vector != 4;
}

/* Injection pushes RFLAGS as the VMCS holds it, while a fault that the CPU raises itself pushes RF = 1. */
void vcpu_inject(struct vcpu *v)
{
    uint32_t info = v->event.info;

    DEBUG_ASSERT(!(vmcs_read(VMCS_ENTRY_EVENT) & EVENT_VALID)); /* the CPU clears it at each entry */
    if (!(vmcs_read(VMCS_GUEST_CR0) & CR0_PE)) /* real mode pushes no error codes, and an entry with one is refused */
        info &= ~(uint32_t)EVENT_HAS_ERROR;
    if (is_fault(info))
        vmcs_write(VMCS_GUEST_RFLAGS, vmcs_read(VMCS_GUEST_RFLAGS) | RFLAGS_RF);
    vmcs_write(VMCS_ENTRY_EVENT, info);
    if (info & EVENT_HAS_ERROR)
        vmcs_write(VMCS_ENTRY_EVENT_ERROR, v->event.error_code);
    if ((info & EVENT_TYPE_MASK) >= EVENT_SOFTWARE_INTERRUPT)
        vmcs_write(VMCS_ENTRY_EVENT_LENGTH, v->event.instruction_length);
    v->event.info = 0;
    v->halted = false;
}

void vcpu_reinject_interrupted(struct vcpu *v)
{
    uint32_t info = (uint32_t)vmcs_read(VMCS_VECTORING_EVENT);

    if (!(info & EVENT_VALID) || v->event.info)
        return;
    v->event.info = info & ~(uint32_t)EVENT_NMI_UNBLOCKING;
    v->event.error_code = info & EVENT_HAS_ERROR ? (uint32_t)vmcs_read(VMCS_VECTORING_EVENT_ERROR) : 0;
    v->event.instruction_length = (uint32_t)vmcs_read(VMCS_EXIT_LENGTH);
    if ((info & EVENT_TYPE_MASK) == EVENT_NMI) /* its delivery was not finished, yet it blocks */
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & ~BLOCKED_BY_NMI);
}

unsigned vcpu_cpl(void)
{
    return vmcs_read(VMCS_GUEST_SS_RIGHTS) >> RIGHTS_DPL_SHIFT & 3;
}
