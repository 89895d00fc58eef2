/*
 * See vmexit/gate_record.h.
 */
#include "vmexit/gate_record.h"

#include <asm-generic/errno.h>

#include "abi/trace_record.h"
#include "hv/alloc.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "vmexit/gate_rules.h"
#include "vmexit/state.h"

#define NOTHING (~0ULL)
#define NO_TID (~0u)

static int task_compare(const struct gate_task *a, const struct gate_task *b)
{
    return (a->tid > b->tid) - (a->tid < b->tid);
}

RB_GENERATE_INTERNAL(gate_task_tree, gate_task, node, task_compare, static __attribute__((unused)))

/* An entry that was used before, or a new one; NULL: no room. */
static struct gate_task *task_take(struct gate_vm *g)
{
    struct gate_task *t = g->free_tasks;

    assert_held(&g->lock);
    if (t) {
        g->free_tasks = t->free_next;
        return t;
    }
    if (g->task_count == GATE_TASKS_MAX)
        return NULL;
    t = mem_alloc_zero(sizeof *t);
    g->task_count += t != NULL;
    return t;
}

/* Made if it is new; NULL: no room. */
static struct gate_task *task_find(struct gate_vm *g, uint32_t tid)
{
    struct gate_task key = {.tid = tid};

    assert_held(&g->lock);
    struct gate_task *t = RB_FIND(gate_task_tree, &g->tasks, &key);
    if (t)
        return t;
    t = task_take(g);
    if (!t)
        return NULL;
    key.more = t->more;
    *t = key;
    RB_INSERT(gate_task_tree, &g->tasks, t);
    return t;
}

static void task_remove(struct gate_vm *g, uint32_t tid)
{
    struct gate_task key = {.tid = tid};

    assert_held(&g->lock);
    struct gate_task *t = RB_FIND(gate_task_tree, &g->tasks, &key);
    if (!t)
        return;
    RB_REMOVE(gate_task_tree, &g->tasks, t);
    t->tid = NO_TID;
    gate_call_reset(t->more);
    t->free_next = g->free_tasks;
    g->free_tasks = t;
}

void gate_tasks_free(struct gate_vm *g)
{
    struct gate_task *t;

    while ((t = RB_ROOT(&g->tasks))) {
        RB_REMOVE(gate_task_tree, &g->tasks, t);
        gate_call_free(t->more);
        mem_free(t);
    }
    while ((t = g->free_tasks)) {
        g->free_tasks = t->free_next;
        gate_call_free(t->more);
        mem_free(t);
    }
}

struct gate_task *gate_task_look_up(struct vcpu *v, uint32_t tid)
{
    struct gate *g = &v->exits->gate;
    struct gate_vm *shared = &v->vm->exits->gate;

    if (!shared->keeps_records)
        return NULL;
    spin_lock(&shared->lock);
    struct gate_task *t = tid == NO_TID ? NULL : task_find(shared, tid);
    spin_unlock(&shared->lock);
    if (!t) {
        t = &g->spare;
        if (t->tid != tid)
            *t = (struct gate_task){.tid = tid, .more = t->more};
    }
    t->pid = g->capture ? g->capture->pid : 0;
    g->last = t;
    return t;
}

/* A record of a call that not all sessions want. */
static struct trace_record *record_begin_shared(struct vcpu *v, const struct gate_task *t, unsigned type, unsigned flags, size_t size)
{
    struct trace_record *r = record_begin(v, t, type, flags, size);

    r->sessions = t->sessions;
    return r;
}

void record_entry_body(struct vcpu *v, struct gate_task *t, const struct trace_entry_body *body, unsigned flags)
{
    if (!v->exits->gate.capture || (flags & TRACE_OBSERVED)) {
        record_entry_observed(v, t, body, flags, t->sessions);
        return;
    }
    struct trace_record *r = record_begin_shared(v, t, TRACE_ENTRY, flags, sizeof *r + sizeof *body);
    memcpy(r->body, body, sizeof *body);
    t->sequence = r->sequence;
}

/* The last record does not need its last n bytes. */
static void record_give_back(struct vcpu *v, struct trace_record *r, size_t n)
{
    r->size -= (uint32_t)n;
    v->exits->gate.trace.current->used -= n;
}

/* Read into its place, as large as it may be; what it does not need is given back. */
void record_stack(struct vcpu *v, struct gate_task *t, uint64_t rip)
{
    struct trace_record *r = record_begin_shared(v, t, TRACE_STACK, 0,
                                                 sizeof *r + sizeof(struct trace_stack_body) + TRACE_STACK_MAX);
    struct trace_stack_body *b = (struct trace_stack_body *)r->body;
    uint64_t rsp = vmcs_read(VMCS_GUEST_RSP);

    *b = (struct trace_stack_body){rip,           rsp,           v->regs[REG_RBP], v->regs[REG_RBX], v->regs[12],
                                   v->regs[13], v->regs[14], v->regs[15],      0,                0};
    size_t size = gate_observe_stack(v, rsp, (uint8_t *)(b + 1), TRACE_STACK_MAX), whole = ALIGN_UP(size, (size_t)8);
    memset((uint8_t *)(b + 1) + size, 0, whole - size);
    b->size = (uint32_t)size;
    record_give_back(v, r, TRACE_STACK_MAX - whole);
}

