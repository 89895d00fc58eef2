/*
 * The life of a vCPU: deliver what is pending, enter, and act on the exit by one table.  Handlers say what happened;
 * only this file moves RIP, injects, and turns a refusal into the end of that sandbox.
 */
#include <asm/vmx.h>
#include <stdarg.h>

#include "hv/cpu.h"
#include "hv/schedule.h"
#include "hv/timer_run.h"
#include "hv/vcpu_enter.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/x86.h"
#include "vmexit/exit_names.h"
#include "vmexit/gate_config.h"
#include "vmexit/gate_events.h"
#include "vmexit/gate_path.h"
#include "vmexit/handlers.h"
#include "vmexit/lapic.h"
#include "vmexit/lapic_state.h"
#include "vmexit/run.h"
#include "vmexit/state.h"
#include "vmexit/stats.h"

#define EXIT_REASON_GETSEC 11 /* which <asm/vmx.h> does not name */

struct exit_row {
    const char *name;
    enum exit_outcome (*handler)(struct vcpu *v);
    bool may_interrupt_delivery; /* the exit can come in the middle of an event's delivery */
};

/* clang-format off */
static const struct exit_row exits[EXIT_REASONS] = {
    [EXIT_REASON_EXCEPTION_NMI] = {"exception", exit_exception, true},
    [EXIT_REASON_EXTERNAL_INTERRUPT] = {"external-interrupt", exit_external_interrupt, false},
    [EXIT_REASON_TRIPLE_FAULT] = {"triple-fault", exit_triple_fault, false},
    [EXIT_REASON_NMI_WINDOW] = {"nmi-window", exit_nothing, false},
    [EXIT_REASON_INTERRUPT_WINDOW] = {"interrupt-window", exit_nothing, false},
    [EXIT_REASON_CPUID] = {"cpuid", exit_cpuid, false},
    [EXIT_REASON_GETSEC] = {"getsec", exit_undefined, false},
    [EXIT_REASON_HLT] = {"hlt", exit_hlt, false},
    [EXIT_REASON_INVD] = {"invd", exit_skip, false},
    [EXIT_REASON_RDPMC] = {"rdpmc", exit_protection, false},
    [EXIT_REASON_VMCALL] = {"vmcall", exit_vmcall, false},
    [EXIT_REASON_VMCLEAR] = {"vmclear", exit_undefined, false},
    [EXIT_REASON_VMLAUNCH] = {"vmlaunch", exit_undefined, false},
    [EXIT_REASON_VMPTRLD] = {"vmptrld", exit_undefined, false},
    [EXIT_REASON_VMPTRST] = {"vmptrst", exit_undefined, false},
    [EXIT_REASON_VMREAD] = {"vmread", exit_undefined, false},
    [EXIT_REASON_VMRESUME] = {"vmresume", exit_undefined, false},
    [EXIT_REASON_VMWRITE] = {"vmwrite", exit_undefined, false},
    [EXIT_REASON_VMOFF] = {"vmxoff", exit_undefined, false},
    [EXIT_REASON_VMON] = {"vmxon", exit_undefined, false},
    [EXIT_REASON_CR_ACCESS] = {"cr-access", exit_cr_access, false},
    [EXIT_REASON_IO_INSTRUCTION] = {"io", exit_io, false},
    [EXIT_REASON_MSR_READ] = {"msr-read", exit_msr_read, false},
    [EXIT_REASON_MSR_WRITE] = {"msr-write", exit_msr_write, false},
    [EXIT_REASON_MWAIT_INSTRUCTION] = {"mwait", exit_undefined, false},
    [EXIT_REASON_MONITOR_INSTRUCTION] = {"monitor", exit_undefined, false},
    [EXIT_REASON_PAUSE_INSTRUCTION] = {"pause", exit_pause, false},
    [EXIT_REASON_EPT_VIOLATION] = {"ept-violation", exit_ept_violation, true},
    [EXIT_REASON_EPT_MISCONFIG] = {"ept-misconfiguration", exit_ept_misconfiguration, true},
    [EXIT_REASON_INVEPT] = {"invept", exit_undefined, false},
    [EXIT_REASON_PREEMPTION_TIMER] = {"preemption-timer", exit_nothing, false},
    [EXIT_REASON_INVVPID] = {"invvpid", exit_undefined, false},
    [EXIT_REASON_WBINVD] = {"wbinvd", exit_skip, false},
    [EXIT_REASON_XSETBV] = {"xsetbv", exit_xsetbv, false},
    [EXIT_REASON_VMFUNC] = {"vmfunc", exit_undefined, false},
};
/* clang-format on */

const char *exit_name(unsigned reason)
{
    return reason < EXIT_REASONS && exits[reason].name ? exits[reason].name : "other";
}

