/*
 * Two CPUs: one makes system calls in ring 3 from a page whose mapping the other one changes all the time, to another page, to
 * nothing and back, while the hypervisor reads the code that it traps.  With the word way=1 the code accesses device registers
 * instead, which the hypervisor decodes: there it may find no such instruction any more, which ends the sandbox.
 */
#include "tests/guests/guest.h"

#define X2APIC_SPURIOUS 0x80f
#define X2APIC_ICR 0x830
#define ICR_INIT 0x4500u
#define ICR_STARTUP 0x4608u
#define START 0x8000u
#define LEAF 0x20000u  /* page table of the code's 2 MiB; in low memory, where real mode reaches it */
#define PAGE_A 0x30000u /* calls or accesses */
#define PAGE_B 0x40000u /* nothing of the kind */
#define CODE MiB(512)  /* virtual */
#define ROUNDS 400u
#define STAR 0x001b000800000000ULL
#define LAPIC_PAGE 0xfee00000ULL

__asm__(".pushsection .rodata\n"
        ".code16\n"
        ".globl racer, racer_end\n"
        "racer:\n"
        "    cli\n"
        "    mov $0x2000, %ax\n"
        "    mov %ax, %ds\n"
        "1:  movl $0x30007, 0\n"
        "    mov $200, %cx\n"
        "2:  loop 2b\n"
        "    movl $0x40007, 0\n"
        "    mov $60, %cx\n"
        "3:  loop 3b\n"
        "    movl $0, 0\n"
        "    mov $20, %cx\n"
        "4:  loop 4b\n"
        "    jmp 1b\n"
        "racer_end:\n"
        ".code64\n"
        ".popsection\n");

extern const char racer[], racer_end[];

static void tables_make(void)
{
    volatile uint64_t *leaf = (volatile uint64_t *)(uintptr_t)LEAF;

    memory_fill((void *)(uintptr_t)LEAF, 0, PAGE_SIZE);
    leaf[0] = PAGE_A | 7;
    tables[2][CODE / MiB(2)] = LEAF | 7;
    fourth_gib_map();
    tables[1][3] |= 4;
    ((uint64_t *)(uintptr_t)(tables[1][3] & ~0xfffULL))[(LAPIC_PAGE - GiB(3)) / MiB(2)] |= 4;
}

static void code_put(uint32_t at, const uint8_t *bytes, unsigned n)
{
    for (unsigned i = 0; i + n <= PAGE_SIZE; i += n)
        for (unsigned j = 0; j < n; j++)
            ((volatile uint8_t *)(uintptr_t)at)[i + j] = bytes[j];
}

static void other_cpu_start(void)
{
    for (const char *from = racer; from < racer_end; from++)
        ((volatile char *)(uintptr_t)START)[from - racer] = *from;
    msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC | APIC_BASE_ENABLE);
    msr_write(X2APIC_SPURIOUS, 0x1ff);
    msr_write(X2APIC_ICR, 1ULL << 32 | ICR_INIT);
    msr_write(X2APIC_ICR, 1ULL << 32 | ICR_STARTUP);
}

void guest_main(void)
{
    static const uint8_t call[] = {0x0f, 0x05}, access[] = {0x8b, 0x06}, /* SYSCALL; mov (%rsi), %eax */ nothing[] = {0x90};
    uint64_t ends[32] = {0};
    bool devices = option("way", 0) == 1;

    tables_make();
    code_put(PAGE_A, devices ? access : call, 2);
    code_put(PAGE_B, nothing, 1);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE);
    msr_write(MSR_STAR, STAR);
    msr_write(MSR_LSTAR, (uintptr_t)syscall_entry);
    msr_write(MSR_FMASK, 0);
    other_cpu_start();
    print("done\n");
    for (unsigned i = 0; i < ROUNDS; i++) {
        __asm__ volatile("mov %0, %%rsi" : : "r"(LAPIC_PAGE) : "rsi");
        user_run((void (*)(void))CODE, RFLAGS_FIXED);
        ends[fault.vector & 31]++;
    }
    say("ended by page faults", ends[14]);
    check_equal("ended by nothing else", ends[14], ROUNDS);
    check("the code changed in the midst", fault.rip >= CODE && fault.rip <= CODE + PAGE_SIZE);
}
