/*
 * RDMSR and WRMSR of every index in the two architectural ranges and in the hypervisors' one, and of samples outside: those
 * that are there are listed below, all others fault, and nothing else happens.
 */
#include <asm/kvm_para.h>

#include "tests/guests/guest.h"

#define VECTOR_PROTECTION 13
#define MSR_MICROCODE 0x8b
#define MSR_XSS 0xda0
#define X2APIC_FIRST 0x800
#define X2APIC_LAST 0x8ff
#define X2APIC_EOI 0x80b
#define X2APIC_ICR 0x830
#define X2APIC_SELF_IPI 0x83f

/* What may be there; of the APIC's the unit test of vmexit/lapic.c knows more. */
static bool is_known(uint32_t msr)
{
    static const uint32_t known[] = {MSR_TSC, MSR_APIC_BASE, MSR_MICROCODE, MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
                                     MSR_MISC_ENABLE, MSR_PAT, MSR_TSC_DEADLINE, MSR_XSS, MSR_EFER, MSR_STAR, MSR_LSTAR,
                                     MSR_CSTAR, MSR_FMASK, MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_TSC_AUX,
                                     MSR_KVM_WALL_CLOCK_NEW, MSR_KVM_SYSTEM_TIME_NEW};

    for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
        if (known[i] == msr)
            return true;
    return msr >= X2APIC_FIRST && msr <= X2APIC_LAST;
}

static uint64_t reads, writes, surprises;

static bool faulted(void)
{
    if (fault.vector == NO_FAULT)
        return false;
    surprises += fault.vector != VECTOR_PROTECTION || fault.error != 0;
    return true;
}

/* Messages to itself could park this CPU; the clock pages go where they do no harm. */
static bool may_write(uint32_t msr)
{
    return msr != X2APIC_ICR && msr != X2APIC_SELF_IPI && msr >> 8 != 0x4b564d;
}

static void try_one(uint32_t msr)
{
    static const uint64_t values[] = {0, ~0ULL, 0x8000000000000000, 0x00007fffffffffff, 0x0000800000000000, 1, 0xdeadbeef};
    uint32_t low = 0, high = 0;
    bool there;

    ATTEMPT("rdmsr", : "=a"(low), "=d"(high) : "c"(msr));
    there = !faulted();
    reads += there;
    surprises += there && !is_known(msr);
    for (unsigned i = 0; i < ARRAY_SIZE(values) && may_write(msr); i++) {
        ATTEMPT("wrmsr", : : "c"(msr), "a"((uint32_t)values[i]), "d"((uint32_t)(values[i] >> 32)) : "memory");
        if (faulted())
            continue;
        writes++;
        surprises += !is_known(msr);
        if (there) /* as it was: no timer, no other APIC mode in the way of the next ones */
            ATTEMPT("wrmsr", : : "c"(msr), "a"(low), "d"(high) : "memory");
    }
    if (surprises) {
        print("msr ");
        print_number(msr);
        print(": ");
        check_equal("surprises", surprises, 0);
        surprises = 0;
    }
}

static void try_range(const char *name, uint32_t first, uint32_t last)
{
    reads = writes = 0;
    for (uint32_t msr = first;; msr++) {
        try_one(msr);
        if (msr == last)
            break;
    }
    print(name);
    say(": values read", reads);
    print(name);
    say(": values written", writes);
}

void guest_main(void)
{
    try_range("0-1fff", 0, 0x1fff);
    msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC | APIC_BASE_ENABLE);
    try_range("800-8ff as x2APIC", X2APIC_FIRST, X2APIC_LAST);
    try_range("c0000000-c0001fff", 0xc0000000, 0xc0001fff);
    try_range("40000000-400010ff", 0x40000000, 0x400010ff);
    try_range("4b564d00-4b564dff", 0x4b564d00, 0x4b564dff);
    try_range("behind the first range", 0x2000, 0x20ff);
    try_range("before the second", 0xbfffff00, 0xbfffffff);
    try_range("behind the second", 0xc0002000, 0xc00020ff);
    try_range("AMD's", 0xc0010000, 0xc00101ff);
    try_range("the last", 0xffffff00, 0xffffffff);
    for (unsigned i = 0; i < 2000; i++)
        try_one((uint32_t)random());
    check("every MSR answers or faults", true);
    print("done\n");
}
