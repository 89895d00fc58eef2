/*
 * What one vCPU asks of another by an interrupt message beyond an interrupt (SDM vol. 3, 9.4 and 11.6): INIT parks it, a
 * start-up message starts it in real mode, an NMI.  The sender sets a bit and kicks; the vCPU's own CPU does it before the next entry.
 */
#include "hv/vcpu.h"
#include "lib/x86.h"
#include "vmexit/gate.h"
#include "vmexit/handlers.h"
#include "vmexit/lapic.h"
#include "vmexit/run.h"
#include "vmexit/state.h"

static void request(struct vcpu *v, uint32_t what)
{
    /* Release: pairs with the acquire in requests_answer, which then sees the vector too. */
    __atomic_fetch_or(&v->requests, what, __ATOMIC_RELEASE);
    vcpu_kick(v);
}

static void ask_nmi(struct vcpu *v)
{
    request(v, REQUEST_NMI);
}

static void ask_init(struct vcpu *v)
{
    request(v, REQUEST_INIT);
}

/* A second start-up message, before the first was answered, is the same one again: senders repeat it. */
static void ask_startup(struct vcpu *v, unsigned vector)
{
    if (!(__atomic_load_n(&v->requests, __ATOMIC_RELAXED) & REQUEST_STARTUP))
        __atomic_store_n(&v->startup_vector, vector, __ATOMIC_RELAXED);
    request(v, REQUEST_STARTUP);
}

static const struct lapic_events requests = {.nmi = ask_nmi, .init = ask_init, .startup = ask_startup};

void requests_init(void)
{
    lapic_set_events(&requests);
}

static void stuck_clear(struct vcpu *v)
{
    if (v->stuck)
        __atomic_fetch_sub(&v->vm->stuck, 1, __ATOMIC_RELAXED);
    v->stuck = false;
}

bool vcpu_is_last_stuck(struct vcpu *v)
{
    if (v->stuck)
        return false;
    v->stuck = true;
    return __atomic_add_fetch(&v->vm->stuck, 1, __ATOMIC_RELAXED) == v->vm->vcpu_count;
}

static void init_answer(struct vcpu *v)
{
    vcpu_init_state(v);
    lapic_reset(v->lapic);
    v->exits->efer_sce = 0;
    v->exits->kvm_clock = 0;
    v->nmi_waits = false;
    gate_apply(v);
    v->parked = true;
    if (vcpu_is_last_stuck(v))
        vcpu_crash(v, "every CPU of the guest was sent INIT: nothing would start one");
}

static void startup_answer(struct vcpu *v)
{
    if (!v->parked) /* it means something to a CPU after INIT only */
        return;
    vcpu_start_at(v, __atomic_load_n(&v->startup_vector, __ATOMIC_RELAXED));
    v->parked = false;
    stuck_clear(v);
}

void requests_answer(struct vcpu *v)
{
    uint32_t what = __atomic_exchange_n(&v->requests, 0, __ATOMIC_ACQUIRE);

    if (likely(!what))
        return;
    if (what & REQUEST_INIT)
        init_answer(v);
    if (what & REQUEST_STARTUP)
        startup_answer(v);
    if ((what & REQUEST_NMI) && !v->parked) {
        v->nmi_waits = true;
        stuck_clear(v);
    }
}
