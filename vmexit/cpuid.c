/*
 * See vmexit/cpuid.h.  Each mask says what a sandbox does not get and why; what is not masked is the machine's own.
 */
#include "vmexit/cpuid.h"

#include <asm/kvm_para.h>

#include "abi/capture.h"
#include "hv/timer.h"
#include "hv/vmx/vmcs.h"
#include "hv/vmx/vmx.h"
#include "hv/xstate.h"
#include "lib/log.h"
#include "vmexit/handlers.h"
#include "vmexit/state.h"

#define NO_SUBLEAF 0xffffffffu
#define KEY(leaf, subleaf) ((uint64_t)(leaf) << 32 | (subleaf))

#define LEAF_FEATURES 1u
#define LEAF_CACHES 4u
#define LEAF_FEATURES7 7u
#define LEAF_TOPOLOGY 0xbu
#define LEAF_XSTATE 0xdu
#define LEAF_LAST 0x17u
#define LEAF_HYPERVISOR KVM_CPUID_SIGNATURE
#define LEAF_FREQUENCY 0x40000010u
#define LEAF_EXTENDED 0x80000000u
#define LEAF_EXTENDED_LAST 0x80000008u
#define LEAF_ADDRESS_SIZES 0x80000008u

/* Leaf 1 ECX: DTES64 MONITOR DS-CPL VMX SMX EIST TM2 CNXT-ID SDBG PDCM DCA: not offered.  OSXSAVE is set by the exit. */
#define FEATURES_ECX_OFF                                                                                               \
    (BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(10) | BIT(11) | BIT(15) | BIT(18) | BIT(27))
#define FEATURES_ECX_X2APIC BIT(21)
#define FEATURES_ECX_DEADLINE BIT(24)
#define FEATURES_ECX_OSXSAVE BIT(27)
#define FEATURES_ECX_HYPERVISOR BIT(31)
/* Leaf 1 EDX: MCE MTRR MCA DS ACPI HTT TM PBE. */
#define FEATURES_EDX_OFF (BIT(7) | BIT(12) | BIT(14) | BIT(21) | BIT(22) | BIT(28) | BIT(29) | BIT(31))
#define FEATURES_EDX_APIC BIT(9)
#define FEATURES_EDX_HTT BIT(28)
/* Leaf 7 EBX: TSC_ADJUST SGX HLE RTM PQM MPX PQE PT. */
#define FEATURES7_EBX_OFF (BIT(1) | BIT(2) | BIT(4) | BIT(11) | BIT(12) | BIT(14) | BIT(15) | BIT(25))
#define FEATURES7_EBX_INVPCID BIT(10)
/* Leaf 7 ECX: OSPKE (set by the exit) WAITPKG CET_SS TME LA57 KL BUS_LOCK ENQCMD SGX_LC PKS. */
#define FEATURES7_ECX_OFF (BIT(4) | BIT(5) | BIT(7) | BIT(13) | BIT(16) | BIT(23) | BIT(24) | BIT(29) | BIT(30) | BIT(31))
#define FEATURES7_ECX_PKU BIT(3)
#define FEATURES7_ECX_OSPKE BIT(4)
/* Leaf 7 EDX: only what needs no MSR or control of ours: AVX512_4*, FSRM, VP2INTERSECT, MD_CLEAR, SERIALIZE, FP16. */
#define FEATURES7_EDX_ON (BIT(2) | BIT(3) | BIT(4) | BIT(8) | BIT(10) | BIT(14) | BIT(23))
#define XSTATE_XSAVEC BIT(1)
#define XSTATE_XSAVES BIT(3)
#define XSTATE_XFD BIT(4)
#define EXTENDED_EDX_RDTSCP BIT(27)
#define EXTENDED_EDX_SYSCALL BIT(11)
#define EXTENDED_EDX_LONG_MODE BIT(29)

static void row_add(struct cpuid_table *t, uint32_t leaf, uint32_t subleaf, struct cpuid_regs r)
{
    if (t->count < CPUID_ROWS_MAX)
        t->rows[t->count++] = (struct cpuid_row){KEY(leaf, subleaf), r};
}

static void add_features(struct cpuid_table *t, unsigned cpus)
{
    struct cpuid_regs r = cpuid_count(LEAF_FEATURES, 0);

    r.ebx &= 0x0000ffff; /* the APIC id comes with the exit */
    r.ebx |= cpus << 16;
    r.ecx &= ~(uint32_t)FEATURES_ECX_OFF;
    r.ecx |= (uint32_t)(FEATURES_ECX_HYPERVISOR | FEATURES_ECX_X2APIC | FEATURES_ECX_DEADLINE);
    r.edx &= ~(uint32_t)FEATURES_EDX_OFF;
    r.edx |= (uint32_t)FEATURES_EDX_APIC | (cpus > 1 ? (uint32_t)FEATURES_EDX_HTT : 0);
    row_add(t, LEAF_FEATURES, NO_SUBLEAF, r);
}

