/*
 * What CPUID answers in a sandbox: a table made once from this machine's CPUID, so that an exit is a look-up.
 */
#ifndef VMEXIT_CPUID_H
#define VMEXIT_CPUID_H

#include "lib/compiler.h"
#include "lib/x86.h"

#define CPUID_ROWS_MAX 96u

struct cpuid_row {
    uint64_t key; /* leaf << 32 | subleaf; subleaf ~0: the leaf has none */
    struct cpuid_regs regs;
};

struct cpuid_table {
    unsigned count;
    uint32_t last_basic, last_extended;
    struct cpuid_row rows[CPUID_ROWS_MAX]; /* sorted by key */
};

void cpuid_table_build(struct cpuid_table *t, unsigned cpus); /* for a VM of that many vCPUs */
/* The row of leaf and subleaf, or NULL: answer zeros. */
const struct cpuid_row *cpuid_find(const struct cpuid_table *t, uint32_t leaf, uint32_t subleaf);

#endif
