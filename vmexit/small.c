/*
 * Exits that need a line or two each.
 */
#include "hv/cpu.h"
#include "hv/vcpu.h"
#include "lib/x86.h"
#include "vmexit/handlers.h"
#include "vmexit/state.h"

enum exit_outcome exit_hlt(struct vcpu *v)
{
    v->halted = true;
    if (!(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF) && vcpu_is_last_stuck(v))
        return vcpu_crash(v, "the guest halted with interrupts off: nothing would wake it");
    gate_quiet(v);
    return EXIT_RETIRED;
}

/* It spins on a lock, most likely one whose holder does not run. */
enum exit_outcome exit_pause(struct vcpu *v)
{
    v->exits->yields = true;
    this_cpu()->next_deadline = 0; /* look at it before the next entry */
    return EXIT_RETIRED;
}

enum exit_outcome exit_triple_fault(struct vcpu *v)
{
    return vcpu_crash(v, "triple fault in the guest");
}

/* Without "acknowledge interrupt on exit" it is still pending: let root mode's own handler have it. */
enum exit_outcome exit_external_interrupt(struct vcpu *v)
{
    cpu_take_interrupts();
    return EXIT_RETRY;
}

enum exit_outcome exit_nothing(struct vcpu *v)
{
    return EXIT_RETRY;
}

enum exit_outcome exit_skip(struct vcpu *v)
{
    return EXIT_RETIRED;
}

enum exit_outcome exit_undefined(struct vcpu *v)
{
    return vcpu_fault(v, FAULT_INVALID_OPCODE, 0);
}

enum exit_outcome exit_protection(struct vcpu *v)
{
    return vcpu_fault(v, FAULT_PROTECTION, 0);
}
