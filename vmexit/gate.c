/*
 * See vmexit/gate.h.  Here is the long way of a call, with every check in the order of SDM vol. 2; switching; set-up.
 */
#include "vmexit/gate.h"

#include <asm-generic/errno.h>
#include <asm/signal.h>

#include "abi/trace_record.h"
#include "hv/alloc.h"
#include "hv/vcpu.h"
#include "hv/vmx/vmcs.h"
#include "lib/log.h"
#include "lib/x86.h"
#include "vmexit/gate_code.h"
#include "vmexit/gate_config.h"
#include "vmexit/gate_path.h"
#include "vmexit/gate_rules.h"
#include "vmexit/handlers.h"
#include "vmexit/state.h"

#define EXCEPTION_BIT_UD BIT(6)

struct gate_task no_task = {.tid = ~0u};

/* Translations are kept until this CPU flushes its own of this guest. */
void gate_caches_drop(struct vcpu *v)
{
    struct gate *g = &v->exits->gate;

    g->code[0].page = g->code[1].page = NO_PAGE;
    g->buffer_gpa = ~0ULL;
}

/* The guest kernel never sees the call; to the program it looks like one: RCX and R11 are used up. */
static enum exit_outcome call_answer(struct vcpu *v, uint64_t next_rip, uint64_t flags, int64_t result)
{
    record_entry(v, next_rip, true);
    record_answer(v, result);
    v->regs[REG_RAX] = (uint64_t)result;
    v->regs[REG_RCX] = next_rip;
    v->regs[REG_R11] = flags;
    instruction_complete(next_rip, flags);
    return EXIT_RETRY;
}

static enum exit_outcome call_end(struct vcpu *v, uint64_t next_rip)
{
    record_entry(v, next_rip, true);
    log_warn("gate: call %u is forbidden: the sandbox ends", (unsigned)v->regs[REG_RAX]);
    vm_end(v->vm, VM_EXITED, SIGSYS);
    return EXIT_ENDED;
}

/* To the program too it is one call: its return closes the record that is made here. */
long gate_changed(struct vcpu *v)
{
    const struct gate *g = &v->exits->gate;
    uint32_t nr = (uint32_t)v->regs[REG_RBX];
    uint16_t policy = nr < POLICY_CALLS ? g->policy[nr] : POLICY_REFLECT;

    if (!g->trapped)
        return 0;
    v->regs[REG_RAX] = nr;
    if (g->config && (policy == POLICY_RULES || nr >= POLICY_CALLS))
        return gate_rules_changed(v);
    if (policy == POLICY_END) {
        (void)call_end(v, v->regs[REG_RCX]);
        return 0;
    }
    record_entry(v, v->regs[REG_RCX], policy != POLICY_REFLECT);
    return policy == POLICY_REFLECT ? 0 : -(long)policy;
}

/* Whatever the segments were: 64-bit code needs no base, but the limit must go with the granularity of the new rights.
 */
static void segment_cs_flatten(void)
{
    vmcs_write(VMCS_GUEST_CS_BASE, 0);
    vmcs_write(VMCS_GUEST_CS_LIMIT, FLAT_LIMIT);
}

static enum exit_outcome syscall_run(struct vcpu *v, uint64_t next_rip, bool from_user)
{
    uint64_t flags = vmcs_read(VMCS_GUEST_RFLAGS) & ~RFLAGS_RF;
    uint32_t nr = (uint32_t)v->regs[REG_RAX];
    uint16_t policy = from_user && nr < POLICY_CALLS ? v->exits->gate.policy[nr] : POLICY_REFLECT;

    if (v->exits->gate.config && (policy == POLICY_RULES || nr >= POLICY_CALLS || !from_user))
        return gate_rules_run(v, next_rip, from_user);
    if (policy == POLICY_END)
        return call_end(v, next_rip);
    if (policy != POLICY_REFLECT)
        return call_answer(v, next_rip, flags, -(int64_t)policy);
    syscall_reflect(v, next_rip);
    segment_cs_flatten();
    return EXIT_RETRY;
}

static enum exit_outcome sysret_run(struct vcpu *v, bool wide, bool from_user)
{
    if (from_user || (wide && !is_canonical(v->regs[REG_RCX])))
        return vcpu_fault(v, FAULT_PROTECTION, 0);
    sysret_complete(v);
    segment_cs_flatten();
    if (!wide) {
        vmcs_write(VMCS_GUEST_CS_SELECTOR, v->star >> STAR_SYSRET_SHIFT | 3);
        vmcs_write(VMCS_GUEST_CS_RIGHTS, RIGHTS_CODE32_RING3);
        vmcs_write(VMCS_GUEST_RIP, (uint32_t)v->regs[REG_RCX]);
    }
    return EXIT_RETRY;
}

enum exit_outcome gate_invalid_opcode_slowly(struct vcpu *v, uint64_t rip)
{
    bool from_user = vcpu_cpl() != 0;

    if (!(vmcs_read(VMCS_GUEST_CS_RIGHTS) & RIGHTS_LONG_MODE))
        return vcpu_fault(v, FAULT_INVALID_OPCODE, 0);
    switch (gate_code_at(v, rip, from_user)) {
    case GATE_SYSCALL:
        return syscall_run(v, rip + 2, from_user);
    case GATE_SYSCALL_REX:
        return syscall_run(v, rip + 3, from_user);
    case GATE_SYSRET64:
        return sysret_run(v, true, from_user);
    case GATE_SYSRET32:
        return sysret_run(v, false, from_user);
    case GATE_UNMAPPED: /* another CPU of the guest changed its tables meanwhile */
        return EXIT_RETRY;
    default:
        return vcpu_fault(v, FAULT_INVALID_OPCODE, 0);
    }
}

