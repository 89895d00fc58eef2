/*
 * Judging what a call consumes: texts and addresses that the guest kernel has copied and not yet used (abi/capture.h,
 * CAPTURE_CALL_CHECK).  Each is decided by the first rule that fits it, of those that gate_rules_run() left for later.  A rule that
 * asks holds the task back inside the guest; its CPU and all other tasks go on.
 */
#ifndef VMEXIT_GATE_JUDGE_H
#define VMEXIT_GATE_JUDGE_H

#include "abi/trace_control.h"
#include "lib/compiler.h"

struct vcpu;

/* A rule without a pattern: does it wait for the texts and addresses of this call, each of which it fits? */
bool gate_judge_waits(const struct trace_rule *r, const struct trace_facts *facts);
/*
 * The current task's call consumes `size` bytes, at `text` in the guest's kernel and at `address` in its program: 0, -errno,
 * CAPTURE_KILL, or the time in ns that somebody has to say so.  May end the sandbox.
 */
long gate_judge(struct vcpu *v, uint64_t text, uint64_t size, uint64_t address, uint64_t kind);
/* The same of the question that the current task waits for; or it waits no more. */
long gate_judge_answer(struct vcpu *v, bool withdrawn);

#endif
