/*
 * An access to device registers: fetch and decode the instruction, let its region answer.  The instruction length that the
 * exit reports is not defined for EPT violations, so the decoder's counts.
 */
#include "vmexit/mmio.h"

#include "hv/region.h"
#include "hv/vcpu.h"
#include "lib/x86.h"
#include "vmexit/handlers.h"
#include "vmexit/lapic.h"
#include "vmexit/mmio_decode.h"

#define LAPIC_ADDRESS 0xfee00000u
#define RIGHTS_DB BIT(14)

static uint64_t lapic_read(struct vcpu *v, void *context, uint64_t offset, unsigned size)
{
    return size == 4 ? lapic_mmio_read(v->lapic, (uint32_t)offset) : 0;
}

static void lapic_write(struct vcpu *v, void *context, uint64_t offset, unsigned size, uint64_t value)
{
    if (size == 4)
        lapic_mmio_write(v->lapic, (uint32_t)offset, (uint32_t)value);
}

static const struct region_ops lapic_ops = {lapic_read, lapic_write};

int vm_mmio_create(struct vm *vm)
{
    return vm_add_mmio(vm, LAPIC_ADDRESS, PAGE_SIZE, &lapic_ops, NULL);
}

struct target {
    struct vcpu *vcpu;
    struct region region;
    uint64_t offset;
};

static uint64_t target_read(void *context, unsigned size)
{
    const struct target *t = context;

    return t->region.ops->read(t->vcpu, t->region.context, t->offset, size);
}

static void target_write(void *context, unsigned size, uint64_t value)
{
    const struct target *t = context;

    t->region.ops->write(t->vcpu, t->region.context, t->offset, size, value);
}

static enum mmio_mode code_mode(void)
{
    if (vcpu_is_64_bit())
        return MMIO_64BIT;
    return vmcs_read(VMCS_GUEST_CS_RIGHTS) & RIGHTS_DB ? MMIO_32BIT : MMIO_16BIT;
}

/* Up to 15 bytes; fewer if the next page is not there.  The count, 0: not even the first byte. */
static size_t code_fetch(struct vcpu *v, uint64_t address, uint8_t bytes[INSTRUCTION_MAX])
{
    size_t here = MIN(PAGE_SIZE - address % PAGE_SIZE, (size_t)INSTRUCTION_MAX);

    if (guest_read_virtual(v, address, bytes, here))
        return 0;
    if (here < INSTRUCTION_MAX && !guest_read_virtual(v, address + here, bytes + here, INSTRUCTION_MAX - here))
        return INSTRUCTION_MAX;
    return here;
}

enum exit_outcome exit_mmio(struct vcpu *v, uint64_t address, unsigned *length)
{
    uint64_t rip = vmcs_read(VMCS_GUEST_RIP) + (vcpu_is_64_bit() ? 0 : vmcs_read(VMCS_GUEST_CS_BASE));
    uint8_t code[INSTRUCTION_MAX];
    struct mmio_access access;
    size_t n = code_fetch(v, rip, code);

    if (n == 0)
        return EXIT_RETRY; /* its page went away meanwhile: the CPU will say so itself */
    if (mmio_decode(code, n, code_mode(), &access))
        return vcpu_crash(v, "cannot decode an access to device registers at %#llx", (unsigned long long)address);
    struct target t = {.vcpu = v};
    if (!vm_find_mmio(v->vm, address, access.size, &t.region))
        return vcpu_crash(v, "an access of %u bytes at %#llx crosses a device's end", access.size,
                          (unsigned long long)address);
    t.offset = address - t.region.first;
    const struct mmio_target target = {target_read, target_write, &t};
    uint64_t flags = vmcs_read(VMCS_GUEST_RFLAGS), old_flags = flags, rdi = v->regs[REG_RDI];
    v->regs[REG_RSP] = vmcs_read(VMCS_GUEST_RSP);
    mmio_perform(&access, v->regs, &flags, &target);
    if (v->again) /* of what can be executed again only STOS notices */
        v->regs[REG_RDI] = rdi;
    vmcs_write(VMCS_GUEST_RSP, v->regs[REG_RSP]);
    if (flags != old_flags)
        vmcs_write(VMCS_GUEST_RFLAGS, flags);
    *length = access.length;
    return EXIT_RETIRED;
}
