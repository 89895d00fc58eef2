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
#include "vmexit/gate_config.h"

/* Of a task some of whose calls were looked at.  Belongs to the CPU that runs the task, but for what is said. */
struct gate_call {
    struct trace_entry_body entry; /* of the open call, if it is CALL_KEPT or `later` is set */
    uint64_t tsc;                  /* of that entry */
    uint64_t later;                /* BIT(n): rule n of `rules` decides by what this call consumes (vmexit/gate_judge.h) */
    struct gate_config *rules;     /* those of the last call that had such, counted; NULL: none had.  gate_vm's lock */
    uint32_t tid;                  /* whose call that was */
    uint32_t generation;           /* of the configuration that `counts` are of */
    uint32_t counts[TRACE_RULES_MAX]; /* of this task's calls that fitted each rule */
    /* The last question; gate_vm's lock. */
    LIST_ENTRY(gate_call) link;    /* if it `waits` */
    bool waits;                    /* the guest holds the call back; else it is the vCPU that waits */
    bool answered;
    uint32_t ticket;
    uint32_t rule;
    uint32_t by;                   /* enum trace_verdict_by */
    int64_t verdict;               /* if it is answered; before that what it is without an answer */
    uint64_t deadline;             /* of one that `waits` */
};

/* A trapped call with policy POLICY_RULES, or with a number beyond the table, when there is a configuration. */
enum exit_outcome gate_rules_run(struct vcpu *v, uint64_t next_rip, bool from_user);
/*
 * A call that a tracer inside the sandbox has changed, as gate_changed() has it: 0 or the error it is refused with.  Here nothing
 * can be waited for or added to the call: rules that ask, kill or inject refuse it with EPERM, but those that judge what it consumes.
 */
long gate_rules_changed(struct vcpu *v);
/* The open call of a kept entry returned: the sessions that want it, by its result. */
unsigned gate_rules_return(struct vcpu *v, const struct gate_task *t, int64_t result);
#define GATE_NOBODY (~0u)

/* Sessions that want a signal's delivery told: 0: all; GATE_NOBODY. */
unsigned gate_rules_signal(const struct gate *g, unsigned number);

void gate_call_reset(struct gate_call *call); /* its task is gone; NULL is allowed, as in the next.  gate_vm's lock */
void gate_call_free(struct gate_call *call);

/* The sandbox ends: a call of it is forbidden. */
void gate_rules_end(struct vcpu *v, unsigned nr);
/* For those who listen to questions: one is over. */
void gate_question_over(const struct vm *vm, uint32_t ticket, uint32_t by, int64_t result);

void gate_rules_init(struct vcpu *v);
void gate_rules_stop(struct vcpu *v); /* its sandbox has ended: no timer of it runs afterwards */

#endif
