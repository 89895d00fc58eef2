/*
 * EPT violations: the first touch of a page of the sandbox's memory, an access to a device's registers, or neither.
 */
#include "hv/region.h"
#include "hv/vcpu.h"
#include "lib/x86.h"
#include "vmexit/handlers.h"
#include "vmexit/state.h"

#define TOUCH_PAGES_MAX 16u

/* SDM vol. 3, table 28-7. */
#define QUALIFICATION_FETCH BIT(2)
#define QUALIFICATION_TRANSLATED BIT(8) /* clear: an entry of the guest's page tables was read or written */

/*
 * Back the page at `address`.  A guest that goes through fresh memory in order gets twice as many pages each time, so that it
 * exits seldom, and never more than it has touched in that run.
 */
static bool page_back(struct vcpu *v, uint64_t address)
{
    struct vmexit_vcpu *x = v->exits;
    uint64_t page = ALIGN_DOWN(address, PAGE_SIZE);
    uint64_t last = (v->vm->memory_size - page) / PAGE_SIZE;
    unsigned wanted = page == x->touch_next ? MIN(2 * x->touch_pages, TOUCH_PAGES_MAX) : 1;

    x->touch_pages = ept_touch_run(&v->vm->ept, page, (unsigned)MIN((uint64_t)wanted, last));
    x->touch_next = page + x->touch_pages * PAGE_SIZE;
    return x->touch_pages != 0;
}

enum exit_outcome exit_ept_violation(struct vcpu *v)
{
    uint64_t address = vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS);
    struct region region;

    if (address < v->vm->memory_size) {
        if (page_back(v, address))
            return EXIT_RETRY;
        return vcpu_crash(v, "no memory is left on this machine for the sandbox's page at %#llx",
                          (unsigned long long)address);
    }
    if (vm_find_mmio(v->vm, address, 1, &region)) {
        uint64_t q = vmcs_read(VMCS_EXIT_QUALIFICATION);
        if ((q & QUALIFICATION_FETCH) || !(q & QUALIFICATION_TRANSLATED))
            return vcpu_crash(v, "the guest has code or page tables in device registers, at %#llx",
                              (unsigned long long)address);
        return exit_mmio(v, address, &v->exits->length);
    }
    return vcpu_crash(v, "the guest accessed physical address %#llx, where there is nothing",
                      (unsigned long long)address);
}

enum exit_outcome exit_ept_misconfiguration(struct vcpu *v)
{
    return vcpu_crash(v, "EPT misconfiguration at %#llx",
                      (unsigned long long)vmcs_read(VMCS_GUEST_PHYSICAL_ADDRESS));
}
