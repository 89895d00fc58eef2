/*
 * The gate: every SYSCALL and SYSRET of a trapped sandbox.  The real EFER.SCE is clear while the guest reads it as set, so
 * both instructions raise #UD, which exits to here.  A call is recorded, then reflected (performed as the CPU would have),
 * answered, or ends the sandbox.  State belongs to the CPU that runs the vCPU; the VM's part has a lock.
 */
#ifndef VMEXIT_GATE_H
#define VMEXIT_GATE_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "abi/capture.h"
#include "hv/guest_walk.h"
#include "hv/timer.h"
#include "lib/compiler.h"
#include "lib/spinlock.h"
#include "vmexit/exit.h"
#include "vmexit/trace_buffer.h"

/* The code page that was fetched from last, at each privilege: its walk is shown to hold before it is used again. */
struct gate_code {
    uint64_t cr3, page; /* page: linear address */
    const uint8_t *bytes;
    struct guest_walk walk;
};

#define NO_PAGE (~0ULL << 13) /* of gate_code: so high that no code has GATE_LONGEST bytes there */

#define GATE_TID_MASK 0x7fffffffu /* of a guest's word for a task's number: what is left is free for no_task */
#define GATE_TASKS_MAX 32768u /* then tasks that are not known yet share one entry, and only the pairing of calls suffers */

/*
 * A task of the guest as the gate knows it: what it has open.  Entries are never freed before the VM, only used again, so
 * a vCPU may keep a pointer: whether it is still the task that it wants is in `tid`.
 */
enum gate_open {
    CALL_NONE,
    CALL_OPEN,    /* recorded for all */
    CALL_SHARED,  /* recorded for `sessions` */
    CALL_KEPT,    /* for `sessions`, if its return fits: `more` has the entry */
    CALL_SKIPPED, /* for nobody */
};

struct gate_call; /* vmexit/gate_rules.h */

struct gate_task {
    uint32_t pid, tid; /* in the order of a record's header; tid ~0: of no task */
    uint8_t open; /* enum gate_open */
    uint8_t sessions;
    bool fresh; /* announced, has made no call yet: its first return closes none */
    uint64_t nr, sequence; /* of the open call */
    struct gate_call *more; /* what rules and kept entries need; NULL until then */
    RB_ENTRY(gate_task) node; /* gate_vm's lock */
    struct gate_task *free_next;
};

RB_HEAD(gate_task_tree, gate_task);

struct gate_vm {
    uint64_t sequence;  /* next record's; atomic */
    bool keeps_records; /* constant */
    struct spinlock lock; /* above the allocator's only; guards the next nine */
    struct gate_task_tree tasks; /* by tid */
    struct gate_task *free_tasks;
    struct gate_config *config; /* the latest, counted; NULL: none */
    uint32_t tickets;           /* questions asked */
    LIST_HEAD(, gate_call) waiting;        /* calls that the guest holds back until there is an answer */
    uint64_t answer_address, answer_data;  /* of the guest's interrupt message that tells it of answers; 0: none */
    uint32_t task_count;  /* in the tree and free */
    unsigned trapped;     /* vCPUs that are */
    uint64_t switches, halves; /* atomic */
};

struct gate {
    bool trapped, wanted;
    bool doors_named;             /* ways around the gate were looked for since trapping began */
    struct gate_code code[2];     /* [0]: ring 0, [1]: ring 3 */
    struct capture_page *capture; /* in the guest; NULL: none registered */
    uint64_t record_flags;        /* of every record, in its place: TRACE_NO_TASK while there is no capture page */
    uint64_t dispatch_base;       /* the page's count when trapping began */
    uint64_t dispatches;          /* counted by the guest while it was trapped, up to the last switch */
    bool was_cut;                 /* it was stopped between a call's entry and its dispatch */
    uint64_t entries, answered;   /* calls that came here; of them answered here */
    uint64_t *sequence;           /* gate_vm's */
    const uint16_t *policy;       /* POLICY_CALLS of them: the VM's options' or the configuration's */
    struct gate_config *config;   /* counted; NULL: none */
    bool asking;                  /* atomic: the vCPU waits for an answer, or for `ask_timer` */
    struct hv_timer ask_timer;
    struct vcpu *vcpu;
    struct gate_task *asked;      /* whose call it is about; gate_vm's lock */
    struct gate_task *last;       /* found last; &no_task: none */
    struct gate_task spare;       /* of a task for which the table has no room */
    uint64_t buffer_gpa;          /* of the capture buffer that was read last */
    const struct capture_buffer *buffer;
    struct trace_buffer trace;
};

struct vmexit_options;

int gate_create(struct vm *vm) must_check; /* 0 or -ENOMEM */
void gate_destroy(struct vm *vm);

/* A #UD exit that is not a plain call or return (vmexit/gate_path.h), or not known to be one. */
enum exit_outcome gate_invalid_opcode_slowly(struct vcpu *v, uint64_t rip);
/* The sandbox's memory is mapped otherwise than before: forget translations. */
void gate_caches_drop(struct vcpu *v);
extern struct gate_task no_task;
/* The guest's EFER.SCE or the trapping changed: make the VMCS agree. */
void gate_apply(struct vcpu *v);
/* The vCPU sleeps or runs a program: a moment when a switch asked for can be made, and when records may be sent. */
void gate_quiet(struct vcpu *v);
void gate_switch_if_wanted(struct vcpu *v);

/* The calls of abi/capture.h: 0 or a negative errno. */
long gate_register(struct vcpu *v, uint64_t page);
void gate_set_answers(struct vcpu *v, uint64_t address, uint64_t data);
void gate_close(struct vcpu *v, int64_t result);
long gate_signal(struct vcpu *v, uint64_t siginfo);
/* The items of a full capture buffer into a record of their own: 0, or -EAGAIN: the guest is to count them as lost. */
long gate_more(struct vcpu *v);
void gate_task_new(struct vcpu *v, uint32_t tid, uint32_t pid);
void gate_task_exit(struct vcpu *v, uint32_t wait_status);
long gate_changed(struct vcpu *v); /* registers as CAPTURE_CALL_CHANGED has them; may end the sandbox */

/* Must the vCPU not run, since an answer is waited for? */
static inline bool gate_is_asking(const struct gate *g)
{
    return __atomic_load_n(&g->asking, __ATOMIC_ACQUIRE);
}

/* The vCPU, loaded on this CPU, will never run again. */
void gate_finish(struct vcpu *v);
unsigned gate_cut_calls(const struct vm *vm); /* entries that the end of the sandbox kept from being dispatched */
/* Dispatches that the guest counted while trapped, up to now. */
uint64_t gate_dispatches(const struct vm *vm);

#endif
