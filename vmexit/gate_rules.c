/*
 * See vmexit/gate_rules.h.
 *
 * What needs the guest kernel's help (signals, delays, bytes put into memory, a result beside these) goes with the call in the
 * capture page (abi/capture.h); a guest without one gets what the hypervisor can do alone, and a rule that it cannot keep
 * refuses the call with ENOSYS rather than letting it pass.
 */
#include "vmexit/gate_rules.h"

#include <asm-generic/errno.h>
#include <asm/signal.h>

#include "hv/alloc.h"
#include "hv/channel.h"
#include "hv/cpu.h"
#include "hv/schedule.h"
#include "hv/vcpu.h"
#include "lib/log.h"
#include "lib/string.h"
#include "lib/x86.h"
#include "vmexit/gate_config.h"
#include "vmexit/gate_judge.h"
#include "vmexit/gate_observe.h"
#include "vmexit/gate_path.h"
#include "vmexit/lapic.h"
#include "vmexit/state.h"

#define NO_SUCH_CALL 0xffffffffu /* a number that no kernel has: the call is dispatched, and nothing happens */

static struct trace_facts facts_of(struct vcpu *v, const struct gate_task *t)
{
    return (struct trace_facts){.field = {
        [TRACE_FIELD_NR] = (uint32_t)v->regs[REG_RAX],
        [TRACE_FIELD_ARG] = v->regs[REG_RDI],
        [TRACE_FIELD_ARG + 1] = v->regs[REG_RSI],
        [TRACE_FIELD_ARG + 2] = v->regs[REG_RDX],
        [TRACE_FIELD_ARG + 3] = v->regs[10],
        [TRACE_FIELD_ARG + 4] = v->regs[8],
        [TRACE_FIELD_ARG + 5] = v->regs[9],
        [TRACE_FIELD_PID] = t->pid,
        [TRACE_FIELD_TID] = t->tid,
        [TRACE_FIELD_CR3] = vmcs_read(VMCS_GUEST_CR3),
        [TRACE_FIELD_VCPU] = v->index,
    }};
}

static bool program_accepts(const struct trace_program *p, const struct trace_facts *facts)
{
    enum trace_verdict verdict = trace_program_call(p, facts->field[TRACE_FIELD_NR]);

    return verdict == TRACE_PASS || (verdict == TRACE_LOOK && trace_program_entry(p, facts));
}

/* The task's room for what rules keep; NULL: no memory. */
static struct gate_call *call_of(struct gate_task *t, const struct gate_config *c)
{
    if (!t->more)
        t->more = mem_alloc_zero(sizeof *t->more);
    if (t->more && t->more->generation != c->generation) {
        t->more->generation = c->generation;
        memset(t->more->counts, 0, sizeof t->more->counts);
    }
    return t->more;
}

static bool is_counted(const struct trace_rule *r, uint32_t count)
{
    uint32_t step = MAX(r->step, 1u);

    return count >= MAX(r->first, 1u) && (!r->last || count <= r->last) && (count - MAX(r->first, 1u)) % step == 0;
}

/*
 * The rule that decides this call now, NULL: none.  Rules that wait for what it consumes are noted in call->later: those with a
 * pattern, and the first one without that stands behind them.
 */
static const struct trace_rule *rule_find(const struct gate *g, struct gate_call *call, const struct trace_facts *facts)
{
    const struct gate_config *c = g->config;

    call->later = 0;
    for (unsigned i = 0; i < c->rule_count; i++) {
        const struct trace_rule *r = c->rule[i];
        if (!program_accepts(&r->program, facts) || !is_counted(r, ++call->counts[i]))
            continue;
        bool waits = r->pattern_size || (call->later && g->capture && gate_judge_waits(r, facts));
        if (waits)
            call->later |= BIT(i);
        if (!r->pattern_size)
            return waits ? NULL : r;
    }
    return NULL;
}

/* Recording. */

static unsigned sessions_wanting(const struct gate_config *c, const struct trace_facts *facts, bool *keep)
{
    unsigned wanted = 0;

    for (unsigned i = 0; i < TRACE_SESSIONS_MAX; i++) {
        const struct trace_program *p = c->filter[i];
        if (!p || !program_accepts(p, facts))
            continue;
        wanted |= (unsigned)BIT(i);
        if (p->return_steps && trace_program_call(p, facts->field[TRACE_FIELD_NR]) == TRACE_LOOK)
            *keep = true;
    }
    return wanted;
}

