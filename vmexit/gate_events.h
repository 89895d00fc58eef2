/*
 * Records of what is below the calls (abi/trace_record.h, TRACE_MACHINE), for the sessions whose program asks.  Called, on the CPU that
 * runs the vCPU, only while WATCH_EVENTS is set: it costs nothing else.
 */
#ifndef VMEXIT_GATE_EVENTS_H
#define VMEXIT_GATE_EVENTS_H

struct vcpu;

/* An exit was handled; the VMCS still says what it was. */
void gate_events_exit(struct vcpu *v);
void gate_events_interrupt(struct vcpu *v, unsigned vector);

#endif
