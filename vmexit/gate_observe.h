/*
 * The gate's records of guests that register no capture page.  Called on the CPU that runs the vCPU.
 */
#ifndef VMEXIT_GATE_OBSERVE_H
#define VMEXIT_GATE_OBSERVE_H

#include "abi/trace_record.h"
#include "vmexit/gate.h"

struct vcpu;

#define GATE_OBSERVED_TEXT_MAX 256u /* bytes of an object that looks like a text */
#define GATE_OBSERVED_MAX (6 * (sizeof(struct capture_item) + GATE_OBSERVED_TEXT_MAX))

/* Items of what a call's arguments point to, 8-byte aligned; the bytes of `items` (GATE_OBSERVED_MAX) that were used. */
size_t gate_observe(struct vcpu *v, const uint64_t args[6], uint8_t *items);

/* An entry record with what the arguments point to, for these sessions; `flags` beside TRACE_OBSERVED. */
void record_entry_observed(struct vcpu *v, struct gate_task *t, const struct trace_entry_body *body, unsigned flags,
                           unsigned sessions);

/* Of the n bytes from rsp on, those before the first page that is not resident; returns how many. */
size_t gate_observe_stack(struct vcpu *v, uint64_t rsp, uint8_t *to, size_t n);

/* Warn of ways into the guest's kernel that are not traced; once each time that trapping begins. */
void gate_name_doors(struct vcpu *v);

#endif
