/*
 * See vmexit/stats.h, and "Statistics" in docs/building.md for the lines.
 */
#include "vmexit/stats.h"

#include "hv/channel.h"
#include "hv/schedule.h"
#include "hv/vcpu.h"
#include "lib/format.h"
#include "lib/x86.h"
#include "vmexit/exit_names.h"

#define TEXT_SIZE 4000u

extern uint64_t boot_tsc;

/* The first exit out of ring 3 is the first sign of a program; a trapped call has by now been reflected into ring 0. */
void stats_note_first(struct vcpu *v, uint64_t entered)
{
    struct vmexit_vcpu *x = v->exits;

    if (!x->first_entry_tsc)
        x->first_entry_tsc = entered;
    if (vcpu_cpl() != 3 && !x->gate.entries)
        return;
    x->first_user_tsc = x->exit_tsc;
    __atomic_fetch_and(&x->watch, ~(uint32_t)WATCH_FIRST, __ATOMIC_RELAXED);
}

static unsigned bucket_of(uint64_t ticks)
{
    unsigned bits = ticks > 1 ? 64 - (unsigned)__builtin_clzll(ticks - 1) : 0;

    return MIN(bits, HISTOGRAM_BUCKETS - 1);
}

void stats_measure(struct vcpu *v)
{
    uint64_t ticks = tsc_read() - v->exits->exit_tsc;

    if (v->exit_reason >= EXIT_REASONS)
        return;
    struct exit_stats *s = &v->exits->stats[v->exit_reason];
    s->count++;
    s->longest = MAX(s->longest, ticks);
    s->buckets[bucket_of(ticks)]++;
}

/* Upper bound of the bucket in which the given share of the exits lies. */
static uint64_t percentile(const struct exit_stats *s, unsigned percent)
{
    uint64_t wanted = (s->count * percent + 99) / 100, seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += s->buckets[i];
        if (seen >= wanted)
            return 1ULL << i;
    }
    return s->longest;
}

static void stats_add(struct exit_stats *sum, const struct exit_stats *s)
{
    sum->count += s->count;
    sum->longest = MAX(sum->longest, s->longest);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        sum->buckets[i] += s->buckets[i];
}

struct text {
    char bytes[TEXT_SIZE];
    size_t used;
};

static void text_add(struct text *t, const char *fmt, ...) printf_like(2, 3);
static void text_add(struct text *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = format_va(t->bytes + t->used, sizeof t->bytes - t->used, fmt, ap);
    va_end(ap);
    t->used = MIN(t->used + (size_t)n, sizeof t->bytes - 1);
}

static void text_add_exits(struct text *t, const struct vmexit_vcpu *x)
{
    for (unsigned i = 0; i < EXIT_REASONS; i++) {
        const struct exit_stats *s = x->stats ? &x->stats[i] : NULL;
        if (!x->counts[i])
            continue;
        text_add(t, "exit %s %u %llu %llu %llu\n", exit_name(i), x->counts[i],
                 s ? (unsigned long long)percentile(s, 50) : 0ULL, s ? (unsigned long long)percentile(s, 99) : 0ULL,
                 s ? (unsigned long long)s->longest : 0ULL);
    }
}

static uint64_t exits_total(const struct vmexit_vcpu *x)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < EXIT_REASONS; i++)
        sum += x->counts[i];
    return sum;
}

/* All vCPUs' figures in those of the first, once they have all stopped. */
static void vcpus_add(struct vm *vm)
{
    struct vmexit_vcpu *sum = vm->vcpu[0]->exits;

    for (unsigned i = 1; i < vm->vcpu_count; i++) {
        const struct vmexit_vcpu *x = vm->vcpu[i]->exits;
        sum->gate.entries += x->gate.entries;
        sum->gate.answered += x->gate.answered;
        for (unsigned reason = 0; reason < EXIT_REASONS; reason++) {
            sum->counts[reason] += x->counts[reason];
            if (sum->stats && x->stats)
                stats_add(&sum->stats[reason], &x->stats[reason]);
        }
    }
}

static uint64_t ticks_run(const struct vm *vm)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < vm->vcpu_count; i++)
        sum += sched_ran(vm->vcpu[i]);
    return sum;
}

void vm_stats_send(struct vm *vm)
{
    static struct text t; /* too big for the stack; one VM ends at a time, on the boot CPU */
    const struct gate_vm *g = &vm->exits->gate;
    const struct vmexit_vcpu *x = vm->vcpu[0]->exits;

    vcpus_add(vm);

    t.used = 0;
    text_add(&t, "boot %llu %llu %llu\n", (unsigned long long)boot_tsc, (unsigned long long)x->first_entry_tsc,
             (unsigned long long)x->first_user_tsc);
    text_add(&t, "ticks %llu\n", (unsigned long long)(tsc_read() - boot_tsc));
    text_add(&t, "ran %llu\n", (unsigned long long)ticks_run(vm));
    text_add(&t, "memory %llu %llu %llu\n", (unsigned long long)vm->ept.owned_pages,
             (unsigned long long)vm->ept.table_pages, (unsigned long long)vm->ept.large_entries);
    text_add(&t, "exits %llu\n", (unsigned long long)exits_total(x));
    text_add_exits(&t, x);
    text_add(&t, "complete %llu %llu %llu\n", (unsigned long long)x->gate.entries,
             (unsigned long long)gate_dispatches(vm), (unsigned long long)x->gate.answered);
    if (gate_cut_calls(vm))
        text_add(&t, "cut %u\n", gate_cut_calls(vm));
    text_add(&t, "switches %llu %llu\n", (unsigned long long)g->switches, (unsigned long long)g->halves);
    channel_send_of(vm->number, CHANNEL_STATS, 0, t.bytes, t.used);
}
