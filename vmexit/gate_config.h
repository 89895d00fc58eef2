/*
 * What a VM's gate has been told to do with calls (abi/trace_control.h), taken apart.  Never changes once it is made: a new
 * configuration takes its place, and each vCPU goes on with the old one until its next exit after that.
 */
#ifndef VMEXIT_GATE_CONFIG_H
#define VMEXIT_GATE_CONFIG_H

#include "abi/trace_control.h"
#include "abi/trace_record.h"
#include "lib/compiler.h"
#include "vmexit/vmexit.h"

struct vcpu;

struct gate_config {
    uint32_t refs; /* atomic: the VM's and one for each vCPU that uses it */
    uint32_t generation; /* raised when the rules are others: of which rules a task's counts are */
    uint8_t sessions; /* BIT(number) */
    uint8_t rule_count;
    uint8_t stacks; /* of the sessions, those that want TRACE_STACK records */
    uint8_t events[TRACE_MACHINE_DEVICE + 1]; /* by enum trace_machine_kind: the sessions that want it */
    bool any_event;
    const struct trace_program *filter[TRACE_SESSIONS_MAX]; /* by number; NULL: no such session */
    const struct trace_rule *rule[TRACE_RULES_MAX];
    uint16_t policy[POLICY_CALLS]; /* POLICY_RULES where anything but recording for all may have to be done */
    uint64_t bytes[]; /* the launcher's */
};

/* A copy, with one reference; `denied`: the options' policy, which goes first.  NULL: no memory.  `bytes` was checked. */
struct gate_config *gate_config_create(const void *bytes, size_t size, const uint16_t *denied) must_check;
struct gate_config *gate_config_get(struct gate_config *c);
void gate_config_put(struct gate_config *c); /* NULL is allowed */

/* This vCPU, loaded on this CPU, goes on with the VM's latest. */
void gate_config_take(struct vcpu *v);

#endif
