/*
 * See vmexit/kvm_clock.h.  The TSC is invariant and not offset, so the clock page is written once.
 */
#include "vmexit/kvm_clock.h"

#include <asm/kvm_para.h>

#include "hv/timer.h"
#include "hv/wall_clock.h"
#include "vmexit/state.h"

#define NS_PER_S 1000000000ULL
#define CLOCK_TSC_STABLE 1

struct clock_page {
    uint32_t version; /* even: not being written */
    uint32_t pad0;
    uint64_t tsc_timestamp, system_time;
    uint32_t tsc_to_system_mul; /* ns = (ticks << shift) * mul >> 32 */
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t pad[2];
};

struct wall_page {
    uint32_t version, seconds, nanoseconds;
};

_Static_assert(sizeof(struct clock_page) == 32, "KVM's layout");

static void scale_find(struct clock_page *p, uint64_t hz)
{
    while (hz > 2 * NS_PER_S) {
        hz >>= 1;
        p->tsc_shift--;
    }
    while (hz <= NS_PER_S) {
        hz <<= 1;
        p->tsc_shift++;
    }
    p->tsc_to_system_mul = (uint32_t)((NS_PER_S << 32) / hz);
}

bool kvm_clock_set(struct vcpu *v, uint64_t value)
{
    struct clock_page page = {.version = 2, .tsc_timestamp = v->vm->exits->start_tsc, .flags = CLOCK_TSC_STABLE};

    if (!(value & KVM_MSR_ENABLED)) {
        v->exits->kvm_clock = value;
        return true;
    }
    scale_find(&page, tsc_hz());
    if (guest_write(v->vm, gpa(value & ~(uint64_t)KVM_MSR_ENABLED), &page, sizeof page))
        return false;
    v->exits->kvm_clock = value;
    return true;
}

bool kvm_wall_clock_set(struct vm *vm, uint64_t value)
{
    uint64_t now = wall_clock_seconds();
    uint64_t age = (tsc_read() - vm->exits->start_tsc) / tsc_hz();
    struct wall_page page = {2, (uint32_t)(now - age), 0};

    if (guest_write(vm, gpa(value), &page, sizeof page))
        return false;
    vm->exits->kvm_wall = value;
    return true;
}