/* The entry that was kept back, as it would have been written. */
static void record_kept(struct vcpu *v, const struct gate_task *t)
{
    const struct gate_call *call = t->more;
    struct trace_record *r = record_begin_shared(v, t, TRACE_ENTRY, 0, sizeof *r + sizeof call->entry);

    r->sequence = t->sequence;
    r->tsc = call->tsc;
    memcpy(r->body, &call->entry, sizeof call->entry);
}

void record_half(struct vcpu *v, struct gate_task *t)
{
    bool for_nobody = t->open == CALL_SKIPPED || t->open == CALL_KEPT;

    if (t->open == CALL_OPEN)
        t->sessions = 0;
    t->open = CALL_NONE;
    if (for_nobody)
        return;
    struct trace_record *r = record_begin_shared(v, t, TRACE_RETURN, TRACE_HALF,
                                                 sizeof *r + sizeof(struct trace_return_body));

    *(struct trace_return_body *)r->body = (struct trace_return_body){0, t->nr, t->sequence};
    __atomic_fetch_add(&v->vm->exits->gate.halves, 1, __ATOMIC_RELAXED);
}

/* The current task's capture buffer.  NULL: none, or not in the sandbox's memory. */
static const struct capture_buffer *buffer_find(struct vcpu *v)
{
    struct gate *g = &v->exits->gate;
    uint64_t address = g->capture ? g->capture->buffer : 0;
    size_t length;

    if (!address || !IS_ALIGNED(address, PAGE_SIZE))
        return NULL;
    if (address == g->buffer_gpa)
        return g->buffer;
    g->buffer = guest_window(v->vm, gpa(address), PAGE_SIZE, &length);
    g->buffer_gpa = g->buffer ? address : ~0ULL;
    return g->buffer;
}

/* How many of the copied bytes are well-formed items: the reader may trust the framing of what is kept. */
static size_t items_check(const uint8_t *items, size_t used)
{
    size_t at = 0;

    while (at + sizeof(struct capture_item) <= used) {
        const struct capture_item *item = (const struct capture_item *)(const void *)(items + at);
        size_t size = ALIGN_UP(sizeof *item + item->kept, (size_t)8);
        if (item->kept > CAPTURE_ITEM_MAX || item->kept > item->total || size > used - at)
            break;
        at += size;
    }
    return at;
}

/* How many bytes of items a capture buffer says that it holds. */
static size_t items_size(const struct capture_buffer *buffer)
{
    return MIN((size_t)__atomic_load_n(&buffer->used, __ATOMIC_RELAXED), sizeof buffer->items) & ~7UL;
}

/* Into their place at the end of the last record, `size` bytes: what is not well-formed does not stay there. */
static void items_take(struct vcpu *v, const struct capture_buffer *buffer, struct trace_record *r, uint8_t *to, size_t size)
{
    memcpy(to, buffer->items, size);
    record_give_back(v, r, size - items_check(to, size));
}

long gate_more(struct vcpu *v)
{
    struct gate_task *t = v->exits->gate.trapped ? gate_task_current(v) : NULL;
    const struct capture_buffer *buffer = t ? buffer_find(v) : NULL;

    if (!buffer || t->open == CALL_NONE || t->open == CALL_KEPT)
        return -EAGAIN;
    if (t->open == CALL_SKIPPED)
        return 0;
    if (t->open == CALL_OPEN)
        t->sessions = 0;
    size_t size = items_size(buffer);
    struct trace_record *r = record_begin_shared(v, t, TRACE_MORE, 0, sizeof *r + size);
    items_take(v, buffer, r, r->body, size);
    return 0;
}

/* Whoever wants the return of a call that is not for all, as its entry was or now is recorded; false: nobody. */
static bool return_is_wanted(struct vcpu *v, struct gate_task *t, int64_t result)
{
    if (t->open == CALL_OPEN || t->open == CALL_NONE)
        t->sessions = 0;
    if (t->open == CALL_SKIPPED)
        return false;
    if (t->open != CALL_KEPT)
        return true;
    t->sessions = (uint8_t)gate_rules_return(v, t, result);
    if (t->sessions)
        record_kept(v, t);
    return t->sessions != 0;
}