/* As record_entry(), for those who want it. */
static void entry_record(struct vcpu *v, struct gate_task *t, const struct trace_entry_body *body, unsigned sessions,
                         bool keep, unsigned flags)
{
    struct gate *g = &v->exits->gate;

    g->entries++;
    if (flags & TRACE_ANSWERED)
        g->answered++;
    if (unlikely(t->open))
        record_half(v, t);
    t->sessions = (uint8_t)sessions;
    t->nr = body->nr;
    if (g->config->sessions && !sessions) {
        t->open = CALL_SKIPPED;
    } else if (keep && g->capture && !(flags & TRACE_OBSERVED)) {
        t->more->entry = *body;
        t->more->tsc = v->exits->exit_tsc;
        t->sequence = __atomic_fetch_add(g->sequence, 1, __ATOMIC_RELAXED);
        t->open = CALL_KEPT;
    } else {
        if (unlikely(g->config->stacks & sessions))
            record_stack(v, t, body->rip);
        record_entry_body(v, t, body, flags);
        t->open = CALL_SHARED;
    }
}

unsigned gate_rules_return(struct vcpu *v, const struct gate_task *t, int64_t result)
{
    const struct gate_config *c = v->exits->gate.config;
    const struct gate_call *call = t->more;
    unsigned wanted = 0;

    if (!c) /* the sessions are gone meanwhile */
        return 0;
    struct trace_facts facts = {.field = {
        [TRACE_FIELD_NR] = call->entry.nr,
        [TRACE_FIELD_PID] = t->pid,
        [TRACE_FIELD_TID] = t->tid,
        [TRACE_FIELD_CR3] = vmcs_read(VMCS_GUEST_CR3),
        [TRACE_FIELD_VCPU] = v->index,
        [TRACE_FIELD_RESULT] = (uint64_t)result,
        [TRACE_FIELD_DURATION] = v->exits->exit_tsc - call->tsc,
    }};
    memcpy(&facts.field[TRACE_FIELD_ARG], call->entry.args, sizeof call->entry.args);
    for (unsigned i = 0; i < TRACE_SESSIONS_MAX; i++) {
        const struct trace_program *p = c->filter[i];
        bool looks = p && trace_program_call(p, call->entry.nr) == TRACE_LOOK;
        if (p && (t->sessions & BIT(i)) && (!looks || trace_program_return(p, &facts)))
            wanted |= (unsigned)BIT(i);
    }
    return wanted;
}

unsigned gate_rules_signal(const struct gate *g, unsigned number)
{
    unsigned wanted = 0;

    if (!g->config || !g->config->sessions)
        return 0;
    for (unsigned i = 0; i < TRACE_SESSIONS_MAX; i++)
        if (g->config->filter[i] && trace_program_signal(g->config->filter[i], number))
            wanted |= (unsigned)BIT(i);
    return wanted ? wanted : GATE_NOBODY;
}

/* What is done with the call. */

static enum exit_outcome call_reflect(struct vcpu *v, uint64_t next_rip)
{
    syscall_perform(v, next_rip);
    return EXIT_RETRY;
}

static enum exit_outcome call_answer_with(struct vcpu *v, struct gate_task *t, uint64_t next_rip, int64_t result)
{
    uint64_t flags = vmcs_read(VMCS_GUEST_RFLAGS) & ~RFLAGS_RF;

    record_return_slowly(v, t, result, TRACE_ANSWERED);
    v->regs[REG_RAX] = (uint64_t)result;
    v->regs[REG_RCX] = next_rip;
    v->regs[REG_R11] = flags;
    instruction_complete(next_rip, flags);
    return EXIT_RETRY;
}

