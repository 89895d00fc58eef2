/*
 * A triple fault ends the sandbox, with a reason.
 */
#include "tests/guests/guest.h"

void guest_main(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } packed_layout nothing = {0, 0};

    print("done\n");
    __asm__ volatile("lidt %0; ud2" : : "m"(nothing));
}
