/*
 * See vmexit/gate_events.h.
 */
#include "vmexit/gate_events.h"

#include <asm/vmx.h>

#include "hv/vcpu.h"
#include "hv/vmx/vmcs.h"
#include "lib/x86.h"
#include "vmexit/gate_config.h"
#include "vmexit/gate_record.h"
#include "vmexit/handlers.h"
#include "vmexit/state.h"

#define EPT_ACCESS 7u

static void event_record(struct vcpu *v, const struct trace_machine_body *body, uint64_t tsc)
{
    const struct gate_config *c = v->exits->gate.config;
    unsigned sessions = c ? c->events[body->kind] : 0;
    struct gate_task *t = sessions ? gate_task_current(v) : NULL;

    if (!t)
        return;
    struct trace_record *r = record_begin(v, t, TRACE_MACHINE, 0, sizeof *r + sizeof *body);
    r->tsc = tsc;
    r->sessions = sessions;
    *(struct trace_machine_body *)r->body = *body;
}

/* The calls and their returns have records of their own. */
static bool is_gate(const struct vcpu *v)
{
    return v->exit_reason == EXIT_REASON_EXCEPTION_NMI && v->exits->gate.trapped &&
           (uint32_t)vmcs_read(VMCS_EXIT_EVENT) == (EVENT_VALID | EVENT_EXCEPTION | FAULT_INVALID_OPCODE);
}

void gate_events_exit(struct vcpu *v)
{
    uint64_t exit = v->exits->exit_tsc, ticks = tsc_read() - exit;
    bool is_ept = v->exit_reason == EXIT_REASON_EPT_VIOLATION;
    uint32_t rung = v->doorbell;

    v->doorbell = 0;
    if (is_gate(v))
        return;
    struct trace_machine_body body = {TRACE_MACHINE_EXIT, v->exit_reason, vmcs_read(VMCS_EXIT_QUALIFICATION),
                                      is_ept ? vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS) : 0, ticks};
    event_record(v, &body, exit);
    if (is_ept) {
        body.kind = TRACE_MACHINE_EPT;
        body.number = (uint32_t)body.value & EPT_ACCESS;
        event_record(v, &body, exit);
    }
    if (rung) {
        body = (struct trace_machine_body){TRACE_MACHINE_DEVICE, VCPU_DOORBELL_DEVICE(rung), VCPU_DOORBELL_QUEUE(rung),
                                           0, ticks};
        event_record(v, &body, exit);
    }
}

void gate_events_interrupt(struct vcpu *v, unsigned vector)
{
    const struct trace_machine_body body = {.kind = TRACE_MACHINE_INTERRUPT, .number = vector};

    event_record(v, &body, tsc_read());
}
