/*
 * The CPUs of the machine, as ACPI's MADT lists them (ACPI 6.5 sections 5.2.5 to 5.2.12).  Pure: reads tables through a
 * function of the caller's, believes none of their lengths, keeps nothing.
 */
#ifndef LIB_MADT_H
#define LIB_MADT_H

#include "lib/compiler.h"

#define MADT_CPUS_MAX 256

struct madt_cpus {
    uint32_t count;
    uint32_t left_out; /* enabled CPUs beyond MADT_CPUS_MAX */
    uint32_t apic_ids[MADT_CPUS_MAX];
};

/* [phys, phys + n) as memory, good until the next call; NULL: out of reach. */
typedef const void *madt_reach(uint64_t phys, uint64_t n);

/*
 * The APIC ids of all enabled CPUs, each once, in the table's order.  0; -ENOENT: there is no MADT, -EINVAL: a table on
 * the way to it is damaged (checksum, length).  *out is empty then.
 */
int madt_read(uint64_t rsdp_phys, madt_reach *reach, struct madt_cpus *out) must_check;

/* Where firmware left the RSDP in [start, end), which are multiples of 16 (5.2.5.1); 0: nowhere. */
uint64_t madt_find_rsdp(uint64_t start, uint64_t end, madt_reach *reach) must_check;

#endif
