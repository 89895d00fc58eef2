/*
 * An endless loop with interrupts off: takes its share of the CPU and no more.
 */
#include "tests/guests/guest.h"

void guest_main(void)
{
    print("done\n");
    __asm__ volatile("cli\n1: jmp 1b");
}
