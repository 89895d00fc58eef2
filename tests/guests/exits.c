/*
 * Exits that must look to a guest like the CPU: what CPUID says, which MSRs and ports exist, what faults, how interrupts come
 * after instructions that exited.
 */
#include <asm/kvm_para.h>
#include <linux/kvm_para.h>

#include "abi/capture.h"
#include "tests/guests/guest.h"

#define VECTOR 0x30
#define X2APIC_SELF_IPI 0x83f
#define X2APIC_SPURIOUS 0x80f
#define X2APIC_LVT_TIMER 0x832
#define LVT_DEADLINE BIT(18)
#define XSTATE_XSAVEC BIT(1)
#define VECTOR_LOW 0x20
#define WAIT_TICKS 100000
#define TWO_INTERRUPTS_TICKS 2000

static void check_fault(const char *name, uint64_t vector, uint64_t error)
{
    if (fault.vector == vector && fault.error == error)
        check(name, true);
    else
        check_equal(name, fault.vector << 32 | fault.error, vector << 32 | error);
}

static void test_cpuid(void)
{
    struct cpuid_regs r = cpuid_count(KVM_CPUID_SIGNATURE, 0);

    check("cpuid: KVM's signature", r.ebx == 0x4b4d564b && r.ecx == 0x564b4d56 && r.edx == 0x4d);
    r = cpuid_count(CAPTURE_CPUID_LEAF, 0);
    check("cpuid: capture leaf", r.eax == CAPTURE_VERSION && r.ebx == CAPTURE_SIGNATURE_EBX);
    r = cpuid_count(1, 0);
    check("cpuid: hypervisor, no VMX, no MONITOR", (r.ecx & BIT(31)) && !(r.ecx & (BIT(5) | BIT(3))));
    check("cpuid: OSXSAVE follows CR4", !(r.ecx & BIT(27)));
    cr4_write(cr4_read() | CR4_OSXSAVE);
    check("cpuid: OSXSAVE follows CR4 when set", cpuid_count(1, 0).ecx & BIT(27));
    check_equal("cpuid: XSAVE area of x87 and SSE", cpuid_count(0xd, 0).ebx, 576);
    r = cpuid_count(0x40000010, 0);
    check("cpuid: frequencies", r.eax && r.eax == r.ebx);
    r = cpuid_count(0x8fffffff, 7);
    check("cpuid: an unknown leaf is zero", !(r.eax | r.ebx | r.ecx | r.edx));
}

static void test_msrs(void)
{
    ATTEMPT("rdmsr", : : "c"(0x12345) : "eax", "edx");
    check_fault("msr: reading an unknown one", 13, 0);
    ATTEMPT("wrmsr", : : "c"(0x12345), "a"(0), "d"(0));
    check_fault("msr: writing an unknown one", 13, 0);
    ATTEMPT("wrmsr", : : "c"(MSR_LSTAR), "a"(0), "d"(0x00800000));
    check_fault("msr: LSTAR not canonical", 13, 0);
    ATTEMPT("wrmsr", : : "c"(MSR_EFER), "a"(0), "d"(1));
    check_fault("msr: EFER's reserved bits", 13, 0);
    ATTEMPT("wrmsr", : : "c"(MSR_EFER), "a"(0x401), "d"(0));
    check_fault("msr: EFER.LME with paging on", 13, 0);
    msr_write(MSR_EFER, msr_read(MSR_EFER) | EFER_SCE);
    check("msr: EFER.SCE reads as written", msr_read(MSR_EFER) & EFER_SCE);
    msr_write(MSR_STAR, 0x001b000800000000ULL);
    check_equal("msr: STAR reads as written", msr_read(MSR_STAR), 0x001b000800000000ULL);
    msr_write(MSR_KERNEL_GS_BASE, 0x1234);
    check_equal("msr: KERNEL_GS_BASE", msr_read(MSR_KERNEL_GS_BASE), 0x1234);
}

