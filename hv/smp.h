/*
 * Starting the machine's other CPUs by INIT and start-up messages (SDM vol. 3, 9.4.4): to those that ACPI's MADT lists as
 * enabled; where there is no MADT, to all, and who is there comes.
 */
#ifndef HV_SMP_H
#define HV_SMP_H

#include "lib/compiler.h"

/*
 * Once, on the boot CPU, when it is set up itself.  Each CPU that comes sets itself up in the same way and then calls
 * `work`, which never returns.  `smt`: also threads of a core that takes part already.  A CPU that cannot be used is
 * left halted, and that is logged.  `rsdp`: where ACPI's tables begin, as the loader says; 0: it is looked for where
 * firmware puts it.  `vmx`: VMXON on each.
 */
void smp_start(void (*work)(void), uint64_t rsdp, bool smt, bool vmx);

#endif
