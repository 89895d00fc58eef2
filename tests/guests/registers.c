/*
 * Absurd values in CR0, CR3, CR4, CR8, EFER, XCR0 and the debug registers: every bit alone and many together.  What the CPU
 * would refuse is refused with #GP, the rest is there when it is read; the guest goes on.
 */
#include "tests/guests/guest.h"

#define VECTOR_PROTECTION 13
#define VECTOR_DEBUG 1
#define XCR0_MAX 0x400u
#define DR7_FIXED 0x400u
#define DR6_SETTABLE 0xe00fULL /* BT, BS, BD, B0 to B3 */

extern uint32_t watched;

/* Ring 0 runs on pages that ring 3 may use, else: SMEP and SMAP would end this guest. */
static void tables_supervisor(void)
{
    tables[0][0] &= ~4ULL;
    __asm__ volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" : : : "rax", "memory");
}

static void test_cr0(void)
{
    uint64_t old = cr0_read();
    unsigned refused = 0;

    for (unsigned bit = 0; bit < 64; bit++) {
        ATTEMPT("mov %0, %%cr0", : : "r"(old ^ 1ULL << bit));
        refused += fault.vector == VECTOR_PROTECTION;
        bool must_refuse = bit >= 32 || bit == 0 || bit == 31 || bit == 29; /* PE and PG in long mode, NW without CD */
        if (must_refuse != (fault.vector == VECTOR_PROTECTION))
            check_equal("CR0: refused", bit, ~0ULL);
        if (fault.vector == NO_FAULT && (1ULL << bit & (CR0_MP | CR0_EM | CR0_TS | CR0_NE | CR0_WP | CR0_AM | CR0_CD)) &&
            cr0_read() != (old ^ 1ULL << bit))
            check_equal("CR0: reads as written", cr0_read(), old ^ 1ULL << bit);
        cr0_write(old);
    }
    for (unsigned i = 0; i < 2000; i++) {
        ATTEMPT("mov %0, %%cr0", : : "r"(random_value() | (random() & 1 ? CR0_PE | CR0_PG : 0)));
        cr0_write(old);
    }
    check("CR0: every bit", refused == 35);
}

static void test_cr3(void)
{
    uint64_t old;
    unsigned refused = 0;

    __asm__ volatile("mov %%cr3, %0" : "=r"(old));
    for (unsigned bit = 40; bit < 64; bit++) { /* below that it would be a table elsewhere */
        ATTEMPT("mov %0, %%cr3", : : "r"(old | 1ULL << bit) : "memory");
        refused += fault.vector == VECTOR_PROTECTION;
        __asm__ volatile("mov %0, %%cr3" : : "r"(old) : "memory");
    }
    ATTEMPT("mov %0, %%cr3", : : "r"(old | 0x18) : "memory"); /* PCD, PWT */
    check("CR3: bits beyond the physical address", refused == 24 && fault.vector == NO_FAULT);
    __asm__ volatile("mov %0, %%cr3" : : "r"(old) : "memory");
}

static void test_cr4(void)
{
    uint64_t old = cr4_read();
    unsigned accepted = 0;

    for (unsigned bit = 0; bit < 64; bit++) {
        ATTEMPT("mov %0, %%cr4", : : "r"(old ^ 1ULL << bit));
        accepted += fault.vector == NO_FAULT;
        if (fault.vector == NO_FAULT && cr4_read() != (old ^ 1ULL << bit))
            check_equal("CR4: reads as written", cr4_read(), old ^ 1ULL << bit);
        if (fault.vector == NO_FAULT && (bit == 5 || bit == 12 || bit == 13 || bit == 14 || bit > 22))
            check_equal("CR4: accepted", bit, ~0ULL); /* PAE in long mode, LA57, VMXE, SMXE, CET and what follows */
        cr4_write(old);
    }
    for (unsigned i = 0; i < 2000; i++) {
        ATTEMPT("mov %0, %%cr4", : : "r"(random_value() | (random() & 1 ? CR4_PAE : 0)));
        cr4_write(old);
    }
    check("CR4: every bit", accepted >= 11 && cr4_read() == old);
}

static void test_efer(void)
{
    uint64_t old = msr_read(MSR_EFER);
    unsigned accepted = 0;

    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t value = old ^ 1ULL << bit;
        ATTEMPT("wrmsr", : : "c"(MSR_EFER), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
        accepted += fault.vector == NO_FAULT;
        msr_write(MSR_EFER, old);
    }
    check("EFER: SCE and NX can be changed, LMA is ignored", accepted == 3 && msr_read(MSR_EFER) == old);
}

