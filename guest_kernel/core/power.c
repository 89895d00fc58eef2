/*
 * The end of the machine, by its choice: ACPI soft-off as QEMU's chipsets and our hypervisor take it.
 */
#include "guest_kernel/core/ipi.h"
#include "guest_kernel/core/task.h"
#include "lib/log.h"
#include "lib/x86.h"

#define PM1A_CONTROL 0x604
#define SLEEP_TYPE_SOFT_OFF 0x2000

void machine_power_off(void)
{
    irq_disable();
    ipi_stop_others();
    port_outw(PM1A_CONTROL, SLEEP_TYPE_SOFT_OFF);
    /* The machine may take a moment. */
    for (uint64_t end = clock_monotonic_ns() + NS_PER_S; clock_monotonic_ns() < end;)
        cpu_relax();
    panic("power: the machine is still on");
}