static void request_make(struct vcpu *v, const struct trace_rule *r)
{
    struct capture_request *q = &v->exits->gate.capture->request;

    *q = (struct capture_request){.signal = r->signal, .delay_enter_ns = r->delay_enter_ns, .delay_exit_ns = r->delay_exit_ns};
    if (r->action == TRACE_ACT_RESULT) {
        q->what |= CAPTURE_FORCE_RESULT;
        q->result = r->result;
    }
    if (r->poke != TRACE_POKE_NONE) {
        const uint64_t args[6] = {v->regs[REG_RDI], v->regs[REG_RSI], v->regs[REG_RDX],
                                  v->regs[10],      v->regs[8],       v->regs[9]};
        q->what |= r->poke == TRACE_POKE_ENTER ? CAPTURE_POKE_ENTER : CAPTURE_POKE_EXIT;
        q->poke_address = args[r->argument];
        q->poke_size = r->poke_size;
        memcpy(q->poke, trace_rule_poke(r), r->poke_size);
    }
    v->exits->gate.capture->wanted |= CAPTURE_WANT_REQUEST;
}

static bool needs_guest(const struct trace_rule *r)
{
    return r->signal || r->delay_enter_ns || r->delay_exit_ns || r->poke != TRACE_POKE_NONE;
}

static enum exit_outcome call_kill(struct vcpu *v, uint64_t next_rip)
{
    struct gate *g = &v->exits->gate;

    if (!g->capture) {
        log_warn("gate: a call is forbidden, and this guest has no way to kill its program alone: the sandbox ends");
        vm_end(v->vm, VM_EXITED, SIGKILL);
        return EXIT_ENDED;
    }
    g->capture->request = (struct capture_request){.signal = SIGKILL};
    g->capture->wanted |= CAPTURE_WANT_REQUEST;
    v->regs[REG_RAX] = NO_SUCH_CALL;
    return call_reflect(v, next_rip);
}

static enum exit_outcome call_inject(struct vcpu *v, struct gate_task *t, const struct trace_rule *r, uint64_t next_rip)
{
    if (r->action == TRACE_ACT_RESULT && !needs_guest(r))
        return call_answer_with(v, t, next_rip, r->result);
    if (!v->exits->gate.capture)
        return call_answer_with(v, t, next_rip, -ENOSYS);
    request_make(v, r);
    if (r->action == TRACE_ACT_RESULT)
        v->regs[REG_RAX] = NO_SUCH_CALL;
    return call_reflect(v, next_rip);
}

/* Asking. */

static void ask_over(struct vcpu *v, int64_t verdict, enum trace_verdict_by by)
{
    struct gate *g = &v->exits->gate;
    struct gate_call *call = g->asked->more;

    assert_held(&v->vm->exits->gate.lock);
    call->verdict = verdict;
    call->by = by;
    call->answered = true;
    /* Release: pairs with the acquire of gate_is_asking(). */
    __atomic_store_n(&g->asking, false, __ATOMIC_RELEASE);
    vcpu_kick(v);
}

static void ask_expired(struct hv_timer *t)
{
    struct gate *g = container_of(t, struct gate, ask_timer);
    struct gate_vm *shared = &g->vcpu->vm->exits->gate;

    spin_lock(&shared->lock);
    if (__atomic_load_n(&g->asking, __ATOMIC_RELAXED))
        ask_over(g->vcpu, g->asked->more->verdict, TRACE_BY_TIME);
    spin_unlock(&shared->lock);
}

/* One that holds its vCPU; false: there is none like that. */
static bool held_answer(struct vm *vm, const struct trace_answer *answer)
{
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        struct gate *g = &vm->vcpu[i]->exits->gate;
        if (!__atomic_load_n(&g->asking, __ATOMIC_RELAXED) || g->asked->more->ticket != answer->ticket)
            continue;
        ask_over(vm->vcpu[i], answer->result, TRACE_BY_ANSWER);
        return true;
    }
    return false;
}

/* One that the guest holds back. */
static bool waiting_answer(struct gate_vm *shared, const struct trace_answer *answer)
{
    struct gate_call *call;

    LIST_FOREACH(call, &shared->waiting, link) {
        if (call->ticket != answer->ticket || call->answered)
            continue;
        call->verdict = answer->result;
        call->by = TRACE_BY_ANSWER;
        call->answered = true;
        return true;
    }
    return false;
}

int vm_trace_answer(struct vm *vm, const struct trace_answer *answer)
{
    struct gate_vm *shared = &vm->exits->gate;

    if (answer->result > 0)
        return -EINVAL;
    spin_lock(&shared->lock);
    bool held = held_answer(vm, answer), waits = !held && waiting_answer(shared, answer);
    uint64_t address = shared->answer_address, data = shared->answer_data;
    spin_unlock(&shared->lock);
    if (waits && address)
        vm_msi(vm, address, (uint32_t)data);
    return held || waits ? 0 : -ESRCH;
}