void gate_apply(struct vcpu *v)
{
    const struct gate *g = &v->exits->gate;
    uint64_t bitmap = vmcs_read(VMCS_EXCEPTION_BITMAP) & ~EXCEPTION_BIT_UD;
    uint64_t efer = vmcs_read(VMCS_GUEST_EFER) & ~EFER_SCE;

    vmcs_write(VMCS_EXCEPTION_BITMAP, g->trapped && v->exits->efer_sce ? bitmap | EXCEPTION_BIT_UD : bitmap);
    vmcs_write(VMCS_GUEST_EFER, g->trapped ? efer : efer | v->exits->efer_sce);
}

static void trap_begin(struct vcpu *v)
{
    struct gate *g = &v->exits->gate;

    g->trapped = true;
    g->doors_named = false;
    if (g->capture) {
        g->dispatch_base = g->capture->dispatches;
        g->capture->active = 1;
    }
    spin_lock(&v->vm->exits->gate.lock);
    v->vm->exits->gate.trapped++;
    spin_unlock(&v->vm->exits->gate.lock);
    record_switch(v, true);
}

static void trap_end(struct vcpu *v)
{
    struct gate *g = &v->exits->gate;

    struct gate_vm *shared = &v->vm->exits->gate;

    record_switch(v, false);
    spin_lock(&shared->lock);
    bool is_last = --shared->trapped == 0;
    spin_unlock(&shared->lock);
    if (is_last)
        record_open_calls(v);
    g->trapped = false;
    if (g->capture) {
        g->dispatches += g->capture->dispatches - g->dispatch_base;
        g->capture->active = 0;
    }
}

/*
 * Only when the vCPU runs a program or sleeps: then every call that was entered on it has been dispatched, so entries
 * and the guest's own count agree at each switch, and calls in progress are those of sleeping tasks, all known.
 */
void gate_switch_if_wanted(struct vcpu *v)
{
    struct gate *g = &v->exits->gate;

    __atomic_fetch_and(&v->exits->watch, ~(uint32_t)WATCH_SWITCH, __ATOMIC_RELAXED);
    if (g->wanted == g->trapped)
        return;
    if (g->wanted)
        trap_begin(v);
    else
        trap_end(v);
    __atomic_fetch_add(&v->vm->exits->gate.switches, 1, __ATOMIC_RELAXED);
    gate_apply(v);
}

void gate_quiet(struct vcpu *v)
{
    gate_switch_if_wanted(v);
    trace_buffer_flush(&v->exits->gate.trace);
}

long gate_register(struct vcpu *v, uint64_t page)
{
    struct gate *g = &v->exits->gate;
    size_t length;

    if (!IS_ALIGNED(page, PAGE_SIZE))
        return -EINVAL;
    struct capture_page *capture = guest_window(v->vm, gpa(page), PAGE_SIZE, &length);
    if (!capture)
        return -EFAULT;
    if (capture->version != CAPTURE_VERSION)
        return -EINVAL;
    g->capture = capture;
    g->dispatch_base = capture->dispatches;
    g->last = &no_task;
    g->record_flags = 0;
    capture->active = g->trapped;
    return 0;
}

void gate_set_answers(struct vcpu *v, uint64_t address, uint64_t data)
{
    struct gate_vm *shared = &v->vm->exits->gate;

    spin_lock(&shared->lock);
    shared->answer_address = address;
    shared->answer_data = data;
    spin_unlock(&shared->lock);
}

static uint64_t vcpu_dispatches(const struct gate *g)
{
    return g->dispatches + (g->trapped && g->capture ? g->capture->dispatches - g->dispatch_base : 0);
}

uint64_t gate_dispatches(const struct vm *vm)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < vm->vcpu_count; i++)
        sum += vcpu_dispatches(&vm->vcpu[i]->exits->gate);
    return sum;
}

/* From SYSCALL to the dispatch the guest kernel has interrupts off and stays on its vCPU: there is at most one such call. */
void gate_finish(struct vcpu *v)
{
    struct gate *g = &v->exits->gate;
    bool in_entry = vcpu_cpl() == 0 && !(vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_IF);

    g->was_cut = g->capture && in_entry && g->entries - g->answered == vcpu_dispatches(g) + 1;
}

unsigned gate_cut_calls(const struct vm *vm)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < vm->vcpu_count; i++)
        sum += vm->vcpu[i]->exits->gate.was_cut;
    return sum;
}

int gate_create(struct vm *vm)
{
    const struct vmexit_options *o = &vm->exits->options;
    struct gate_vm *shared = &vm->exits->gate;

    RB_INIT(&shared->tasks);
    LIST_INIT(&shared->waiting);
    shared->keeps_records = o->trace != TRACE_OFF;
    shared->trapped = o->trap ? vm->vcpu_count : 0;

    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        struct gate *g = &vm->vcpu[i]->exits->gate;
        g->trapped = g->wanted = o->trap;
        g->record_flags = (uint64_t)TRACE_NO_TASK << 48;
        g->sequence = &vm->exits->gate.sequence;
        g->policy = o->policy;
        g->last = &no_task;
        gate_rules_init(vm->vcpu[i]);
        gate_caches_drop(vm->vcpu[i]);
        if (o->trace != TRACE_OFF && trace_buffer_create(&g->trace, vm->number, o->trace == TRACE_STREAM))
            return -ENOMEM;
    }
    return 0;
}

void gate_destroy(struct vm *vm)
{
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        struct gate *g = &vm->vcpu[i]->exits->gate;
        trace_buffer_destroy(&g->trace);
        gate_config_put(g->config);
        gate_call_free(g->spare.more);
    }
    gate_config_put(vm->exits->gate.config);
    gate_tasks_free(&vm->exits->gate);
}