void record_return_slowly(struct vcpu *v, struct gate_task *t, int64_t result, unsigned flags)
{
    const struct capture_buffer *buffer = flags & TRACE_ANSWERED ? NULL : buffer_find(v);
    size_t size = buffer ? items_size(buffer) : 0;

    bool first = t->fresh && !t->open;

    t->fresh = false;
    if (first) /* a new task's first return is no call's */
        return;
    if (!return_is_wanted(v, t, result)) {
        t->open = CALL_NONE;
        return;
    }
    if (!t->open) {
        flags |= TRACE_HALF;
        __atomic_fetch_add(&v->vm->exits->gate.halves, 1, __ATOMIC_RELAXED);
    }
    if (buffer && buffer->lost)
        flags |= TRACE_TRUNCATED;
    struct trace_record *r =
        record_begin_shared(v, t, TRACE_RETURN, flags, sizeof *r + sizeof(struct trace_return_body) + size);
    struct trace_return_body *b = (struct trace_return_body *)r->body;
    b->result = result;
    b->nr = t->open ? t->nr : NOTHING;
    b->entry_sequence = t->open ? t->sequence : NOTHING;
    if (size)
        items_take(v, buffer, r, r->body + sizeof *b, size);
    t->open = CALL_NONE;
}

void record_verdict(struct vcpu *v, struct gate_task *t, const struct trace_verdict_body *body)
{
    if (t->open != CALL_OPEN && t->open != CALL_SHARED)
        return;
    if (t->open == CALL_OPEN)
        t->sessions = 0;
    struct trace_record *r = record_begin_shared(v, t, TRACE_VERDICT, 0, sizeof *r + sizeof *body);
    memcpy(r->body, body, sizeof *body);
}

void record_answer(struct vcpu *v, int64_t result)
{
    struct gate_task *t = gate_task_current(v);

    if (t)
        record_return_slowly(v, t, result, TRACE_ANSWERED);
}

void record_switch(struct vcpu *v, bool on)
{
    struct gate_vm *g = &v->vm->exits->gate;
    struct gate_task *t = gate_task_current(v), *other;
    uint32_t open = 0;

    if (!t)
        return;
    spin_lock(&g->lock);
    RB_FOREACH (other, gate_task_tree, &g->tasks)
        open += other->open != CALL_NONE;
    spin_unlock(&g->lock);
    struct trace_record *r = record_begin(v, t, TRACE_SWITCH, 0, sizeof *r + sizeof(struct trace_switch_body));
    *(struct trace_switch_body *)r->body = (struct trace_switch_body){on, open};
}

void record_open_calls(struct vcpu *v)
{
    struct gate_vm *g = &v->vm->exits->gate;
    struct gate_task *t;

    spin_lock(&g->lock);
    RB_FOREACH (t, gate_task_tree, &g->tasks)
        if (t->open)
            record_half(v, t);
    spin_unlock(&g->lock);
}

void gate_close(struct vcpu *v, int64_t result)
{
    struct gate_task *t = v->exits->gate.trapped ? gate_task_current(v) : NULL;

    if (!t)
        return;
    record_return_slowly(v, t, result, TRACE_CLOSED);
}

long gate_signal(struct vcpu *v, uint64_t siginfo)
{
    struct gate_task *t = v->exits->gate.trapped ? gate_task_current(v) : NULL;
    uint8_t bytes[128];

    if (!t)
        return 0;
    if (guest_read_virtual(v, siginfo, bytes, sizeof bytes))
        return -EFAULT;
    uint32_t number;
    memcpy(&number, bytes, sizeof number);
    unsigned sessions = gate_rules_signal(&v->exits->gate, number);
    if (sessions == GATE_NOBODY)
        return 0;
    struct trace_record *r = record_begin(v, t, TRACE_SIGNAL, 0, sizeof *r + sizeof bytes);
    r->sessions = sessions;
    memcpy(r->body, bytes, sizeof bytes);
    return 0;
}

void gate_task_new(struct vcpu *v, uint32_t tid, uint32_t pid)
{
    struct gate *g = &v->exits->gate;
    struct gate_task *t = g->trapped ? gate_task_current(v) : NULL;

    if (!t)
        return;
    struct trace_record *r = record_begin(v, t, TRACE_TASK_NEW, 0, sizeof *r + sizeof(struct trace_task_new_body));
    *(struct trace_task_new_body *)r->body = (struct trace_task_new_body){tid, pid};
    struct gate_vm *shared = &v->vm->exits->gate;
    spin_lock(&shared->lock);
    struct gate_task *child = task_find(shared, tid & GATE_TID_MASK);
    if (child) {
        child->pid = pid;
        child->open = CALL_NONE;
        child->fresh = true;
    }
    spin_unlock(&shared->lock);
}

void gate_task_exit(struct vcpu *v, uint32_t wait_status)
{
    struct gate *g = &v->exits->gate;
    struct gate_task *t = g->trapped ? gate_task_current(v) : NULL;

    if (!t)
        return;
    struct trace_record *r = record_begin(v, t, TRACE_TASK_EXIT, 0, sizeof *r + sizeof(struct trace_task_exit_body));
    *(struct trace_task_exit_body *)r->body = (struct trace_task_exit_body){wait_status, 0};
    g->last = &no_task;
    spin_lock(&v->vm->exits->gate.lock);
    task_remove(&v->vm->exits->gate, t->tid);
    spin_unlock(&v->vm->exits->gate.lock);
}
