/*
 * What a CPU does all day: choose a vCPU (hv/schedule.h), run it until it stops (loop.c), and so on.  See
 * vmexit/vmexit.h.
 */
#include "hv/cpu.h"
#include "hv/schedule.h"
#include "hv/timer_run.h"
#include "hv/vcpu.h"
#include "lib/log.h"
#include "vmexit/gate.h"
#include "vmexit/gate_rules.h"
#include "vmexit/lapic_state.h"
#include "vmexit/run.h"
#include "vmexit/vmexit.h"

static void (*vm_gone)(struct vm *vm); /* set at boot */

void vm_set_gone(void (*gone)(struct vm *vm))
{
    vm_gone = gone;
    requests_init();
}

void vm_start(struct vm *vm)
{
    vm->live = vm->vcpu_count;
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        vcpu_load(vm->vcpu[i]);
        gate_apply(vm->vcpu[i]);
    }
    for (unsigned i = 0; i < vm->vcpu_count; i++)
        sched_add(vm->vcpu[i]);
}

/* Its sandbox has ended: nothing of it is left on any CPU afterwards. */
static void vcpu_finish(struct vcpu *v)
{
    struct vm *vm = v->vm;

    hv_timer_cancel(&v->lapic->timer);
    hv_timer_cancel(&v->cap_timer);
    gate_rules_stop(v);
    vcpu_load(v);
    gate_finish(v);
    vcpu_unload(v);
    sched_remove(v);
    /* Release what this CPU did to the VM; acquire what the others did: the last one hands it over. */
    if (__atomic_sub_fetch(&vm->live, 1, __ATOMIC_ACQ_REL) == 0)
        vm_gone(vm);
}

/* Nothing to run: until a kick or this CPU's next timer. */
static void cpu_idle(struct cpu *c)
{
    __atomic_store_n(&c->current_time, ~0ULL, __ATOMIC_RELAXED);
    /* Sequentially consistent: who makes a vCPU runnable after our last look sees this and sends an interrupt. */
    __atomic_store_n(&c->idle, true, __ATOMIC_SEQ_CST);
    if (!sched_has_work())
        cpu_wait();
    __atomic_store_n(&c->idle, false, __ATOMIC_RELAXED);
}

void cpu_run(bool (*look)(void))
{
    const struct vcpu *skip = NULL;

    for (;;) {
        hv_timer_run();
        /* Acquire: pairs with cpu_call().  Before looking: who calls afterwards is seen in the next round. */
        (void)__atomic_exchange_n(&this_cpu()->called, false, __ATOMIC_ACQUIRE);
        if (look && look())
            return;
        struct vcpu *v = sched_pick(skip);
        skip = NULL;
        if (!v) {
            cpu_idle(this_cpu());
            continue;
        }
        enum run_end why = vm_has_ended(v->vm) ? RUN_ENDED : vcpu_run(v);
        if (why == RUN_ENDED) {
            vcpu_finish(v);
        } else if (why != RUN_ASLEEP || !sched_sleep(v)) {
            skip = why == RUN_YIELDED ? v : NULL;
            sched_put(v);
        }
    }
}
