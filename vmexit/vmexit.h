/*
 * Running sandboxes: what hv/main uses of this floor.
 */
#ifndef VMEXIT_VMEXIT_H
#define VMEXIT_VMEXIT_H

#include "abi/trace_control.h"
#include "hv/vm.h"
#include "lib/compiler.h"

#define POLICY_CALLS 512u  /* calls with higher numbers are always reflected */
#define POLICY_REFLECT 0u  /* to the guest kernel */
#define POLICY_END 0xffffu /* end the sandbox, as if its program died by SIGSYS */
#define POLICY_RULES 0xfffeu /* look at the configuration's sessions and rules */
/* any other value: answer with that errno */

enum trace_mode { TRACE_OFF, TRACE_RING, TRACE_STREAM };

struct vmexit_options {
    bool trap;             /* from the start */
    enum trace_mode trace;
    bool stats;            /* measure exits too */
    uint32_t toggle;       /* ask for a switch between trapped and direct every this many exits; 0: never */
    uint16_t policy[POLICY_CALLS];
};

/* For a VM whose vCPUs are made: 0, or -ENOMEM or an error of region_add; on failure nothing is left behind. */
int vmexit_create(struct vm *vm, const struct vmexit_options *options) must_check;
void vmexit_destroy(struct vm *vm);

/* Lets a VM's vCPUs run.  Called on the boot CPU. */
void vm_start(struct vm *vm);
/* Told once no vCPU of an ended VM is left anywhere, on the CPU that had the last one.  Set at boot. */
void vm_set_gone(void (*gone)(struct vm *vm));
/* This CPU runs vCPUs, and sleeps when there are none; `look` (NULL: none) is called before each choice and says when to return. */
void cpu_run(bool (*look)(void));
/*
 * What the launcher asks for while a sandbox runs: a command of abi/trace_control.h, in memory of our own, 8-byte aligned.
 * 0, -EINVAL (it is malformed, or the sandbox keeps no records), -ENOMEM, -ESRCH (nobody asked that).
 */
int vm_trace_configure(struct vm *vm, const void *config, size_t size) must_check;
int vm_trace_answer(struct vm *vm, const struct trace_answer *answer) must_check;
/* Turn trapping on or off; each vCPU changes when it next runs a program or sleeps. */
void vm_trap_switch(struct vm *vm, bool on);
/* After the end: what is still buffered goes out; the flight recorder's records if `records`. */
void vm_flush(struct vm *vm, bool records);
/* The lines of docs/building.md, "Statistics", to the launcher. */
void vm_stats_send(struct vm *vm);

#endif
