/*
 * Guests without a capture page (any kernel but ours): what a call's arguments point to is read by the hypervisor as
 * the call is made, so it is 'observed', not what the kernel then used (abi/trace_record.h, TRACE_OBSERVED).  And the doors
 * into such a kernel that do not pass the gate are named.
 */
#include "vmexit/gate_observe.h"

#include "hv/guest_walk.h"
#include "hv/vcpu.h"
#include "lib/log.h"
#include "lib/string.h"
#include "vmexit/gate_record.h"

#define USER_START PAGE_SIZE
#define USER_END (1ULL << 47)
#define ITEM_FIRST 64u  /* bytes of any object */
#define ITEM_LONGEST GATE_OBSERVED_TEXT_MAX
#define INT80_VECTOR 0x80u
#define IDT_GATE_SIZE 16u
#define GATE_PRESENT_RING3 0xe0u

/* As many bytes as are resident, at most n. */
static size_t read_resident(struct vcpu *v, uint64_t address, uint8_t *to, size_t n)
{
    size_t here = MIN(n, PAGE_SIZE - (size_t)(address % PAGE_SIZE));

    if (guest_read_virtual(v, address, to, here))
        return 0;
    if (here < n && !guest_read_virtual(v, address + here, to + here, n - here))
        return n;
    return here;
}

size_t gate_observe_stack(struct vcpu *v, uint64_t rsp, uint8_t *to, size_t n)
{
    size_t done = 0, piece, got;

    if (rsp < USER_START || rsp >= USER_END - n)
        return 0;
    do {
        piece = MIN(n - done, PAGE_SIZE - (size_t)((rsp + done) % PAGE_SIZE));
        got = guest_read_virtual(v, rsp + done, to + done, piece) ? 0 : piece;
        done += got;
    } while (got > 0 && done < n);
    return done;
}

static bool looks_like_text(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] < ' ')
            return false;
    return true;
}

/* One item if the argument may be a pointer to something resident; its size, or 0. */
static size_t observe(struct vcpu *v, uint64_t address, struct capture_item *item)
{
    if (address < USER_START || address >= USER_END - ITEM_LONGEST)
        return 0;
    size_t n = read_resident(v, address, item->bytes, ITEM_FIRST);
    if (n == ITEM_FIRST && looks_like_text(item->bytes, n))
        n += read_resident(v, address + n, item->bytes + n, ITEM_LONGEST - n);
    if (n == 0)
        return 0;
    *item = (struct capture_item){.address = address, .total = (uint32_t)n, .kept = (uint16_t)n, .direction = CAPTURE_OBSERVED};
    return ALIGN_UP(sizeof *item + n, (size_t)8);
}

size_t gate_observe(struct vcpu *v, const uint64_t args[6], uint8_t *items)
{
    size_t used = 0;

    for (unsigned i = 0; i < 6; i++)
        used += observe(v, args[i], (struct capture_item *)(void *)(items + used));
    return used;
}

static bool int80_is_open(struct vcpu *v)
{
    uint8_t gate[IDT_GATE_SIZE];
    uint64_t offset = INT80_VECTOR * IDT_GATE_SIZE;

    if (vmcs_read(VMCS_GUEST_IDTR_LIMIT) < offset + IDT_GATE_SIZE - 1)
        return false;
    if (guest_read_virtual(v, vmcs_read(VMCS_GUEST_IDTR_BASE) + offset, gate, sizeof gate))
        return false;
    return (gate[5] & GATE_PRESENT_RING3) == GATE_PRESENT_RING3;
}

void gate_name_doors(struct vcpu *v)
{
    bool int80 = int80_is_open(v), sysenter = vmcs_read(VMCS_GUEST_SYSENTER_CS) & ~3ULL;

    v->exits->gate.doors_named = true;
    if (int80 || sysenter)
        log_warn("gate: calls by %s%s%s reach this guest's kernel without the hypervisor: they are not traced",
                 int80 ? "int 0x80" : "", int80 && sysenter ? " and " : "", sysenter ? "SYSENTER" : "");
}

void record_entry_observed(struct vcpu *v, struct gate_task *t, const struct trace_entry_body *body, unsigned flags,
                           unsigned sessions)
{
    uint8_t items[GATE_OBSERVED_MAX] aligned_to(8);
    size_t used = gate_observe(v, body->args, items);
    struct trace_record *r = record_begin(v, t, TRACE_ENTRY, flags | TRACE_OBSERVED, sizeof *r + sizeof *body + used);

    memcpy(r->body, body, sizeof *body);
    memcpy(r->body + sizeof *body, items, used);
    r->sessions = sessions;
    t->open = CALL_OPEN;
    t->nr = body->nr;
    t->sequence = r->sequence;
    if (!v->exits->gate.capture && !v->exits->gate.doors_named)
        gate_name_doors(v);
}