enum exit_outcome vcpu_fault(struct vcpu *v, unsigned vector, uint32_t error_code)
{
    bool has_error = vector == FAULT_DOUBLE || (vector >= 10 && vector <= FAULT_PAGE) || vector == FAULT_ALIGNMENT;

    v->event = (struct vm_event){.info = EVENT_VALID | EVENT_EXCEPTION | vector, .error_code = error_code};
    if (has_error)
        v->event.info |= EVENT_HAS_ERROR;
    return EXIT_FAULTED;
}

enum exit_outcome vcpu_page_fault(struct vcpu *v, uint64_t address, uint32_t error_code)
{
    cr2_write(address);
    return vcpu_fault(v, FAULT_PAGE, error_code);
}

bool vcpu_is_64_bit(void)
{
    return (vmcs_read(VMCS_GUEST_EFER) & EFER_LMA) && (vmcs_read(VMCS_GUEST_CS_RIGHTS) & RIGHTS_LONG_MODE);
}

enum exit_outcome vcpu_crash(struct vcpu *v, const char *fmt, ...)
{
    char text[200];
    va_list ap;

    va_start(ap, fmt);
    format_va(text, sizeof text, fmt, ap);
    va_end(ap);
    log_error("sandbox %u: %s (exit: %s)", v->vm->number, text, exit_name(v->exit_reason));
    vcpu_dump(v);
    vm_end(v->vm, VM_CRASHED, 0);
    return EXIT_ENDED;
}

static void instruction_retire(struct vcpu *v)
{
    unsigned length = v->exits->length ? v->exits->length : (unsigned)vmcs_read(VMCS_EXIT_LENGTH);
    uint64_t rip = vmcs_read(VMCS_GUEST_RIP) + length;
    uint64_t blocked = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);

    v->exits->length = 0;
    if (unlikely(v->again)) {
        v->again = false;
        return;
    }
    vmcs_write(VMCS_GUEST_RIP, vcpu_is_64_bit() ? rip : (uint32_t)rip);
    if (blocked & BLOCKED_SHADOW)
        vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, blocked & ~BLOCKED_SHADOW);
    if (vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_TF)
        vmcs_write(VMCS_GUEST_PENDING_DEBUG, PENDING_DEBUG_SINGLE_STEP);
}

static void exit_unknown(struct vcpu *v, uint32_t reason)
{
    if (reason == VCPU_ENTRY_FAILED) {
        vm_end(v->vm, VM_CRASHED, 0);
    } else if (reason & VMX_EXIT_REASONS_FAILED_VMENTRY) {
        vcpu_entry_failed(v, 0);
        vm_end(v->vm, VM_CRASHED, 0);
    } else {
        vcpu_crash(v, "VM exit %u is not one that this hypervisor asks for", reason);
    }
}

static void exit_dispatch(struct vcpu *v, uint32_t reason)
{
    const struct exit_row *row = &exits[reason];

    if (unlikely(!row->handler)) {
        exit_unknown(v, reason);
        return;
    }
    if (row->may_interrupt_delivery)
        vcpu_reinject_interrupted(v);
    if (row->handler(v) == EXIT_RETIRED)
        instruction_retire(v);
}

/* Would events_deliver() wake a vCPU from HLT? */
static bool event_waits(struct vcpu *v)
{
    return v->event.info || (v->nmi_waits && vcpu_can_nmi()) || (lapic_pending(v->lapic) >= 0 && vcpu_can_interrupt());
}

/*
 * What the next entry shall deliver: an exception or interrupted event first, else the local APIC's best interrupt. The
 * entry must follow: the VMCS holds one event, a second would take its place.
 */
static void events_deliver(struct vcpu *v)
{
    int vector = lapic_pending(v->lapic);

    if (!v->event.info && v->nmi_waits)
        vcpu_try_nmi(v);
    if (v->event.info) {
        vcpu_inject(v);
        vcpu_want_interrupt_window(v, vector >= 0);
        return;
    }
    if (likely(vector < 0)) {
        vcpu_want_interrupt_window(v, false);
        return;
    }
    if (!vcpu_can_interrupt()) {
        vcpu_want_interrupt_window(v, true);
        return;
    }
    lapic_accept(v->lapic, (unsigned)vector);
    v->event.info = EVENT_VALID | EVENT_EXTERNAL | (uint32_t)vector;
    if (unlikely(v->exits->watch & WATCH_EVENTS))
        gate_events_interrupt(v, (unsigned)vector);
    vcpu_inject(v);
    vcpu_want_interrupt_window(v, lapic_pending(v->lapic) >= 0);
}

