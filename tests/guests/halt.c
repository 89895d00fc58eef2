/*
 * HLT with interrupts off ends the sandbox: nothing would wake it.
 */
#include "tests/guests/guest.h"

void guest_main(void)
{
    print("done\n");
    __asm__ volatile("cli; hlt");
}
