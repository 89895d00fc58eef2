/*
 * What lies in memory behind the module (the initial RAM disk) that the hypervisor hands over: nothing, up to the end of its
 * last page; and all of it may be written.
 */
#include "lib/pvh.h"
#include "tests/guests/guest.h"

extern uint32_t start_info;

void guest_main(void)
{
    const struct pvh_start_info *info = (const struct pvh_start_info *)(uintptr_t)start_info;
    const struct pvh_module *module = (const struct pvh_module *)(uintptr_t)info->modlist_paddr;
    uint64_t end = module->paddr + module->size, page_end = ALIGN_UP(end, PAGE_SIZE);
    unsigned foreign = 0;

    check_equal("module: one", info->nr_modules, 1);
    check("module: it ends in the midst of a page", end % PAGE_SIZE != 0);
    for (uint64_t at = end; at < page_end; at++)
        foreign += *(volatile uint8_t *)at != 0;
    check_equal("module: nothing of others behind it", foreign, 0);
    for (uint64_t at = module->paddr; at < page_end; at++)
        *(volatile uint8_t *)at ^= 0xff;
    print("done\n");
}
