/*
 * Port input and output.  Regions answer (hv/region.h); a port that nobody claims reads all ones and swallows writes.
 * String instructions are done element by element, at most STRING_MAX an exit.
 */
#include "hv/region.h"
#include "hv/vcpu.h"
#include "lib/x86.h"
#include "vmexit/handlers.h"

#define STRING_MAX 4096u
#define IO_IN BIT(3)
#define IO_STRING BIT(4)
#define IO_REPEAT BIT(5)
#define PAGE_FAULT_WRITE 2u
#define PAGE_FAULT_USER 4u

struct port_access {
    uint16_t port;
    unsigned size;
    bool in;
    const struct region *region; /* NULL: nobody */
};

static uint64_t port_read(struct vcpu *v, const struct port_access *a)
{
    uint64_t ones = ~0ULL >> (64 - 8 * a->size);

    if (!a->region || !a->region->ops->read)
        return ones;
    return a->region->ops->read(v, a->region->context, a->port - a->region->first, a->size) & ones;
}

static void port_write(struct vcpu *v, const struct port_access *a, uint64_t value)
{
    uint64_t ones = ~0ULL >> (64 - 8 * a->size);

    if (a->region && a->region->ops->write)
        a->region->ops->write(v, a->region->context, a->port - a->region->first, a->size, value & ones);
}

/* AL and AX keep the rest of RAX, EAX clears its high half. */
static void register_in(struct vcpu *v, const struct port_access *a)
{
    uint64_t keep = a->size == 4 ? 0 : ~0ULL << (8 * a->size);

    v->regs[REG_RAX] = (v->regs[REG_RAX] & keep) | port_read(v, a);
}

struct string_state {
    uint64_t mask;   /* of the address size */
    uint64_t linear; /* of the current element */
    unsigned index;  /* REG_RSI or REG_RDI */
    int64_t step;
    bool repeat;
};

/* One element: 0, or -EFAULT with nothing done. */
static int string_element(struct vcpu *v, const struct port_access *a, uint64_t linear)
{
    uint64_t value = 0;

    if (!a->in) {
        int error = guest_read_virtual(v, linear, &value, a->size);
        if (!error)
            port_write(v, a, value);
        return error;
    }
    int error = guest_write_virtual(v, linear, NULL, a->size);
    if (error)
        return error;
    value = port_read(v, a);
    return guest_write_virtual(v, linear, &value, a->size);
}

static void register_add(struct vcpu *v, unsigned number, uint64_t mask, int64_t n)
{
    uint64_t sum = (v->regs[number] + (uint64_t)n) & mask;

    v->regs[number] = mask == 0xffff ? (v->regs[number] & ~mask) | sum : sum;
}

static enum exit_outcome string_run(struct vcpu *v, const struct port_access *a, struct string_state *s)
{
    for (unsigned done = 0; done < STRING_MAX; done++) {
        if (s->repeat && (v->regs[REG_RCX] & s->mask) == 0)
            return EXIT_RETIRED;
        if (string_element(v, a, s->linear)) {
            uint32_t code = (a->in ? PAGE_FAULT_WRITE : 0) | (vcpu_cpl() == 3 ? PAGE_FAULT_USER : 0);
            return vcpu_page_fault(v, s->linear, code);
        }
        if (v->again) {
            v->again = false;
            return EXIT_RETRY;
        }
        register_add(v, s->index, s->mask, s->step);
        s->linear += (uint64_t)s->step;
        if (!s->repeat)
            return EXIT_RETIRED;
        register_add(v, REG_RCX, s->mask, -1);
    }
    return EXIT_RETRY;
}

static enum exit_outcome string_start(struct vcpu *v, const struct port_access *a, uint64_t qualification)
{
    static const uint64_t masks[] = {0xffff, 0xffffffff, ~0ULL, ~0ULL};
    bool backwards = vmcs_read(VMCS_GUEST_RFLAGS) & RFLAGS_DF;
    struct string_state s = {
        .mask = masks[vmcs_read(VMCS_EXIT_INSTRUCTION_INFO) >> 7 & 3],
        .linear = vmcs_read(VMCS_GUEST_LINEAR_ADDRESS),
        .index = a->in ? REG_RDI : REG_RSI,
        .step = backwards ? -(int64_t)a->size : (int64_t)a->size,
        .repeat = qualification & IO_REPEAT,
    };

    return string_run(v, a, &s);
}

enum exit_outcome exit_io(struct vcpu *v)
{
    uint64_t q = vmcs_read(VMCS_EXIT_QUALIFICATION);
    struct port_access a = {.port = (uint16_t)(q >> 16), .size = (q & 7) + 1, .in = q & IO_IN};

    a.region = region_find(&v->vm->ports, a.port, a.size);
    if (q & IO_STRING)
        return string_start(v, &a, q);
    if (a.in)
        register_in(v, &a);
    else
        port_write(v, &a, v->regs[REG_RAX]);
    return EXIT_RETIRED;
}