void gate_question_over(const struct vm *vm, uint32_t ticket, uint32_t by, int64_t result)
{
    const struct trace_asked over = {ticket, by, result};

    channel_send_of(vm->number, CHANNEL_ASKED, 0, &over, sizeof over);
}

/* The vCPU makes no step until there is an answer; then it makes the call again, and comes here again. */
static enum exit_outcome call_ask(struct vcpu *v, struct gate_task *t, const struct trace_rule *r, const struct trace_facts *facts)
{
    struct gate *g = &v->exits->gate;
    struct gate_vm *shared = &v->vm->exits->gate;
    struct {
        struct trace_question q;
        uint8_t items[GATE_OBSERVED_MAX];
    } asked = {.q = {.tid = t->tid, .pid = t->pid, .nr = facts->field[TRACE_FIELD_NR]}};
    struct trace_question *q = &asked.q;

    memcpy(q->args, &facts->field[TRACE_FIELD_ARG], sizeof q->args);
    size_t items = gate_observe(v, q->args, asked.items);
    spin_lock(&shared->lock);
    q->ticket = t->more->ticket = ++shared->tickets;
    t->more->rule = r->part.number;
    t->more->verdict = r->result;
    g->asked = t;
    __atomic_store_n(&g->asking, true, __ATOMIC_RELAXED);
    spin_unlock(&shared->lock);
    hv_timer_arm(&g->ask_timer, tsc_read() + (uint64_t)r->ask_ms * (tsc_hz() / 1000));
    this_cpu()->next_deadline = 0; /* the loop looks before it enters */
    channel_send_of(v->vm->number, CHANNEL_ASK, 0, &asked, sizeof *q + items);
    return EXIT_RETRY;
}

/* Was there an answer to what was asked of this very call? */
static bool answer_take(struct vcpu *v, struct gate_call *call, struct trace_verdict_body *verdict)
{
    struct gate_vm *shared = &v->vm->exits->gate;

    spin_lock(&shared->lock);
    bool answered = call->answered;
    *verdict = (struct trace_verdict_body){call->rule, call->ticket, call->by, 0, call->verdict};
    call->answered = false;
    spin_unlock(&shared->lock);
    if (answered)
        gate_question_over(v->vm, verdict->ticket, verdict->by, verdict->result);
    return answered;
}

/* What was found out about a call before anything was done. */
struct judgement {
    const struct trace_rule *rule; /* NULL: none */
    bool answered;                 /* somebody was asked, and said: */
    struct trace_verdict_body verdict;
};

/* Will the guest kernel never see it? */
static bool ends_here(const struct gate *g, const struct judgement *j)
{
    if (j->answered)
        return j->verdict.result < 0 && j->verdict.result != TRACE_ANSWER_KILL;
    if (!j->rule)
        return false;
    if (needs_guest(j->rule))
        return !g->capture;
    return j->rule->action == TRACE_ACT_RESULT || j->rule->action == TRACE_ACT_END;
}

/* Does the guest kernel see it, but not what it points to? */
static bool never_happens(const struct judgement *j)
{
    if (j->answered)
        return j->verdict.result == TRACE_ANSWER_KILL;
    return j->rule && (j->rule->action == TRACE_ACT_KILL || j->rule->action == TRACE_ACT_RESULT);
}

void gate_rules_end(struct vcpu *v, unsigned nr)
{
    log_warn("gate: call %u is forbidden: the sandbox ends", nr);
    vm_end(v->vm, VM_EXITED, SIGSYS);
}

static enum exit_outcome carry_out(struct vcpu *v, struct gate_task *t, const struct judgement *j, uint64_t next_rip)
{
    if (j->answered && j->verdict.result == TRACE_ANSWER_KILL)
        return call_kill(v, next_rip);
    if (j->answered && j->verdict.result < 0)
        return call_answer_with(v, t, next_rip, j->verdict.result);
    if (!j->rule)
        return call_reflect(v, next_rip);
    switch (j->rule->action) {
    case TRACE_ACT_KILL:
        return call_kill(v, next_rip);
    case TRACE_ACT_END:
        gate_rules_end(v, (unsigned)v->regs[REG_RAX]);
        return EXIT_ENDED;
    case TRACE_ACT_RESULT:
    case TRACE_ACT_INJECT:
        return call_inject(v, t, j->rule, next_rip);
    default:
        return call_reflect(v, next_rip);
    }
}

