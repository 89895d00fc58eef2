/*
 * SYSCALL and SYSRET: what the gate performs must equal what the CPU does.  The same lines are expected trapped and direct.
 */
#include "tests/guests/guest.h"

#define KERNEL_CS 0x08
#define STAR 0x001b000800000000ULL
#define FLAGS_MASKED (RFLAGS_TF | RFLAGS_IF | RFLAGS_DF | RFLAGS_AC)
#define USER_FLAGS (RFLAGS_FIXED | RFLAGS_CF | BIT(7) | BIT(11))
#define NON_CANONICAL 0x0000800000000000ULL
#define LARGE_TEST_OFFSET 0x100 /* of the code in its large page */
#define SPARE_PAGES 0x800000ULL /* physical, in the second half of the test guest's memory */

static void user_call(void)
{
    __asm__ volatile("cld; std; mov $7, %%eax; stc; .byte 0x0f, 0x05; int3" : : : "rax", "rcx", "r11");
}

static void user_call_rex(void)
{
    __asm__ volatile("mov $8, %%eax; .byte 0x48, 0x0f, 0x05; int3" : : : "rax", "rcx", "r11");
}

static void user_sysret(void)
{
    __asm__ volatile("xor %%ecx, %%ecx; .byte 0x48, 0x0f, 0x07" : : : "rcx");
}

static void user_ud2(void)
{
    __asm__ volatile("ud2");
}

static void test_round_trip(void)
{
    user_run(user_call, USER_FLAGS);
    check_equal("call: the program ends at its breakpoint", fault.vector, 3);
    check_equal("call: result", user_regs.rax, 1007);
    check_equal("call: RCX is the next instruction", call_rcx, fault.rip - 1);
    check_equal("call: RCX comes back", user_regs.rcx, call_rcx);
    check("call: R11 has the flags, without RF", (call_r11 & (RFLAGS_CF | RFLAGS_DF | RFLAGS_RF)) == (RFLAGS_CF | RFLAGS_DF));
    check_equal("call: flags are masked", call_flags & (FLAGS_MASKED | RFLAGS_RF), 0);
    check("call: other flags stay", call_flags & RFLAGS_CF);
    check("call: flags come back", (fault.rflags & (RFLAGS_CF | RFLAGS_DF)) == (RFLAGS_CF | RFLAGS_DF));
    check_equal("call: CS", call_cs & 0xffff, KERNEL_CS);
    check_equal("call: SS", call_ss & 0xffff, KERNEL_CS + 8);
    check_equal("call: RSP is left alone", call_rsp, user_regs.rsp);
    user_run(user_call_rex, RFLAGS_FIXED);
    check_equal("call: with a REX prefix", user_regs.rax, 1008);
    check_equal("call: with a REX prefix, next instruction", call_rcx, fault.rip - 1);
    sysret_form = 1;
    user_run(user_call, RFLAGS_FIXED);
    sysret_form = 0;
    check_equal("return: with all REX bits", user_regs.rax, 1007);
}

static void test_faults(void)
{
    user_run(user_sysret, RFLAGS_FIXED);
    check("SYSRET in ring 3: #GP(0)", fault.vector == 13 && fault.error == 0);
    user_run(user_ud2, RFLAGS_FIXED);
    check("UD2 in ring 3: #UD with RF", fault.vector == 6 && (fault.rflags & RFLAGS_RF) &&
                                            fault.rip >= (uintptr_t)user_ud2);
    ATTEMPT(".byte 0x48, 0x0f, 0x07", : : "c"(NON_CANONICAL) : "r11");
    check("SYSRET to a non-canonical address: #GP(0) in ring 0", fault.vector == 13 && fault.error == 0);
    msr_write(MSR_EFER, msr_read(MSR_EFER) & ~EFER_SCE);
    user_run(user_call, RFLAGS_FIXED);
    check_equal("SYSCALL while EFER.SCE is clear: #UD", fault.vector, 6);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE);
}

/* The bytes must be read through the tables as they are: the page's address is given another page, without a flush. */
static void test_remapped(void)
{
    static const uint8_t call[] = {0xb8, 5, 0, 0, 0, 0x0f, 0x05, 0xcc}, other[] = {0xb8, 5, 0, 0, 0, 0x0f, 0x0b, 0xcc};
    uint64_t page = SPARE_PAGES;
    void (*code)(void) = (void (*)(void))(page + LARGE_TEST_OFFSET);

    for (unsigned i = 0; i < sizeof call; i++) {
        ((volatile uint8_t *)(page + LARGE_TEST_OFFSET))[i] = call[i];
        ((volatile uint8_t *)(page + MiB(2) + LARGE_TEST_OFFSET))[i] = other[i];
    }
    user_run(code, RFLAGS_FIXED);
    check_equal("code page: a call", user_regs.rax, 1005);
    tables[2][page >> 21] = (page + MiB(2)) | 0x87;
    cr3_write(cr3_read());
    user_run(code, RFLAGS_FIXED);
    check_equal("code page: another page at its address", fault.vector, 6);
    tables[2][page >> 21] = page | 0x87;
    cr3_write(cr3_read());
    user_run(code, RFLAGS_FIXED);
    check_equal("code page: the first one again", user_regs.rax, 1005);
}

/* A SYSCALL whose two bytes lie in two pages. */
static void test_straddling(void)
{
    static const uint8_t bytes[] = {0xb8, 6, 0, 0, 0, 0x0f, 0x05, 0xcc};
    uint64_t start = SPARE_PAGES + 2 * PAGE_SIZE - 6;

    for (unsigned i = 0; i < sizeof bytes; i++)
        ((volatile uint8_t *)start)[i] = bytes[i];
    user_run((void (*)(void))start, RFLAGS_FIXED);
    check_equal("code page: an instruction across its end", user_regs.rax, 1006);
}

void guest_main(void)
{
    msr_write(MSR_STAR, STAR);
    msr_write(MSR_LSTAR, (uintptr_t)syscall_entry);
    msr_write(MSR_FMASK, FLAGS_MASKED);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE);
    test_round_trip();
    test_faults();
    test_remapped();
    test_straddling();
    print("done\n");
}
