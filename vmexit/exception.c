/*
 * Exceptions that exit, but for #UD, the gate's door (vmexit/loop.c goes to it directly).  #DB and #AC exit only so that they cannot be delivered for ever, and are
 * given back; an NMI or machine check is the machine's own.
 */
#include "hv/cpu.h"
#include "hv/vcpu.h"
#include "lib/log.h"
#include "lib/x86.h"
#include "vmexit/handlers.h"
#include "vmexit/state.h"

#define DR6_FIXED 0xffff0ff0ULL
#define DR6_FROM_EXIT 0xe00fULL /* B0-B3, BD, BS, BT */
#define DR7_GENERAL_DETECT BIT(13)

/* After an exit for an NMI, NMIs stay blocked in root mode until an IRET. */
static void nmi_unblock(void)
{
    uint64_t ss = 0x10, cs = 0x08, scratch;

    __asm__ volatile("mov %%rsp, %0\n\t"
                     "push %1\n\t"
                     "push %0\n\t"
                     "pushfq\n\t"
                     "push %2\n\t"
                     "lea 1f(%%rip), %0\n\t"
                     "push %0\n\t"
                     "iretq\n"
                     "1:"
                     : "=&r"(scratch)
                     : "r"(ss), "r"(cs)
                     : "memory");
}

static enum exit_outcome debug_give_back(struct vcpu *v)
{
    uint64_t cause = vmcs_read(VMCS_EXIT_QUALIFICATION) & DR6_FROM_EXIT;

    __asm__ volatile("mov %0, %%dr6" : : "r"(DR6_FIXED | cause));
    vmcs_write(VMCS_GUEST_DR7, vmcs_read(VMCS_GUEST_DR7) & ~DR7_GENERAL_DETECT);
    return vcpu_fault(v, FAULT_DEBUG, 0);
}

enum exit_outcome exit_exception(struct vcpu *v)
{
    uint32_t info = (uint32_t)vmcs_read(VMCS_EXIT_EVENT);

    if ((info & EVENT_TYPE_MASK) == EVENT_NMI) {
        cpu_halt_if_stopped();
        log_warn("NMI while a sandbox ran");
        nmi_unblock();
        return EXIT_RETRY;
    }
    switch (info & EVENT_VECTOR) {
    case FAULT_DEBUG:
        if ((info & EVENT_TYPE_MASK) == EVENT_PRIVILEGED_EXCEPTION) /* INT1 is a trap: what follows it comes next */
            vmcs_write(VMCS_GUEST_RIP, vmcs_read(VMCS_GUEST_RIP) + vmcs_read(VMCS_EXIT_LENGTH));
        return debug_give_back(v);
    case FAULT_ALIGNMENT:
        return vcpu_fault(v, FAULT_ALIGNMENT, 0);
    case FAULT_MACHINE_CHECK:
        panic("machine check while a sandbox ran");
    default:
        return vcpu_crash(v, "exception %u exits, yet nobody asked for it", (unsigned)(info & EVENT_VECTOR));
    }
}
