/*
 * The records that the gate writes (abi/trace_record.h) and the tasks it knows.  What a plain call and its return need is
 * inline: that path is counted in instructions.
 */
#ifndef VMEXIT_GATE_RECORD_H
#define VMEXIT_GATE_RECORD_H

#include "abi/trace_record.h"
#include "hv/vmx/vmcs.h"
#include "lib/compiler.h"
#include "vmexit/gate.h"
#include "vmexit/gate_observe.h"
#include "vmexit/state.h"

void gate_tasks_free(struct gate_vm *g);
/* The task of that tid, made if it is new; NULL: no records are kept. */
struct gate_task *gate_task_look_up(struct vcpu *v, uint32_t tid);

/* The guest's current task, NULL: no records are kept.  Without a capture page the address space stands for it. */
static inline struct gate_task *gate_task_current(struct vcpu *v)
{
    struct gate *g = &v->exits->gate;
    uint64_t named = likely(g->capture) ? g->capture->tid : vmcs_read(VMCS_GUEST_CR3) >> PAGE_SHIFT;
    uint32_t tid = (uint32_t)named & GATE_TID_MASK;

    if (likely(g->last->tid == tid))
        return g->last;
    return gate_task_look_up(v, tid);
}

/* struct trace_record's header in words, as the path of a call stores it. */
struct record_words {
    uint64_t kind; /* size, type, flags */
    uint64_t sequence, tsc;
    uint64_t task; /* pid, tid */
    uint64_t vcpu;
};

_Static_assert(sizeof(struct record_words) == sizeof(struct trace_record), "the same header");
_Static_assert(offsetof(struct trace_record, type) == 4 && offsetof(struct trace_record, flags) == 6, "kind");
_Static_assert(offsetof(struct trace_record, pid) == offsetof(struct record_words, task), "task");
_Static_assert(offsetof(struct trace_record, vcpu) == offsetof(struct record_words, vcpu), "vcpu");
_Static_assert(offsetof(struct gate_task, pid) == 0 && offsetof(struct gate_task, tid) == 4, "task");

/* A record's header; `size` is the whole record's, the time that of the exit. */
static inline struct trace_record *record_begin(struct vcpu *v, const struct gate_task *t, unsigned type,
                                                unsigned flags, size_t size)
{
    struct vmexit_vcpu *x = v->exits;
    struct record_words *r = trace_buffer_take(&x->gate.trace, size);

    r->kind = (size | (uint64_t)type << 32 | (uint64_t)flags << 48) | x->gate.record_flags;
    r->sequence = __atomic_fetch_add(x->gate.sequence, 1, __ATOMIC_RELAXED);
    r->tsc = x->exit_tsc;
    r->task = *(const uint64_t *)(const void *)t;
    r->vcpu = v->index;
    return (struct trace_record *)r;
}

/* A return that will not be seen, or that was never closed. */
void record_half(struct vcpu *v, struct gate_task *t);
/* A return with something special about it. */
void record_return_slowly(struct vcpu *v, struct gate_task *t, int64_t result, unsigned flags);

static inline void record_entry(struct vcpu *v, uint64_t return_rip, bool answered)
{
    struct gate *g = &v->exits->gate;
    struct gate_task *t = gate_task_current(v);

    g->entries++;
    if (answered)
        g->answered++;
    if (unlikely(!t))
        return;
    if (unlikely(t->open != CALL_NONE))
        record_half(v, t);
    if (unlikely(!g->capture || answered)) { /* nobody copies what it points to */
        const struct trace_entry_body body = {
            (uint32_t)v->regs[REG_RAX],
            {v->regs[REG_RDI], v->regs[REG_RSI], v->regs[REG_RDX], v->regs[10], v->regs[8], v->regs[9]},
            return_rip};
        record_entry_observed(v, t, &body, answered ? TRACE_ANSWERED : 0, 0);
        return;
    }
    struct trace_record *r = record_begin(v, t, TRACE_ENTRY, answered ? TRACE_ANSWERED : 0,
                                          sizeof *r + sizeof(struct trace_entry_body));
    struct trace_entry_body *b = (struct trace_entry_body *)r->body;
    b->nr = (uint32_t)v->regs[REG_RAX]; /* as many bits as Linux takes */
    b->args[0] = v->regs[REG_RDI];
    b->args[1] = v->regs[REG_RSI];
    b->args[2] = v->regs[REG_RDX];
    b->args[3] = v->regs[10];
    b->args[4] = v->regs[8];
    b->args[5] = v->regs[9];
    b->rip = return_rip;
    t->open = CALL_OPEN;
    t->nr = b->nr;
    t->sequence = r->sequence;
}

/* Has the current call left anything in its task's capture buffer?  The last buffer's translation is kept. */
static inline bool gate_has_items(const struct gate *g)
{
    if (unlikely(!g->capture || g->capture->buffer != g->buffer_gpa))
        return true; /* perhaps */
    return *(const uint64_t *)(const void *)g->buffer; /* `used` and `lost` */
}

static inline void record_return(struct vcpu *v, int64_t result)
{
    struct gate_task *t = gate_task_current(v);

    if (unlikely(!t))
        return;
    if (unlikely(t->open != CALL_OPEN || gate_has_items(&v->exits->gate))) {
        record_return_slowly(v, t, result, 0);
        return;
    }
    struct trace_record *r = record_begin(v, t, TRACE_RETURN, 0, sizeof *r + sizeof(struct trace_return_body));
    struct trace_return_body *b = (struct trace_return_body *)r->body;
    b->result = result;
    b->nr = t->nr;
    b->entry_sequence = t->sequence;
    t->open = CALL_NONE;
}

/* The entry of a call that is not for all: t->sessions are set, t->open is the caller's to set. */
void record_entry_body(struct vcpu *v, struct gate_task *t, const struct trace_entry_body *body, unsigned flags);

/* The user's registers and stack as they are at a call, for the task's sessions. */
void record_stack(struct vcpu *v, struct gate_task *t, uint64_t rip);
/* What was decided about t's open call, for those who have its entry. */
void record_verdict(struct vcpu *v, struct gate_task *t, const struct trace_verdict_body *body);
void record_answer(struct vcpu *v, int64_t result); /* the return of a call answered here */
void record_switch(struct vcpu *v, bool on);
/* Trapping ends: every open call will return unseen. */
void record_open_calls(struct vcpu *v);

#endif
