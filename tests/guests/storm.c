/*
 * A storm of exits: nothing but instructions that the hypervisor must answer.
 */
#include "tests/guests/guest.h"

void guest_main(void)
{
    print("done\n");
    for (;;)
        cpuid_count(1, 0);
}
