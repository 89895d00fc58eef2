/*
 * The gate's records of guests that register no capture page.  Called on the CPU that runs the vCPU.
 */
#ifndef VMEXIT_GATE_OBSERVE_H
#define VMEXIT_GATE_OBSERVE_H

#include "abi/trace_record.h"
#include "vmexit/gate.h"

struct vcpu;

/* An entry record with what the arguments point to, for these sessions; `flags` beside TRACE_OBSERVED. */
void record_entry_observed(struct vcpu *v, struct gate_task *t, const struct trace_entry_body *body, unsigned flags,
                           unsigned sessions);

/* Warn of ways into the guest's kernel that are not traced; once each time that trapping begins. */
void gate_name_doors(struct vcpu *v);

#endif
