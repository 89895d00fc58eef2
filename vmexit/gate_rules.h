/*
 * Calls that the configuration (vmexit/gate_config.h) wants looked at: which sessions record them, and what the rules make of
 * them.  Off the straight path: only calls that some session or rule tells from others come here.
 */
#ifndef VMEXIT_GATE_RULES_H
#define VMEXIT_GATE_RULES_H

#include "abi/trace_control.h"
#include "abi/trace_record.h"
#include "lib/compiler.h"
#include "vmexit/exit.h"
#include "vmexit/gate.h"

/* Of a task some of whose calls were looked at.  Belongs to the CPU that runs the task; `verdict` as said. */
struct gate_call {
    struct trace_entry_body entry; /* of the open call, if it is CALL_KEPT or `patterns` is set */
    uint64_t tsc;                  /* of that entry */
    uint64_t patterns;             /* BIT(n): rule n decides by what this call consumes */
    uint32_t generation;           /* of the configuration that `counts` are of */
    uint32_t ticket;               /* of the last question; gate_vm's lock, as the next two */
    bool answered;
    int64_t verdict;
    uint32_t counts[TRACE_RULES_MAX]; /* of this task's calls that fitted each rule */
};

/* A trapped call with policy POLICY_RULES, or with a number beyond the table, when there is a configuration. */
enum exit_outcome gate_rules_run(struct vcpu *v, uint64_t next_rip, bool from_user);
/*
 * A call that a tracer inside the sandbox has changed, as gate_changed() has it: 0 or the error it is refused with.  Here nothing
 * can be waited for or added to the call: rules that ask, kill or inject refuse it with EPERM.
 */
long gate_rules_changed(struct vcpu *v);
/* The open call of a kept entry returned: the sessions that want it, by its result. */
unsigned gate_rules_return(struct vcpu *v, const struct gate_task *t, int64_t result);
/* The guest kernel is about to use what it copied from a program: 0, -errno or CAPTURE_KILL.  `item`: its address there. */
long gate_rules_check(struct vcpu *v, uint64_t item);
#define GATE_NOBODY (~0u)

/* Sessions that want a signal's delivery told: 0: all; GATE_NOBODY. */
unsigned gate_rules_signal(const struct gate *g, unsigned number);

void gate_rules_init(struct vcpu *v);
void gate_rules_stop(struct vcpu *v); /* its sandbox has ended: no timer of it runs afterwards */

#endif