static void add_caches(struct cpuid_table *t, unsigned cpus)
{
    for (uint32_t i = 0; i < 8; i++) {
        struct cpuid_regs r = cpuid_count(LEAF_CACHES, i);
        if (!(r.eax & 0x1f))
            return;
        r.eax &= 0x00003fff; /* not shared with other CPUs */
        r.eax |= (cpus - 1) << 26;
        row_add(t, LEAF_CACHES, i, r);
    }
}

static void add_features7(struct cpuid_table *t)
{
    struct cpuid_regs r = cpuid_count(LEAF_FEATURES7, 0);

    r.eax = 0;
    r.ebx &= ~(uint32_t)FEATURES7_EBX_OFF;
    if (!(vmx.proc2 & PROC2_INVPCID))
        r.ebx &= ~(uint32_t)FEATURES7_EBX_INVPCID;
    r.ecx &= ~(uint32_t)FEATURES7_ECX_OFF;
    if (!(xstate_features() & BIT(9)))
        r.ecx &= ~(uint32_t)FEATURES7_ECX_PKU;
    r.edx &= (uint32_t)FEATURES7_EDX_ON;
    row_add(t, LEAF_FEATURES7, 0, r);
}

/* One thread a core; all cores in one package. */
static void add_topology(struct cpuid_table *t, unsigned cpus)
{
    uint32_t shift = 0;

    while (1u << shift < cpus)
        shift++;
    row_add(t, LEAF_TOPOLOGY, 0, (struct cpuid_regs){0, 1, 0x100, 0});
    row_add(t, LEAF_TOPOLOGY, 1, (struct cpuid_regs){shift, cpus, 0x201, 0});
}

static void add_xstate(struct cpuid_table *t)
{
    uint64_t features = xstate_features();
    uint32_t size = 576;
    unsigned first = t->count;
    struct cpuid_regs r = cpuid_count(LEAF_XSTATE, 1);

    row_add(t, LEAF_XSTATE, 0, (struct cpuid_regs){(uint32_t)features, 0, 0, (uint32_t)(features >> 32)});
    r.eax &= ~(uint32_t)XSTATE_XFD;
    if (!(vmx.proc2 & PROC2_XSAVES))
        r.eax &= ~(uint32_t)XSTATE_XSAVES;
    if (xstate_compaction_is_broken()) {
        log_info("cpuid: quirk: this CPU's XSAVEC stores in the wrong place, XSAVEC and XSAVES are not offered");
        r.eax &= ~(uint32_t)(XSTATE_XSAVEC | XSTATE_XSAVES);
    }
    row_add(t, LEAF_XSTATE, 1, (struct cpuid_regs){r.eax, 0, 0, 0});
    for (uint32_t i = 2; i < 63; i++) {
        if (!(features >> i & 1))
            continue;
        r = cpuid_count(LEAF_XSTATE, i);
        row_add(t, LEAF_XSTATE, i, r);
        size = MAX(size, r.eax + r.ebx);
    }
    t->rows[first].regs.ecx = size;
}

static void add_basic(struct cpuid_table *t, unsigned cpus)
{
    struct cpuid_regs r = cpuid_count(0, 0);

    t->last_basic = MIN(r.eax, LEAF_LAST);
    r.eax = t->last_basic;
    row_add(t, 0, NO_SUBLEAF, r);
    add_features(t, cpus);
    row_add(t, 2, NO_SUBLEAF, cpuid_count(2, 0));
    add_caches(t, cpus);
    row_add(t, 6, NO_SUBLEAF, (struct cpuid_regs){BIT(2), 0, 0, 0}); /* the APIC timer never stops */
    if (t->last_basic >= LEAF_FEATURES7)
        add_features7(t);
    if (t->last_basic >= LEAF_TOPOLOGY)
        add_topology(t, cpus);
    if (t->last_basic >= LEAF_XSTATE)
        add_xstate(t);
}

/* Frequencies: the TSC's and the APIC timer's (it counts TSC ticks), in kHz, as VMware and KVM say them. */
static void add_hypervisor(struct cpuid_table *t)
{
    uint32_t khz = (uint32_t)(tsc_hz() / 1000);

    row_add(t, LEAF_HYPERVISOR, NO_SUBLEAF,
            (struct cpuid_regs){LEAF_FREQUENCY, 0x4b4d564b, 0x564b4d56, 0x4d}); /* "KVMKVMKVM" */
    row_add(t, KVM_CPUID_FEATURES, NO_SUBLEAF,
            (struct cpuid_regs){BIT(KVM_FEATURE_CLOCKSOURCE2) | BIT(KVM_FEATURE_CLOCKSOURCE_STABLE_BIT) |
                                    BIT(KVM_FEATURE_NOP_IO_DELAY), 0, 0, 0});
    row_add(t, LEAF_FREQUENCY, NO_SUBLEAF, (struct cpuid_regs){khz, khz, 0, 0});
    row_add(t, CAPTURE_CPUID_LEAF, NO_SUBLEAF,
            (struct cpuid_regs){CAPTURE_VERSION, CAPTURE_SIGNATURE_EBX, CAPTURE_SIGNATURE_ECX, CAPTURE_SIGNATURE_EDX});
    row_add(t, FEATURES_CPUID_LEAF, NO_SUBLEAF, (struct cpuid_regs){FEATURE_FRESH_ZERO, 0, 0, 0}); /* hv/ept.c */
}

