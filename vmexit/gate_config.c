/*
 * See vmexit/gate_config.h.
 */
#include "vmexit/gate_config.h"

#include <asm-generic/errno.h>

#include "hv/alloc.h"
#include "hv/schedule.h"
#include "hv/vm.h"
#include "lib/string.h"
#include "vmexit/gate.h"
#include "vmexit/state.h"

static void session_find(struct gate_config *c, const struct trace_session *s)
{
    uint8_t bit = (uint8_t)BIT(s->part.number);

    c->filter[s->part.number] = &s->program;
    c->sessions |= bit;
    if (s->program.flags & TRACE_PROGRAM_STACKS)
        c->stacks |= bit;
    for (unsigned i = 0; i < ARRAY_SIZE(c->events); i++)
        if (s->program.events & BIT(i))
            c->events[i] |= bit;
    c->any_event |= s->program.events != 0;
}

static void parts_find(struct gate_config *c)
{
    const struct trace_config *config = (const void *)c->bytes;
    const struct trace_part *part = NULL;

    while ((part = trace_config_next(config, part))) {
        if (part->type == TRACE_PART_RULE)
            c->rule[c->rule_count++] = (const void *)part;
        else
            session_find(c, (const void *)part);
    }
}

/* Is recording for all that is to be done with these calls? */
static bool is_plain(const struct gate_config *c, unsigned nr)
{
    for (unsigned i = 0; i < TRACE_SESSIONS_MAX; i++)
        if (c->filter[i] && (c->stacks & BIT(i) || trace_program_call(c->filter[i], nr) != TRACE_PASS))
            return false;
    for (unsigned i = 0; i < c->rule_count; i++)
        if (trace_program_call(&c->rule[i]->program, nr) != TRACE_SKIP)
            return false;
    return true;
}

struct gate_config *gate_config_create(const void *bytes, size_t size, const uint16_t *denied)
{
    struct gate_config *c = mem_alloc_zero(sizeof *c + size);

    if (!c)
        return NULL;
    c->refs = 1;
    memcpy(c->bytes, bytes, size);
    parts_find(c);
    for (unsigned nr = 0; nr < POLICY_CALLS; nr++)
        c->policy[nr] = denied[nr] ? denied[nr] : is_plain(c, nr) ? POLICY_REFLECT : POLICY_RULES;
    return c;
}

struct gate_config *gate_config_get(struct gate_config *c)
{
    __atomic_fetch_add(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void gate_config_put(struct gate_config *c)
{
    /* Release and acquire: the one that frees comes after all uses. */
    if (c && __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) == 0)
        mem_free(c);
}

void gate_config_take(struct vcpu *v)
{
    struct gate *g = &v->exits->gate;
    struct gate_vm *shared = &v->vm->exits->gate;
    struct gate_config *old = g->config;

    __atomic_fetch_and(&v->exits->watch, ~(uint32_t)WATCH_CONFIG, __ATOMIC_RELAXED);
    spin_lock(&shared->lock);
    g->config = shared->config ? gate_config_get(shared->config) : NULL;
    spin_unlock(&shared->lock);
    if (g->config && g->config->any_event)
        __atomic_fetch_or(&v->exits->watch, (uint32_t)WATCH_EVENTS, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&v->exits->watch, ~(uint32_t)WATCH_EVENTS, __ATOMIC_RELAXED);
    g->policy = g->config ? g->config->policy : v->vm->exits->options.policy;
    trace_buffer_set_stream(&g->trace,
                            v->vm->exits->options.trace == TRACE_STREAM || (g->config && g->config->sessions));
    gate_config_put(old);
}

/* The part of a configuration that is rules: it is the last. */
static const uint8_t *rules_of(const struct gate_config *c, size_t *size)
{
    const struct trace_config *config = (const void *)c->bytes;
    const uint8_t *end = (const uint8_t *)config + config->size,
                  *start = c->rule_count ? (const void *)c->rule[0] : end;

    *size = (size_t)(end - start);
    return start;
}

static bool rules_equal(const struct gate_config *a, const struct gate_config *b)
{
    size_t a_size, b_size;
    const uint8_t *a_rules = rules_of(a, &a_size), *b_rules = rules_of(b, &b_size);

    return a_size == b_size && memcmp(a_rules, b_rules, a_size) == 0;
}

int vm_trace_configure(struct vm *vm, const void *config, size_t size)
{
    const struct vmexit_options *o = &vm->exits->options;
    struct gate_vm *shared = &vm->exits->gate;

    if (o->trace == TRACE_OFF || !trace_config_valid(config, size))
        return -EINVAL;
    struct gate_config *c = gate_config_create(config, size, o->policy);
    if (!c)
        return -ENOMEM;
    uint64_t flags = spin_lock_irqsave(&shared->lock);
    struct gate_config *old = shared->config;
    c->generation = !old ? 1 : rules_equal(old, c) ? old->generation : old->generation + 1;
    shared->config = c;
    spin_unlock_irqrestore(&shared->lock, flags);
    gate_config_put(old);
    for (unsigned i = 0; i < vm->vcpu_count; i++) {
        /* Release: the vCPU's CPU, which then takes the lock, sees the new one. */
        __atomic_fetch_or(&vm->vcpu[i]->exits->watch, WATCH_CONFIG, __ATOMIC_RELEASE);
        vcpu_kick(vm->vcpu[i]);
    }
    return 0;
}