static void test_undefined(void)
{
    static uint64_t memory[512] aligned_to(4096);

    ATTEMPT("vmxoff", :);
    check_fault("VMXOFF", 6, 0);
    ATTEMPT("vmptrst %0", : "+m"(memory[0]));
    check_fault("VMPTRST", 6, 0);
    ATTEMPT("vmread %%rax, %%rcx", : : : "rcx");
    check_fault("VMREAD", 6, 0);
    ATTEMPT("monitor", : : "a"(memory), "c"(0), "d"(0));
    check_fault("MONITOR", 6, 0);
    ATTEMPT("mwait", : : "a"(0), "c"(0));
    check_fault("MWAIT", 6, 0);
    ATTEMPT("ud2", :);
    check_fault("UD2", 6, 0);
    check("UD2 pushes RF", fault.rflags & RFLAGS_RF);
    ATTEMPT("rdpmc", : : "c"(0) : "eax", "edx");
    check_fault("RDPMC", 13, 0);
    ATTEMPT("wbinvd", :);
    check_fault("WBINVD", NO_FAULT, fault.error);
}

static void test_control_registers(void)
{
    ATTEMPT("xsetbv", : : "c"(0), "a"(0), "d"(0));
    check_fault("XSETBV without x87", 13, 0);
    ATTEMPT("xsetbv", : : "c"(1), "a"(1), "d"(0));
    check_fault("XSETBV of an unknown register", 13, 0);
    ATTEMPT("xsetbv", : : "c"(0), "a"(1), "d"(0x80000000));
    check_fault("XSETBV of an unknown feature", 13, 0);
    ATTEMPT("xsetbv", : : "c"(0), "a"(3), "d"(0));
    check_fault("XSETBV of x87 and SSE", NO_FAULT, fault.error);
    ATTEMPT("mov %0, %%cr4", : : "r"(cr4_read() | CR4_VMXE));
    check_fault("CR4.VMXE", 13, 0);
    ATTEMPT("mov %0, %%cr4", : : "r"(cr4_read() | CR4_LA57));
    check_fault("CR4.LA57", 13, 0);
    ATTEMPT("mov %0, %%cr4", : : "r"(cr4_read() & ~CR4_PAE));
    check_fault("CR4.PAE cleared in long mode", 13, 0);
    check("CR4.VMXE reads as 0", !(cr4_read() & CR4_VMXE));
    cr0_write(cr0_read() & ~CR0_NE);
    check("CR0.NE reads as cleared", !(cr0_read() & CR0_NE));
    cr0_write(cr0_read() | CR0_NE);
    check("CR0.NE reads as set", cr0_read() & CR0_NE);
    cr0_write(cr0_read() | CR0_CD | CR0_NW);
    check("CR0.CD and NW read as set", (cr0_read() & (CR0_CD | CR0_NW)) == (CR0_CD | CR0_NW));
    ATTEMPT("mov %0, %%cr0", : : "r"(cr0_read() & ~CR0_CD));
    check_fault("CR0.NW without CD", 13, 0);
    cr0_write(cr0_read() & ~(CR0_CD | CR0_NW));
    check("CR0.CD reads as cleared", !(cr0_read() & CR0_CD));
    ATTEMPT("mov %0, %%cr8", : : "r"(16UL));
    check_fault("CR8 above 15", 13, 0);
    uint64_t priority;
    __asm__ volatile("mov %1, %%cr8; mov %%cr8, %0" : "=r"(priority) : "r"(9UL));
    check_equal("CR8 reads as written", priority, 9);
    __asm__ volatile("mov %0, %%cr8" : : "r"(0UL));
}

static void test_ports(void)
{
    uint8_t bytes[8] = {0};
    void *to = bytes;
    const char *text = "ok ports: a string instruction to the log\n";
    size_t n = 42;
    uint64_t rax = 0x1122334455667788;

    check_equal("port: nobody, 1 byte", port_inb(0x1234), 0xff);
    check_equal("port: nobody, 2 bytes", port_inw(0x1234), 0xffff);
    check_equal("port: nobody, 4 bytes", port_inl(0x1234), 0xffffffff);
    check_equal("port: the log", port_inb(0xe9), 0xe9);
    __asm__ volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(0x1234));
    check_equal("port: 2 bytes keep the rest of RAX", rax, 0x112233445566ffff);
    port_outsb(0xe9, text, n);
    n = 4;
    __asm__ volatile("rep insb" : "+D"(to), "+c"(n) : "d"(0x1234) : "memory");
    check("port: string input", *(uint64_t *)bytes == 0xffffffff && to == bytes + 4 && n == 0);
}