static bool is_sound_xcr0(uint32_t value)
{
    bool avx512 = value & 0xe0;

    return value & 1 && !(value & 4 && !(value & 2)) && !(avx512 && ((value & 0xe0) != 0xe0 || !(value & 4)));
}

static void test_xcr0(void)
{
    uint32_t offered = cpuid_count(0xd, 0).eax;
    unsigned wrong = 0;

    for (uint32_t value = 0; value < XCR0_MAX; value++) {
        uint32_t low = 0;
        ATTEMPT("xor %%ecx, %%ecx; xor %%edx, %%edx; xsetbv", : : "a"(value) : "ecx", "edx");
        bool fine = is_sound_xcr0(value) && !(value & ~offered);
        wrong += fine != (fault.vector == NO_FAULT);
        if (fault.vector == NO_FAULT)
            __asm__ volatile("xgetbv" : "=a"(low) : "c"(0) : "edx");
        wrong += fault.vector == NO_FAULT && low != value;
    }
    for (unsigned bit = 10; bit < 64; bit++) {
        uint64_t value = 1 | 1ULL << bit;
        ATTEMPT("xsetbv", : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
        wrong += fault.vector != VECTOR_PROTECTION;
    }
    check_equal("XCR0: every combination", wrong, 0);
    __asm__ volatile("xsetbv" : : "c"(0), "a"(1), "d"(0));
}

uint32_t watched;

static void test_debug(void)
{
    uint64_t value;
    unsigned refused = 0;

    for (unsigned bit = 0; bit < 64; bit++) {
        ATTEMPT("mov %0, %%dr7", : : "r"((1ULL << bit & ~0xffULL) | DR7_FIXED)); /* no breakpoint is on */
        refused += fault.vector == VECTOR_PROTECTION;
        ATTEMPT("mov %0, %%dr7", : : "r"((uint64_t)DR7_FIXED)); /* general detect: the first one is detected */
        ATTEMPT("mov %0, %%dr7", : : "r"((uint64_t)DR7_FIXED));
    }
    check_equal("DR7: its upper half is refused", refused, 32);
    __asm__ volatile("mov %1, %%dr6; mov %%dr6, %0" : "=r"(value) : "r"(0xffffffffUL));
    check_equal("DR6: reads as written", value & DR6_SETTABLE, DR6_SETTABLE);
    static const uint64_t addresses[] = {0, ~0ULL, 0x00007fffffffffff, 0x0000800000000000, 0xdeadbeefdeadbeef};
    for (unsigned i = 0; i < ARRAY_SIZE(addresses); i++) {
        __asm__ volatile("mov %1, %%dr0; mov %1, %%dr3; mov %%dr3, %0" : "=r"(value) : "r"(addresses[i]));
        check_equal("DR3: reads as written", value, addresses[i]);
    }
    ATTEMPT("mov %%dr4, %0", : "=r"(value));
    check("DR4 is DR6", fault.vector == NO_FAULT);
    __asm__ volatile("mov %0, %%dr0; mov %1, %%dr7" : : "r"(&watched), "r"(0x000f0402UL)); /* 4 bytes, read or write */
    ATTEMPT("mov watched, %%eax; nop", : : : "eax");
    check("a breakpoint on data", fault.vector == VECTOR_DEBUG);
    __asm__ volatile("mov %0, %%dr7" : : "r"((uint64_t)DR7_FIXED));
}

static void test_flags(void)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t value = RFLAGS_FIXED | (1ULL << bit & ~(RFLAGS_IF | RFLAGS_NT));
        ATTEMPT("push %0; popfq; nop; nop", : : "r"(value) : "cc"); /* TF: #DB in there */
        __asm__ volatile("push %0; popfq" : : "r"(RFLAGS_FIXED) : "cc");
    }
    ATTEMPT("push %0; popfq; iretq", : : "r"(RFLAGS_FIXED | RFLAGS_NT)); /* a nested task in long mode */
    check("IRETQ with NT: #GP", fault.vector == VECTOR_PROTECTION);
    __asm__ volatile("push %0; popfq" : : "r"(RFLAGS_FIXED) : "cc");
}

void guest_main(void)
{
    tables_supervisor();
    test_cr0();
    test_cr3();
    test_cr4();
    test_efer();
    cr4_write(cr4_read() | CR4_OSXSAVE);
    test_xcr0();
    test_debug();
    test_flags();
    print("done\n");
}
