/*
 * See vmexit/gate_code.h.
 */
#include "vmexit/gate_code.h"

#include "hv/vmx/vmcs.h"

/* At a page's end: byte by byte, the second page may be missing. */
static enum gate_instruction decode_slowly(struct vcpu *v, uint64_t rip)
{
    uint8_t bytes[GATE_LONGEST] = {0};

    for (unsigned i = 0; i < GATE_LONGEST; i++)
        if (guest_read_virtual(v, rip + i, &bytes[i], 1))
            return i < 2 ? GATE_UNMAPPED : gate_decode(bytes);
    return gate_decode(bytes);
}

enum gate_instruction gate_code_at(struct vcpu *v, uint64_t rip, bool user)
{
    struct gate_code *c = &v->exits->gate.code[user];
    uint64_t page = rip & PAGE_MASK;
    size_t length;

    if (rip - page > PAGE_SIZE - GATE_LONGEST)
        return decode_slowly(v, rip);
    c->page = NO_PAGE;
    if (guest_walk(v, page, &c->walk))
        return GATE_UNMAPPED;
    c->bytes = guest_window(v->vm, c->walk.gpa, PAGE_SIZE, &length);
    if (!c->bytes)
        return GATE_UNMAPPED;
    c->cr3 = vmcs_read(VMCS_GUEST_CR3);
    c->page = page;
    return gate_decode(c->bytes + (rip - page));
}