static void test_calls(void)
{
    long result;

    __asm__ volatile("vmcall" : "=a"(result) : "a"(1), "b"(0), "c"(0), "d"(0), "S"(0) : "memory");
    check_equal("VMCALL: KVM's are absent", (uint64_t)result, (uint64_t)-KVM_ENOSYS);
    __asm__ volatile("vmcall" : "=a"(result) : "a"(CAPTURE_CALL_REGISTER), "b"(0x7ffffffff000ULL) : "memory");
    check_equal("VMCALL: a capture page outside of memory", (uint64_t)result, (uint64_t)-14);
}

/* An instruction in STI's shadow exits: the interrupt must come after it, and come once. */
static void test_interrupts(void)
{
    msr_write(MSR_APIC_BASE, msr_read(MSR_APIC_BASE) | APIC_BASE_X2APIC | APIC_BASE_ENABLE);
    msr_write(X2APIC_SPURIOUS, 0x1ff);
    msr_write(X2APIC_SELF_IPI, VECTOR);
    check_equal("interrupt: held while IF is clear", interrupts, 0);
    uint32_t a = 0;
    __asm__ volatile("sti; cpuid; nop; cli" : "+a"(a) : : "rbx", "rcx", "rdx", "memory");
    check_equal("interrupt: after CPUID in STI's shadow", interrupts, 1);
    __asm__ volatile("mov %0, %%cr8" : : "r"(15UL));
    msr_write(X2APIC_SELF_IPI, VECTOR);
    __asm__ volatile("sti; nop; nop; cli" : : : "memory");
    check_equal("interrupt: held by the task priority", interrupts, 1);
    __asm__ volatile("sti; nop; mov %0, %%cr8; nop; cli" : : "r"(0UL) : "memory");
    check_equal("interrupt: delivered when it drops", interrupts, 2);
    msr_write(X2APIC_LVT_TIMER, LVT_DEADLINE | VECTOR);
    uint64_t wake = tsc_read() + WAIT_TICKS;
    msr_write(MSR_TSC_DEADLINE, wake);
    __asm__ volatile("sti; hlt; cli" : : : "memory");
    check("interrupt: the timer wakes HLT, on time", interrupts == 3 && tsc_read() >= wake);
    wake = tsc_read() + WAIT_TICKS;
    msr_write(MSR_TSC_DEADLINE, wake);
    irq_enable();
    while (interrupts == 3 && tsc_read() < wake + WAIT_TICKS)
        barrier();
    irq_disable();
    check("interrupt: the timer interrupts a loop", interrupts == 4);
}

/* The timer expires while the hypervisor answers for another interrupt, at every moment of that: both must come. */
static void test_two_interrupts(void)
{
    unsigned lost = 0;

    for (unsigned wait = 0; wait < TWO_INTERRUPTS_TICKS; wait++) {
        uint64_t before = interrupts, give_up = tsc_read() + WAIT_TICKS;

        irq_enable();
        msr_write(MSR_TSC_DEADLINE, tsc_read() + wait);
        msr_write(X2APIC_SELF_IPI, VECTOR_LOW);
        while (interrupts < before + 2 && tsc_read() < give_up)
            barrier();
        irq_disable();
        lost += interrupts != before + 2;
    }
    check_equal("interrupt: none is lost when two come at once", lost, 0);
}

/* TF: the step over an instruction that exits ends right behind it. */
static void test_single_step(void)
{
    static volatile uint64_t behind;

    ATTEMPT("lea 3f(%%rip), %%rax; mov %%rax, %0; pushfq; orq $0x100, (%%rsp); popfq; xor %%eax, %%eax\n3:\tnop",
            : "=m"(behind) : : "rax");
    check("single step over XOR", fault.vector == 1 && fault.rip == behind);
    ATTEMPT("lea 3f(%%rip), %%rax; mov %%rax, %0; xor %%eax, %%eax; pushfq; orq $0x100, (%%rsp); popfq; cpuid\n3:\tnop",
            : "=m"(behind) : : "rax", "rbx", "rcx", "rdx");
    check("single step over CPUID", fault.vector == 1 && fault.rip == behind);
}

void guest_main(void)
{
    test_cpuid();
    test_msrs();
    test_undefined();
    test_control_registers();
    test_ports();
    test_calls();
    test_interrupts();
    test_two_interrupts();
    test_single_step();
    print("done\n");
}