static void add_extended(struct cpuid_table *t)
{
    struct cpuid_regs r = cpuid_count(LEAF_EXTENDED, 0);

    t->last_extended = MIN(r.eax, LEAF_EXTENDED_LAST);
    r.eax = t->last_extended;
    row_add(t, LEAF_EXTENDED, NO_SUBLEAF, r);
    for (uint32_t leaf = LEAF_EXTENDED + 1; leaf <= t->last_extended; leaf++) {
        r = cpuid_count(leaf, 0);
        if (leaf == LEAF_EXTENDED + 1) {
            r.edx |= (uint32_t)EXTENDED_EDX_SYSCALL; /* Intel shows it in 64-bit mode only */
            if (!(vmx.proc2 & PROC2_RDTSCP))
                r.edx &= ~(uint32_t)EXTENDED_EDX_RDTSCP;
        }
        if (leaf == LEAF_ADDRESS_SIZES)
            r = (struct cpuid_regs){r.eax & 0xffff, 0, 0, 0};
        row_add(t, leaf, NO_SUBLEAF, r);
    }
}

void cpuid_table_build(struct cpuid_table *t, unsigned cpus)
{
    t->count = 0;
    add_basic(t, cpus);
    add_hypervisor(t);
    add_extended(t);
}

const struct cpuid_row *cpuid_find(const struct cpuid_table *t, uint32_t leaf, uint32_t subleaf)
{
    uint64_t key = KEY(leaf, subleaf);
    unsigned low = 0, high = t->count;

    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (t->rows[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == t->count || t->rows[low].key >> 32 != leaf)
        return NULL;
    const struct cpuid_row *row = &t->rows[low];
    return row->key == key || (uint32_t)row->key == NO_SUBLEAF ? row : NULL;
}

/* XSAVE's area for what XCR0 enables now. */
static uint32_t xstate_size(const struct cpuid_table *t, uint64_t xcr0)
{
    uint32_t size = 576;

    for (uint32_t i = 2; i < 63; i++) {
        const struct cpuid_row *row = xcr0 >> i & 1 ? cpuid_find(t, LEAF_XSTATE, i) : NULL;
        if (row)
            size = MAX(size, row->regs.eax + row->regs.ebx);
    }
    return size;
}

/* Bits that follow the guest's own registers. */
static void adjust(const struct vcpu *v, const struct cpuid_table *t, uint32_t leaf, uint32_t subleaf,
                   struct cpuid_regs *r)
{
    if (leaf == LEAF_FEATURES) {
        r->ebx |= v->index << 24;
        r->ecx |= vmcs_read(VMCS_GUEST_CR4) & CR4_OSXSAVE ? (uint32_t)FEATURES_ECX_OSXSAVE : 0;
    } else if (leaf == LEAF_FEATURES7 && subleaf == 0) {
        r->ecx |= vmcs_read(VMCS_GUEST_CR4) & CR4_PKE ? (uint32_t)FEATURES7_ECX_OSPKE : 0;
    } else if (leaf == LEAF_TOPOLOGY) {
        r->edx = v->index;
    } else if (leaf == LEAF_XSTATE && subleaf <= 1) {
        r->ebx = xstate_size(t, v->xcr0);
    }
}

enum exit_outcome exit_cpuid(struct vcpu *v)
{
    const struct cpuid_table *t = &v->vm->exits->cpuid;
    uint32_t leaf = (uint32_t)v->regs[REG_RAX], subleaf = (uint32_t)v->regs[REG_RCX];
    const struct cpuid_row *row = cpuid_find(t, leaf, subleaf);
    struct cpuid_regs r = row ? row->regs : (struct cpuid_regs){0, 0, 0, 0};

    if (row)
        adjust(v, t, leaf, subleaf, &r);
    else if (leaf == LEAF_TOPOLOGY) /* SDM: beyond the last level ECX still echoes the subleaf */
        r = (struct cpuid_regs){0, 0, subleaf & 0xff, v->index};
    v->regs[REG_RAX] = r.eax;
    v->regs[REG_RBX] = r.ebx;
    v->regs[REG_RCX] = r.ecx;
    v->regs[REG_RDX] = r.edx;
    return EXIT_RETIRED;
}
