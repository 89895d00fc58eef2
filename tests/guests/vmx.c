/*
 * Every instruction of VMX, SMX and their like, in ring 0 and ring 3: undefined here, all of them, and VMCALL answers ring 0
 * only.
 */
#include <asm-generic/errno.h>
#include <linux/kvm_para.h>

#include "tests/guests/guest.h"

#define VECTOR_UNDEFINED 6

static uint64_t memory[512] aligned_to(4096);

static void expect_undefined(const char *name)
{
    if (fault.vector == VECTOR_UNDEFINED && fault.error == 0)
        check(name, true);
    else
        check_equal(name, fault.vector, VECTOR_UNDEFINED);
}

#define UNDEFINED(name, code, ...)                                                                                     \
    do {                                                                                                               \
        ATTEMPT(code, __VA_ARGS__);                                                                                    \
        expect_undefined(name);                                                                                        \
    } while (0)

static void test_ring0(void)
{
    UNDEFINED("VMXON", "vmxon %0", : : "m"(memory[0]));
    UNDEFINED("VMXOFF", "vmxoff", :);
    UNDEFINED("VMCLEAR", "vmclear %0", : : "m"(memory[0]));
    UNDEFINED("VMPTRLD", "vmptrld %0", : : "m"(memory[0]));
    UNDEFINED("VMPTRST", "vmptrst %0", : "+m"(memory[0]));
    UNDEFINED("VMREAD", "vmread %%rax, %%rcx", : : "a"(0x681e) : "rcx");
    UNDEFINED("VMREAD to memory", "vmread %%rax, %0", : "+m"(memory[0]) : "a"(0x6c16));
    UNDEFINED("VMWRITE", "vmwrite %%rcx, %%rax", : : "a"(0x6c16), "c"(memory));
    UNDEFINED("VMWRITE from memory", "vmwrite %0, %%rax", : : "m"(memory[0]), "a"(0x201a));
    UNDEFINED("VMLAUNCH", "vmlaunch", :);
    UNDEFINED("VMRESUME", "vmresume", :);
    UNDEFINED("INVEPT", "invept %0, %1", : : "m"(memory[0]), "r"(2UL));
    UNDEFINED("INVVPID", "invvpid %0, %1", : : "m"(memory[0]), "r"(2UL));
    for (uint64_t leaf = 0; leaf < 64; leaf += 63)
        UNDEFINED("VMFUNC", "vmfunc", : : "a"(leaf), "c"(1));
    UNDEFINED("GETSEC", ".byte 0x0f, 0x37", : : "a"(0), "b"(0));
    UNDEFINED("RSM", "rsm", :);
    UNDEFINED("ENCLS", ".byte 0x0f, 0x01, 0xcf", : : "a"(0));
    UNDEFINED("ENCLV", ".byte 0x0f, 0x01, 0xc0", : : "a"(0));
    UNDEFINED("PCONFIG", ".byte 0x0f, 0x01, 0xc5", : : "a"(0));
    UNDEFINED("VMRUN", ".byte 0x0f, 0x01, 0xd8", : : "a"(memory));
    UNDEFINED("VMLOAD", ".byte 0x0f, 0x01, 0xda", : : "a"(memory));
    UNDEFINED("VMMCALL", ".byte 0x0f, 0x01, 0xd9", : : "a"(0));
    UNDEFINED("STGI", ".byte 0x0f, 0x01, 0xdc", :);
    UNDEFINED("INVLPGA", ".byte 0x0f, 0x01, 0xdf", : : "a"(memory), "c"(1));
    UNDEFINED("MONITOR", "monitor", : : "a"(memory), "c"(0), "d"(0));
    UNDEFINED("MWAIT", "mwait", : : "a"(0), "c"(0));
    UNDEFINED("UMONITOR", ".byte 0xf3, 0x0f, 0xae, 0xf0", : : "a"(memory));
    UNDEFINED("UMWAIT", ".byte 0xf2, 0x0f, 0xae, 0xf1", : : "a"(0), "d"(0));
    UNDEFINED("TPAUSE", ".byte 0x66, 0x0f, 0xae, 0xf1", : : "a"(0), "d"(0));
}

static void user_vmxon(void)
{
    __asm__ volatile("vmxon memory" : : "m"(memory));
}

static void user_vmxoff(void)
{
    __asm__ volatile("vmxoff");
}

static void user_vmclear(void)
{
    __asm__ volatile("vmclear memory" : : "m"(memory));
}

static void user_vmptrld(void)
{
    __asm__ volatile("vmptrld memory" : : "m"(memory));
}

static void user_vmread(void)
{
    __asm__ volatile("vmread %%rax, %%rcx" : : : "rcx");
}

static void user_vmwrite(void)
{
    __asm__ volatile("vmwrite %rax, %rcx");
}

static void user_vmlaunch(void)
{
    __asm__ volatile("vmlaunch");
}

static void user_vmresume(void)
{
    __asm__ volatile("vmresume");
}

static void user_vmfunc(void)
{
    __asm__ volatile("xor %eax, %eax; xor %ecx, %ecx; vmfunc");
}

static void user_invept(void)
{
    __asm__ volatile("mov $2, %%eax; invept memory, %%rax" : : "m"(memory) : "rax");
}

static void user_invvpid(void)
{
    __asm__ volatile("mov $2, %%eax; invvpid memory, %%rax" : : "m"(memory) : "rax");
}

static void user_vmcall(void)
{
    __asm__ volatile("mov $0x54500001, %eax; xor %ebx, %ebx; vmcall; int3");
}

static void test_ring3(void)
{
    static const struct {
        const char *name;
        void (*code)(void);
    } undefined[] = {
        {"VMXON in ring 3", user_vmxon},       {"VMXOFF in ring 3", user_vmxoff},     {"VMCLEAR in ring 3", user_vmclear},
        {"VMPTRLD in ring 3", user_vmptrld},   {"VMREAD in ring 3", user_vmread},     {"VMWRITE in ring 3", user_vmwrite},
        {"VMLAUNCH in ring 3", user_vmlaunch}, {"VMRESUME in ring 3", user_vmresume}, {"VMFUNC in ring 3", user_vmfunc},
        {"INVEPT in ring 3", user_invept},     {"INVVPID in ring 3", user_invvpid},
    };

    for (unsigned i = 0; i < ARRAY_SIZE(undefined); i++) {
        user_run(undefined[i].code, RFLAGS_FIXED);
        expect_undefined(undefined[i].name);
    }
    user_run(user_vmcall, RFLAGS_FIXED);
    check("VMCALL in ring 3 is refused", fault.vector == 3 && user_regs.rax == (uint64_t)-KVM_EPERM);
}

void guest_main(void)
{
    test_ring0();
    test_ring3();
    print("done\n");
}
