/*
 * EPT violations: the first touch of a page of the sandbox's memory, an access to a device's registers, or neither.
 */
#include "hv/region.h"
#include "hv/vcpu.h"
#include "vmexit/handlers.h"
#include "vmexit/state.h"

enum exit_outcome exit_ept_violation(struct vcpu *v)
{
    uint64_t address = vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS);
    struct region region;

    if (address < v->vm->memory_size) {
        if (ept_touch(&v->vm->ept, address))
            return EXIT_RETRY;
        return vcpu_crash(v, "no memory is left on this machine for the sandbox's page at %#llx",
                          (unsigned long long)address);
    }
    if (vm_find_mmio(v->vm, address, 1, &region))
        return exit_mmio(v, address, &v->exits->length);
    return vcpu_crash(v, "the guest accessed physical address %#llx, where there is nothing",
                      (unsigned long long)address);
}

enum exit_outcome exit_ept_misconfiguration(struct vcpu *v)
{
    return vcpu_crash(v, "EPT misconfiguration at %#llx",
                      (unsigned long long)vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS));
}
