/*
 * A write to physical memory that is neither RAM nor a device ends the sandbox, with the address.
 */
#include "tests/guests/guest.h"

void guest_main(void)
{
    print("done\n");
    *(volatile uint32_t *)0x30000000 = 1;
}
