/*
 * ACPI tables for a sandbox: what a kernel needs to find its CPUs and to know that no legacy hardware is there (ACPI
 * 6.4: RSDP 5.2.5, XSDT 5.2.8, FADT 5.2.9 with the hardware-reduced profile, MADT 5.2.12), and by the DSDT that there
 * is a PCI host bridge (hv/guest_dsdt.h).  Pure.
 */
#ifndef HV_GUEST_ACPI_H
#define HV_GUEST_ACPI_H

#include "lib/compiler.h"

#define GUEST_ACPI_ADDRESS 0xe0000u /* the RSDP; below 1 MiB, where no memory map entry says RAM */
#define GUEST_ACPI_SIZE 2048u
#define GUEST_ACPI_CPUS_MAX 64u

/* Ports of the fixed registers (ACPI 6.4, 4.8.3.6 and 4.8.3.7): power off, and reset. */
#define SLEEP_CONTROL_PORT 0x600u
#define SLEEP_STATUS_PORT 0x601u
#define RESET_PORT 0x602u
#define RESET_VALUE 1u
#define SLEEP_TYPE_OFF 5u
#define SLEEP_TYPE_SHIFT 2
#define SLEEP_ENABLE BIT(5)

/*
 * Write the tables of a machine with `cpus` CPUs (local APIC ids 0, 1, ...), as they are to lie at GUEST_ACPI_ADDRESS.
 * Returns the number of bytes; 0: too many CPUs.
 */
size_t guest_acpi_build(uint8_t tables[GUEST_ACPI_SIZE], unsigned cpus) must_check;

#endif