/*
 * What the call consumes is judged when the guest kernel has copied it, by the rules of now: they are kept until the task's next
 * such call, or its end.
 */
static void checks_begin(struct gate *g, const struct gate_task *t, const struct trace_entry_body *body)
{
    struct gate_vm *shared = &g->vcpu->vm->exits->gate;
    struct gate_call *call = t->more;

    if (!call->later)
        return;
    call->entry = *body;
    call->tid = t->tid;
    spin_lock(&shared->lock);
    struct gate_config *old = call->rules;

    if (old != g->config)
        call->rules = gate_config_get(g->config);
    else
        old = NULL;
    spin_unlock(&shared->lock);
    gate_config_put(old);
    if (g->capture)
        g->capture->wanted |= CAPTURE_WANT_CHECK;
}

void gate_call_reset(struct gate_call *call)
{
    if (!call)
        return;
    if (call->waits)
        LIST_REMOVE(call, link);
    gate_config_put(call->rules);
    *call = (struct gate_call){0};
}

void gate_call_free(struct gate_call *call)
{
    gate_call_reset(call);
    mem_free(call);
}

enum exit_outcome gate_rules_run(struct vcpu *v, uint64_t next_rip, bool from_user)
{
    struct gate *g = &v->exits->gate;
    struct gate_task *t = gate_task_current(v);
    struct trace_facts facts = facts_of(v, t);
    struct trace_entry_body body = {.nr = facts.field[TRACE_FIELD_NR], .rip = next_rip};
    struct gate_call *call = call_of(t, g->config);
    struct judgement j = {0};
    bool keep = false;

    memcpy(body.args, &facts.field[TRACE_FIELD_ARG], sizeof body.args);
    unsigned sessions = sessions_wanting(g->config, &facts, &keep);
    if (!call) { /* what must be judged cannot be: refused, not let through */
        entry_record(v, t, &body, sessions, false, TRACE_ANSWERED | TRACE_OBSERVED);
        return call_answer_with(v, t, next_rip, -ENOMEM);
    }
    j.answered = answer_take(v, call, &j.verdict);
    if (from_user && !j.answered)
        j.rule = rule_find(g, call, &facts);
    if (j.rule && j.rule->action == TRACE_ACT_ASK)
        return call_ask(v, t, j.rule, &facts);
    entry_record(v, t, &body, sessions, keep,
                 ends_here(g, &j) ? TRACE_ANSWERED | TRACE_OBSERVED : never_happens(&j) ? TRACE_OBSERVED : 0);
    if (j.answered)
        record_verdict(v, t, &j.verdict);
    checks_begin(g, t, &body);
    return carry_out(v, t, &j, next_rip);
}

static long refusal_of(const struct trace_rule *r)
{
    if (!r || r->action == TRACE_ACT_ALLOW)
        return 0;
    return r->action == TRACE_ACT_RESULT && !needs_guest(r) && r->result < 0 ? (long)r->result : -EPERM;
}

long gate_rules_changed(struct vcpu *v)
{
    struct gate *g = &v->exits->gate;
    struct gate_task *t = gate_task_current(v);
    struct trace_facts facts = facts_of(v, t);
    struct trace_entry_body body = {.nr = facts.field[TRACE_FIELD_NR], .rip = v->regs[REG_RCX]};
    struct gate_call *call = call_of(t, g->config);
    bool keep = false;

    memcpy(body.args, &facts.field[TRACE_FIELD_ARG], sizeof body.args);
    unsigned sessions = sessions_wanting(g->config, &facts, &keep);
    long refusal = call ? refusal_of(rule_find(g, call, &facts)) : -ENOMEM;
    entry_record(v, t, &body, sessions, false, refusal ? TRACE_ANSWERED | TRACE_OBSERVED : 0);
    if (!refusal)
        checks_begin(g, t, &body);
    return refusal;
}

void gate_rules_init(struct vcpu *v)
{
    v->exits->gate.vcpu = v;
    v->exits->gate.ask_timer.expired = ask_expired;
}

void gate_rules_stop(struct vcpu *v)
{
    hv_timer_cancel(&v->exits->gate.ask_timer);
}