static void toggle(struct vmexit_vcpu *x, uint32_t every)
{
    if (++x->toggle_count % every)
        return;
    x->gate.wanted = !x->gate.trapped;
    __atomic_fetch_or(&x->watch, WATCH_SWITCH, __ATOMIC_RELAXED);
}

/* What is rarely wanted at an exit, once it is handled. */
static __attribute__((noinline)) void watch(struct vcpu *v, uint64_t entered)
{
    struct vmexit_vcpu *x = v->exits;

    if (x->watch & WATCH_FIRST)
        stats_note_first(v, entered);
    if (x->watch & WATCH_STATS)
        stats_measure(v);
    if (x->watch & WATCH_EVENTS)
        gate_events_exit(v);
    if (x->watch & WATCH_TOGGLE)
        toggle(x, v->vm->exits->options.toggle);
    if (x->watch & WATCH_CONFIG)
        gate_config_take(v);
    if ((x->watch & WATCH_SWITCH) && vcpu_cpl() == 3)
        gate_switch_if_wanted(v);
}

/*
 * Timers that are due, what others ask, interrupts: whatever keeps the vCPU from being entered at once.  False: it does
 * not run on now, and `why` says why.
 */
static __attribute__((noinline)) bool vcpu_prepare(struct vcpu *v, uint64_t *now, enum run_end *why)
{
    struct cpu *c = this_cpu();

    do {
        hv_timer_run();
        /* Before looking: who posts something afterwards sets it again, and then either we see it or are interrupted.
         */
        __atomic_store_n(&v->kicked, false, __ATOMIC_SEQ_CST);
        if (vm_has_ended(v->vm)) {
            *why = RUN_ENDED;
            return false;
        }
        requests_answer(v);
        trace_buffer_flush(&v->exits->gate.trace); /* nobody should wait longer for a line than for the next timer */
        if (v->parked || gate_is_asking(&v->exits->gate) || (v->halted && !event_waits(v))) {
            *why = RUN_ASLEEP;
            return false;
        }
        *now = tsc_read();
        if (v->exits->yields || sched_slice_over(v, *now) || __atomic_load_n(&c->called, __ATOMIC_RELAXED)) {
            *why = v->exits->yields ? RUN_YIELDED : RUN_SLICE_OVER;
            v->exits->yields = false;
            return false;
        }
        if (v->ept_generation != v->vm->ept.generation) {
            vcpu_flush(v);
            gate_caches_drop(v);
        }
        c->next_deadline = MIN(c->next_deadline, c->slice_end);
        *now = tsc_read();
    } while (*now >= c->next_deadline);
    events_deliver(v);
    return true;
}

static inline bool is_prepared(const struct vcpu *v, const struct cpu *c, uint64_t now)
{
    return c->next_deadline > now && !v->event.info && !v->halted && !lapic_is_requested(v->lapic) &&
           !(v->proc_controls & (PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW)) &&
           v->ept_generation == v->vm->ept.generation;
}

/* The most frequent exit by far is the gate's: it is told from the others here, without the table. */
static inline bool is_invalid_opcode(uint32_t reason)
{
    return reason == EXIT_REASON_EXCEPTION_NMI &&
           (uint32_t)vmcs_read(VMCS_EXIT_EVENT) == (EVENT_VALID | EVENT_EXCEPTION | FAULT_INVALID_OPCODE);
}

enum run_end vcpu_run(struct vcpu *v)
{
    struct vmexit_vcpu *x = v->exits;
    struct cpu *c = this_cpu();
    enum run_end why = RUN_ENDED;

    vcpu_load(v);
    hv_timer_bring(&v->lapic->timer);
    c->next_deadline = 0; /* something may have been asked of it while it was not here */
    x->exit_tsc = tsc_read();
    for (;;) { /* until the sandbox has ended, too: vm_end() kicks, and then vcpu_prepare() looks */
        uint64_t now = x->exit_tsc;
        if (unlikely(!is_prepared(v, c, now)) && !vcpu_prepare(v, &now, &why))
            return why;
        uint32_t reason = vcpu_enter(v, c, now);
        x->exit_tsc = tsc_read();
        if (unlikely(reason >= EXIT_REASONS)) {
            exit_unknown(v, reason);
            return RUN_ENDED;
        }
        x->counts[reason]++;
        if (likely(is_invalid_opcode(reason)))
            gate_invalid_opcode(v);
        else
            exit_dispatch(v, reason);
        if (unlikely(x->watch))
            watch(v, now);
    }
}

void vm_trap_switch(struct vm *vm, bool on)
{
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        vm->vcpu[i]->exits->gate.wanted = on;
        __atomic_fetch_or(&vm->vcpu[i]->exits->watch, WATCH_SWITCH, __ATOMIC_RELEASE);
        vcpu_kick(vm->vcpu[i]);
    }
}
