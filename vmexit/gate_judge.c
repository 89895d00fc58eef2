/*
 * See vmexit/gate_judge.h.
 */
#include "vmexit/gate_judge.h"

#include <asm-generic/errno.h>

#include "abi/capture.h"
#include "hv/channel.h"
#include "hv/guest_memory.h"
#include "hv/tsc.h"
#include "lib/string.h"
#include "vmexit/gate_observe.h"
#include "vmexit/gate_record.h"
#include "vmexit/gate_rules.h"
#include "vmexit/state.h"

/* Arguments that are texts or addresses, or say where one is. */
#define ARGUMENT_COUNTS(k)                                                                                             \
    ((k) == ARG_PATH || (k) == ARG_STR || (k) == ARG_MOUNT_TYPE || (k) == ARG_MOUNT_DATA || (k) == ARG_MFD_NAME ||     \
     (k) == ARG_SOCKADDR_IN || (k) == ARG_MSGHDR_IN || (k) == ARG_MMSGHDR_IN)
#include "abi/argument_bits.h"

static const uint8_t judged_arguments[SYSCALL_COUNT] = {
#define SYSCALL(nr, name, result, args, status, note) [nr] = args,
#include "abi/syscalls.def"
#undef SYSCALL
};

/* A call that is given a text or an address uses it or fails: so the rule is asked in time. */
bool gate_judge_waits(const struct trace_rule *r, const struct trace_facts *facts)
{
    uint64_t nr = facts->field[TRACE_FIELD_NR];
    bool refuses = r->action == TRACE_ACT_RESULT && r->result < 0 && !r->signal && !r->delay_enter_ns && !r->delay_exit_ns &&
                   r->poke == TRACE_POKE_NONE;

    if (nr >= SYSCALL_COUNT || (!refuses && r->action != TRACE_ACT_KILL && r->action != TRACE_ACT_END && r->action != TRACE_ACT_ASK))
        return false;
    for (unsigned i = 0; i < 6; i++)
        if ((judged_arguments[nr] & BIT(i)) && facts->field[TRACE_FIELD_ARG + i])
            return true;
    return false;
}

/* What is judged, in memory of our own. */
struct judged {
    uint64_t address;
    uint64_t kind;
    size_t size;
    char bytes[CAPTURE_JUDGED_MAX];
};

static bool rule_fits(const struct trace_rule *r, const struct gate_call *call, const struct judged *what)
{
    if (!r->pattern_size)
        return true;
    if (r->argument != TRACE_ANY_ARGUMENT && call->entry.args[r->argument] != what->address)
        return false;
    return what->kind == CAPTURE_ADDRESS ? trace_pattern_fits_address(trace_rule_pattern(r), what->bytes, what->size)
                                         : trace_pattern_fits_text(trace_rule_pattern(r), what->bytes, what->size);
}

/* The item that a question is about; its size. */
static size_t item_make(const struct judged *what, uint8_t *to)
{
    struct capture_item *item = (struct capture_item *)(void *)to;
    size_t kept = MIN(what->size, (size_t)CAPTURE_ITEM_MAX), whole = ALIGN_UP(sizeof *item + kept, (size_t)8);

    memset(to, 0, whole);
    *item = (struct capture_item){what->address, (uint32_t)what->size, (uint16_t)kept, CAPTURE_IN};
    memcpy(item->bytes, what->bytes, kept);
    return whole;
}

static long time_left(uint64_t deadline)
{
    uint64_t now = tsc_read(), ticks = deadline > now ? deadline - now : 0;

    return MAX((long)(ticks / MAX(tsc_hz() / 1000000, 1ULL)) * 1000, (long)CAPTURE_KILL + 1);
}

static long call_ask(struct vcpu *v, struct gate_task *t, const struct trace_rule *r, const struct judged *what)
{
    struct gate_vm *shared = &v->vm->exits->gate;
    struct gate_call *call = t->more;
    struct {
        struct trace_question q;
        uint8_t items[sizeof(struct capture_item) + CAPTURE_ITEM_MAX + GATE_OBSERVED_MAX] aligned_to(8);
    } asked = {.q = {.tid = t->tid, .pid = t->pid, .consumed = 1, .nr = call->entry.nr}};

    memcpy(asked.q.args, call->entry.args, sizeof asked.q.args);
    size_t items = item_make(what, asked.items);
    items += gate_observe(v, asked.q.args, asked.items + items);
    spin_lock(&shared->lock);
    if (!call->waits)
        LIST_INSERT_HEAD(&shared->waiting, call, link);
    call->waits = true;
    call->answered = false;
    call->verdict = r->result;
    call->rule = r->part.number;
    call->ticket = asked.q.ticket = ++shared->tickets;
    call->deadline = tsc_read() + (uint64_t)r->ask_ms * (tsc_hz() / 1000);
    spin_unlock(&shared->lock);
    channel_send_of(v->vm->number, CHANNEL_ASK, 0, &asked, offsetof(typeof(asked), items) + items);
    return time_left(call->deadline);
}

static long decide(struct vcpu *v, struct gate_task *t, const struct trace_rule *r, const struct judged *what)
{
    struct trace_verdict_body verdict = {.rule = r->part.number, .by = TRACE_BY_RULE, .result = r->result};

    switch (r->action) {
    case TRACE_ACT_ALLOW:
        return 0;
    case TRACE_ACT_ASK:
        return call_ask(v, t, r, what);
    case TRACE_ACT_KILL:
        verdict.result = TRACE_ANSWER_KILL;
        record_verdict(v, t, &verdict);
        return CAPTURE_KILL;
    case TRACE_ACT_END:
        gate_rules_end(v, (unsigned)t->more->entry.nr);
        return -EPERM;
    default:
        record_verdict(v, t, &verdict);
        return r->result < 0 ? (long)r->result : -EPERM;
    }
}

/*
 * The rules that the call has something judged by, counted; NULL: there is nothing.  A guest may name one task on two of its CPUs:
 * the other may replace them meanwhile.
 */
static struct gate_config *rules_hold(struct gate_vm *shared, const struct gate_call *call, uint64_t *later)
{
    spin_lock(&shared->lock);
    *later = call->later;
    struct gate_config *rules = *later && call->rules ? gate_config_get(call->rules) : NULL;

    spin_unlock(&shared->lock);
    return rules;
}

static long judge_by(struct vcpu *v, struct gate_task *t, const struct gate_config *rules, uint64_t later, const struct judged *what)
{
    for (unsigned i = 0; i < rules->rule_count; i++) {
        const struct trace_rule *r = rules->rule[i];
        if ((later & BIT(i)) && rule_fits(r, t->more, what))
            return decide(v, t, r, what);
    }
    return 0;
}

long gate_judge(struct vcpu *v, uint64_t text, uint64_t size, uint64_t address, uint64_t kind)
{
    struct gate_task *t = v->exits->gate.trapped ? gate_task_current(v) : NULL;
    struct judged what;
    uint64_t later;
    struct gate_config *rules = t && t->more ? rules_hold(&v->vm->exits->gate, t->more, &later) : NULL;

    if (!rules)
        return 0;
    long result = -EFAULT;
    what.address = address;
    what.kind = kind;
    what.size = size;
    if (t->more->tid != t->tid) /* a task that the table has no room for may find another's */
        result = -EPERM;
    else if (size <= sizeof what.bytes && !guest_read_virtual(v, text, what.bytes, size))
        result = judge_by(v, t, rules, later, &what);
    gate_config_put(rules);
    return result;
}

long gate_judge_answer(struct vcpu *v, bool withdrawn)
{
    struct gate_vm *shared = &v->vm->exits->gate;
    struct gate_task *t = gate_task_current(v);
    struct gate_call *call = t && t->more && t->more->tid == t->tid ? t->more : NULL;

    if (!call)
        return -EPERM;
    spin_lock(&shared->lock);
    bool waits = call->waits, in_time = tsc_read() < call->deadline, goes_on = !call->answered && in_time && !withdrawn;
    if (waits && !goes_on) {
        LIST_REMOVE(call, link);
        call->waits = false;
    }
    struct trace_verdict_body verdict = {call->rule, call->ticket, TRACE_BY_TIME, 0, call->verdict};
    if (call->answered)
        verdict.by = call->by;
    else if (in_time)
        verdict.by = TRACE_BY_NOBODY;
    call->answered = false;
    spin_unlock(&shared->lock);
    if (!waits)
        return -EPERM;
    if (goes_on)
        return time_left(call->deadline);
    record_verdict(v, t, &verdict);
    gate_question_over(v->vm, verdict.ticket, verdict.by, verdict.result);
    return verdict.result == TRACE_ANSWER_KILL ? CAPTURE_KILL : (long)verdict.result;
}
